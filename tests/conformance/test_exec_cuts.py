"""Connections cut in mid-command, on each leg of the way and each protocol: lost, also where kubectl says 0.

What a translator makes of a cut is a Success (docs/explanation/outcomes.md). Only stdin into a container without a
shell leaves podium nothing but that word, and then it says `proof: translated`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from support.places import BIN, Place, eventually
from support.rig import cut, ports

SLEEP = "20"
#: where an API server (B) or a kubelet (A) translates v5 between itself and the cut, the cut becomes a Success
INVENTED = {("real-b", "kubelet"), ("real-a", "runtime"), ("real-b", "runtime")}


@contextmanager
def started(place: Place, program: str, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program while it runs, with a stdin that stays open."""
    pipe = subprocess.PIPE
    where = ("--context", place.context, "-n", place.namespace)
    command = (str(BIN / program), "exec", *where, *argv)
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=place.environment) as process:
        try:
            yield process
        finally:
            process.kill()


def marked(name: str) -> tuple[str, ...]:
    return ("--", "sh", "-c", f"touch /tmp/{name}; sleep {SLEEP}")


def end_of(process: subprocess.Popen[bytes]) -> Any:
    out, err = process.communicate(timeout=60)
    assert out, err.decode()
    (target,) = json.loads(out)["targets"]
    return target


def node_of(place: Place, pod: str) -> str:
    return str(place.get("pod", pod)["spec"]["nodeName"])


@pytest.mark.on("real")
@pytest.mark.parametrize("leg", ["kubelet", "runtime"])
def test_a_cut_in_mid_command_is_lost(place: Place, leg: str, tmp_path: Any) -> None:
    stdin = tmp_path / "stdin"
    stdin.write_bytes(b"some input\n")
    nodes = {node_of(place, "solo"), node_of(place, "less")}
    before = {(node, port) for node in nodes for port in ports(node, leg)}
    fresh: set[tuple[str, str]] = set()

    def all_stand() -> bool:
        fresh.update({(node, port) for node in nodes for port in ports(node, leg)} - before)
        return len(fresh) >= 4

    with ExitStack() as stack:
        run = stack.enter_context
        theirs = run(started(place, "kubectl", "solo", "-i", *marked(f"{leg}-kubectl")))
        v4 = run(started(place, "podium", "-o", "json", "solo", *marked(f"{leg}-v4")))
        v5 = run(started(place, "podium", "-o", "json", "solo", "--stdin-from", str(stdin), *marked(f"{leg}-v5")))
        bare = ("less", "--stdin-from", str(stdin), "--", "/static", "sleep", SLEEP)
        bare_run = run(started(place, "podium", "-o", "json", *bare))
        eventually(all_stand, 30)
        chosen = set(fresh)
        for name in ("kubectl", "v4", "v5"):
            test = ("exec", "solo", "--", "test", "-e", f"/tmp/{leg}-{name}")
            eventually(lambda test=test: place.kubectl(*test).code == 0, 20)  # type: ignore[misc]
        for one, port in sorted(chosen & {(node, port) for node in nodes for port in ports(node, leg)}):
            cut(one, port, leg)
        for process in (v4, v5):
            target = end_of(process)
            assert (target["outcome"], target["proof"], target["exit_code"]) == ("lost", None, None)
            assert target["attempts"] == 1
        without_shell = end_of(bare_run)
        theirs.communicate(timeout=60)
    if (place.name, leg) in INVENTED:
        assert theirs.returncode == 0  # what podium must not believe
        assert (without_shell["outcome"], without_shell["proof"]) == ("succeeded", "translated")
    else:
        assert theirs.returncode != 0
        assert without_shell["outcome"] == "lost"
