"""The places: the sandbox, and the rig's two clusters, each with the same pods in a namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.places import BIN, ROOT, Place, eventually

HERE = Path(__file__).parent
PODS = HERE / "pods.yaml"
SCENARIO = HERE / "conformance.toml"


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The cluster this test runs on, its pods settled."""
    home = tmp_path_factory.mktemp("home")
    name: str = request.param
    opened = sandbox(home) if name == "sandbox" else real(name, home)
    with opened as found:
        yield found


@contextmanager
def sandbox(home: Path) -> Iterator[Place]:
    """An embedded cluster in a process of its own."""
    kubeconfig = home / "kubeconfig"
    command = [str(BIN / "podium"), "sandbox", "--scenario", str(SCENARIO), "--write-kubeconfig", str(kubeconfig)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        eventually(lambda: kubeconfig.exists() or process.poll() is not None, 30)
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        yield Place("sandbox", kubeconfig, "podium-sandbox", "conformance", home)
    finally:
        process.terminate()
        process.communicate(timeout=20)


@contextmanager
def real(name: str, home: Path) -> Iterator[Place]:
    """One of the rig's clusters; the rig must be up (./scripts/test --cluster sees to it)."""
    shown = subprocess.run([ROOT / "scripts" / "cluster", "kubeconfig"], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, f"the rig is not up: ./scripts/cluster up\n{shown.stderr}"
    kubeconfig = Path(shown.stdout.strip()) if Path(shown.stdout.strip()).is_file() else home / "kubeconfig"
    if not kubeconfig.exists():
        kubeconfig.write_text(shown.stdout)
    context = name.replace("real-", "rig-")
    namespace = f"conformance-{os.getpid()}"
    found = Place(name, kubeconfig, context, namespace, home)
    _demand(found.run([str(BIN / "kubectl"), "--context", context, "create", "namespace", namespace]))
    try:
        eventually(lambda: found.kubectl("get", "serviceaccount", "default").code == 0)
        _demand(found.kubectl("apply", "-f", str(PODS)))
        eventually(lambda: _settled(found), 120)
        yield found
    finally:
        found.run([str(BIN / "kubectl"), "--context", context, "delete", "namespace", namespace, "--wait=false"])


def _settled(place: Place) -> bool:
    pods = place.get("pods")["items"]
    states = {pod["metadata"]["name"]: pod for pod in pods}
    ready = [pod for pod in pods if any(c["type"] == "Ready" and c["status"] == "True" for c in _conditions(pod))]
    crashing = states["crashing"]["status"].get("containerStatuses", [{}])[0].get("restartCount", 0)
    return len(pods) == 10 and len(ready) == 7 and states["done"]["status"]["phase"] == "Succeeded" and crashing > 0


def _conditions(pod: dict[str, dict[str, list[dict[str, str]]]]) -> list[dict[str, str]]:
    return pod["status"].get("conditions", [])


def _demand(done: object) -> None:
    code = getattr(done, "code", 1)
    assert code == 0, getattr(done, "err", sys.exc_info())
