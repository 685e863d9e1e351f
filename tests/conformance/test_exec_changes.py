"""What changes while a command runs: pods that go, containers that restart, children that stay."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from support.places import Place, eventually

MORTAL = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "mortal", "labels": {"app": "mortal"}},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "main",
                "image": "podium.test/busybox:1",
                "imagePullPolicy": "Never",
                # a first process that a signal ends
                "command": ["sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"],
            }
        ],
    },
}


def only(result: Any) -> Any:
    (target,) = result["targets"]
    return target


@pytest.fixture(scope="module")
def mortal(place: Place) -> Iterator[str]:
    """A pod whose container can be made to restart."""
    if not place.is_real:
        yield "solo"
        return
    assert place.kubectl("apply", "-f", "-", stdin=json.dumps(MORTAL).encode()).code == 0
    assert place.kubectl("wait", "--for=condition=Ready", "pod/mortal", "--timeout=60s").code == 0
    yield "mortal"
    place.kubectl("delete", "pod", "mortal", "--wait=false")


def restart(place: Place, pod: str) -> None:
    """Make the pod's container restart."""
    if place.is_real:
        place.kubectl("exec", pod, "--", "kill", "1")
        return
    done = place.kubectl("create", "--raw", f"/sandbox/pods/{place.namespace}/{pod}/restart", "-f", "-", stdin=b"{}")
    assert done.code == 0, done.err


@contextmanager
def running(place: Place, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """`podium exec -o json ARGV` while it runs; nothing of it is left behind."""
    with place.start("exec", "-o", "json", *argv) as process:
        try:
            yield process
        finally:
            process.kill()


def begun(place: Place, pods: Sequence[str], path: str) -> str:
    """Wait until a command has left a file in one of the pods: it runs. Return which."""
    found: list[str] = []

    def looked() -> bool:
        found.extend(pod for pod in pods if place.kubectl("exec", pod, "--", "test", "-e", path).code == 0)
        return bool(found)

    eventually(looked, 30)
    return found[0]


def end_of(process: subprocess.Popen[bytes]) -> Any:
    """Wait for the end and return the object."""
    out, err = process.communicate(timeout=60)
    assert out, err.decode()
    return json.loads(out)


def a_web_pod(place: Place) -> str:
    pods = place.get("pods", "-l", "app=web")["items"]
    running = [
        pod for pod in pods if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"
    ]
    return str(running[0]["metadata"]["name"])


@pytest.mark.on("sandbox", "real")
def test_pitfall_16_a_pod_deleted_in_mid_exec_ends_the_exec(place: Place) -> None:
    pod = a_web_pod(place)
    with running(place, pod, "--timeout", "50s", "--", "sh", "-c", "touch /tmp/m16; sleep 600") as process:
        begun(place, [pod], "/tmp/m16")
        assert place.kubectl("delete", "pod", pod, "--wait=false").code == 0
        target = only(end_of(process))
    # the runtime may still tell that the command was killed; else the watch tells that the pod went
    told = (target["outcome"], target["exit_code"], target["reason"])
    assert told in {("lost", None, "pod deleted"), ("failed", 137, "container replaced")}, target
    assert target["attempts"] == 1
    eventually(
        lambda: (
            len(place.get("pods", "-l", "app=web")["items"]) == 4
            and place.exec("-l", "app=web", "--", "true")["exit_status"] == 0
        ),
        60,
    )


@pytest.mark.on("sandbox", "real")
def test_pitfall_15_a_restarted_container_is_told_from_a_killed_command(place: Place, mortal: str) -> None:
    killed = only(place.exec(mortal, "--", "sh", "-c", "kill -9 $$"))
    assert (killed["outcome"], killed["exit_code"], killed["reason"]) == ("failed", 137, None)
    with running(place, mortal, "--", "sh", "-c", "touch /tmp/m15; sleep 600") as process:
        begun(place, [mortal], "/tmp/m15")
        restart(place, mortal)
        target = only(end_of(process))
    assert (target["outcome"], target["exit_code"], target["reason"]) == ("failed", 137, "container replaced")


@pytest.mark.on("sandbox", "real")
def test_pitfall_4_a_child_that_holds_stdout(place: Place) -> None:
    script = "echo ok; sleep 30 & exit 0"
    target = only(place.exec("solo", "--timeout", "2s", "--", "sh", "-c", script))
    assert (target["outcome"], target["stdout"]) == ("timed_out", "ok\n")
    assert "background child" in target["reason"] + (target["detail"] or "")
    assert target["stopped"] == "unconfirmed"
    # with a shell of ours the command's own end is known
    told = only(place.exec("solo", "-i", "--timeout", "3s", "--", "sh", "-c", script, stdin=b"x"))
    assert (told["outcome"], told["reason"], told["stdout"]) == ("timed_out", "a background child holds stdout", "ok\n")


def test_a_timeout_keeps_the_output(place: Place) -> None:
    target = only(place.exec("solo", "--timeout", "2s", "--", "sh", "-c", "echo before; sleep 20; echo after"))
    assert (target["outcome"], target["stdout"], target["exit_code"]) == ("timed_out", "before\n", None)


@pytest.mark.on("sandbox", "real")
def test_pitfall_18_a_pod_that_went_after_the_snapshot_is_rejected(place: Place) -> None:
    """One target at a time: while the first one's command runs, the second one's pod goes."""
    pods = sorted(pod["metadata"]["name"] for pod in place.get("pods", "-l", "app=web")["items"])[:2]
    script = "touch /tmp/m18; while [ ! -e /tmp/go18 ]; do sleep 0.1; done"
    with running(place, *pods, "--concurrency", "1", "--timeout", "40s", "--", "sh", "-c", script) as process:
        first = begun(place, pods, "/tmp/m18")
        (second,) = {*pods} - {first}
        assert place.kubectl("delete", "pod", second, "--timeout=40s").code == 0
        assert place.kubectl("exec", first, "--", "touch", "/tmp/go18").code == 0
        ended = {target["pod"]: target for target in end_of(process)["targets"]}
    assert ended[first]["outcome"] == "succeeded"
    assert ended[second]["outcome"] in {"rejected", "skipped"}
    assert ended[second]["reason"] in {"pod not found", "pod deleted", "pod replaced since the snapshot"}
    eventually(lambda: place.exec("-l", "app=web", "--", "true")["exit_status"] == 0, 60)
