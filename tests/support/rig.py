"""The rig's faults, as tests plant them."""

from __future__ import annotations

import subprocess

from support.places import ROOT


def rig(*argv: str, seconds: float = 120.0) -> str:
    """Run ./scripts/cluster to its good end and return what it printed."""
    command = [str(ROOT / "scripts" / "cluster"), *argv]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr or done.stdout}"
    return done.stdout


def ports(target: str, leg: str = "kubelet") -> set[str]:
    """The dialling ends' ports of a target's established connections; a target is a node, a cluster or `hollow`."""
    lines = rig("fault", "tcp-list", target, "--leg", leg).splitlines()
    return {line.partition(" -> ")[0].rpartition(":")[2] for line in lines if " -> " in line}


def cut(target: str, port: str, leg: str = "kubelet") -> None:
    """Cut one connection."""
    rig("fault", "tcp-cut", target, "--leg", leg, "--port", port)
