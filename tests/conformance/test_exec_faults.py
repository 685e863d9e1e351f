"""Nodes and API servers that go away under a run: each target's outcome is true, and the pods' own record agrees.

Each command leaves a line in its pod when it begins and one when it ends; that is what outcomes are held against.
The faults strike cluster B alone (one node), and each test puts it right again.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.places import Place, eventually
from support.rig import rig

NODE = "b-n1"


@contextmanager
def running(place: Place, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    with place.start("exec", "-o", "json", *argv) as process:
        try:
            yield process
        finally:
            process.kill()


def end_of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, err = process.communicate(timeout=90)
    assert out, err.decode()
    return {target["pod"]: target for target in json.loads(out)["targets"]}


@contextmanager
def healed(*argv: str) -> Iterator[None]:
    try:
        yield
    finally:
        rig("fault", *argv)


def web(place: Place) -> list[str]:
    return sorted(pod["metadata"]["name"] for pod in place.get("pods", "-l", "app=web")["items"])


def record(name: str, seconds: float) -> tuple[str, ...]:
    """A command that writes down that it began, and that it ended."""
    return ("--", "sh", "-c", f"echo begin >>/tmp/{name}; sleep {seconds:g}; echo end >>/tmp/{name}")


def records(place: Place, name: str) -> dict[str, str]:
    result = place.exec("-l", "app=web", "--", "cat", f"/tmp/{name}")
    return {target["pod"]: target["stdout"] for target in result["targets"]}


@pytest.mark.on("real", only=("real-b",))
def test_pitfall_19_a_kubelet_that_stops_under_a_run(place: Place) -> None:
    with running(place, "-l", "app=web", "--timeout", "60s", *record("stopped", 6)) as process:
        eventually(lambda: set(records(place, "stopped").values()) == {"begin\n"}, 30)
        with healed("node-start", NODE):
            rig("fault", "node-stop", NODE)
            cut_off = end_of(process)
            # nobody answers on the node's port: three targets find that out, the others are left alone
            refused = place.exec("-l", "app=web", "--max-per-node", "1", *record("refused", 0))
            # v5 is opened before the node is dialled: the refusal comes as a Status
            translated = place.exec(web(place)[0], "-i", *record("refused", 0), stdin=b"x")
    assert [(t["outcome"], t["reason"]) for t in translated["targets"]] == [("rejected", "node unreachable")]
    assert {(t["outcome"], t["proof"], t["attempts"]) for t in cut_off.values()} == {("lost", None, 1)}
    told = sorted((t["outcome"], t["reason"]) for t in refused["targets"])
    assert told == [("rejected", "node unreachable")] * 3 + [("skipped", "node unreachable")]
    assert refused["exit_status"] == 1
    # lost: it had begun, ran on and ended, once; rejected and skipped: nothing ever ran
    eventually(lambda: set(records(place, "stopped").values()) == {"begin\nend\n"}, 60)
    assert len(records(place, "stopped")) == 4
    assert set(records(place, "refused").values()) == {""}


@pytest.mark.on("real", only=("real-b",))
def test_pitfall_1_an_api_server_that_restarts_under_a_run(place: Place) -> None:
    """One at a time: some end before the restart, one is caught by it, the others come after it."""
    argv = ("-l", "app=web", "--max-per-node", "1", "--timeout", "60s", *record("restarted", 2))
    with running(place, *argv) as process:
        eventually(lambda: sorted(records(place, "restarted").values())[-2:] == ["begin\n", "begin\nend\n"], 30)
        rig("fault", "apiserver-restart", "b", "--kill")
        ended = end_of(process)
    assert len(ended) == 4
    left = records(place, "restarted")
    for pod, target in ended.items():
        match target["outcome"]:
            case "succeeded":
                assert left[pod] == "begin\nend\n", target
            case "lost":
                assert left[pod] in {"", "begin\n", "begin\nend\n"}, target
            case "rejected" | "skipped":
                assert left[pod] == "", target
            case other:
                raise AssertionError(other)
    outcomes = [target["outcome"] for target in ended.values()]
    assert outcomes.count("lost") == 1
    assert "succeeded" in outcomes


@pytest.mark.on("real", only=("real-b",))
def test_a_node_that_swallows_packets_is_bounded_by_the_connect_timeout(place: Place) -> None:
    with healed("net-heal", NODE):
        rig("fault", "net-cut", NODE)
        flags = ("--connect-timeout", "2s", "--max-per-node", "1", "--timeout", "20s")
        result = place.exec("-l", "app=web", *flags, *record("swallowed", 0))
    # the request was written and nobody answered: it may have begun, and is not called rejected
    told = sorted((t["outcome"], t["reason"]) for t in result["targets"])
    assert told == [("lost", "no answer to the upgrade request")] * 3 + [("skipped", "node unreachable")]
    assert web(place)
