"""The Debian packages that the rig stands on."""

import os
import shutil
import subprocess
import sys

from .failure import RigError

PACKAGES = (
    "etcd-server",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "conntrack",
    "socat",
    "busybox-static",
    "iproute2",
    "iptables",
    "openssl",
    "gcc",
    "libc6-dev",
    "haproxy",
    "util-linux",
    "dash",
    "bash",
)


def missing() -> list[str]:
    """List the packages that are not installed; raise RigError on a machine without dpkg."""
    if shutil.which("dpkg-query") is None:
        raise RigError("the rig needs Debian (dpkg and apt-get are not here): it takes its parts from Debian packages")
    argv = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Abbrev}\n", *PACKAGES]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    present = {line.split()[0] for line in done.stdout.splitlines() if line.split()[1:2] == ["ii"]}
    return [name for name in PACKAGES if name not in present]


def require() -> None:
    """Install what is missing with apt-get; raise RigError when that fails."""
    wanted = missing()
    if not wanted:
        return
    say = sys.stderr
    print(f"installing Debian packages: {' '.join(wanted)}", file=say, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = (
        ["apt-get", "-q", "-q", "update"],
        ["apt-get", "-q", "-q", "install", "--yes", "--no-install-recommends", *wanted],
    )
    for argv in commands:
        done = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            said = done.stdout.decode(errors="replace").strip().splitlines()[-3:]
            raise RigError(f"`{' '.join(argv)}` ended with {done.returncode}: {' | '.join(said)}")
