"""Nothing is left over, however runs end: no exec, connection, watch, process on the API server, on the node and here.

The whole is soak; a sample of it runs with the cluster's tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import podium
from podium import Connect
from support.places import BIN, Place, eventually
from support.realms import KUBECTL, RIG, cluster_command, manifest, real_realm, sleeping

PODS = 6
COMMANDS = (
    ("--all", "--", "sleep", "1"),
    ("--all", "--", "sh", "-c", "seq 1 20000; sleep 1"),
    ("-i", "--all", "--", "cat"),
)


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Six pods on the only node of cluster B."""
    six = manifest(*(sleeping(f"p{number}", "p") for number in range(PODS)))
    with real_realm("real-b", tmp_path_factory.mktemp("home"), six) as realm:
        yield realm.place


def levels(place: Place) -> dict[str, int]:
    """What the API server and the node hold open for execs and for watches of one namespace."""
    metrics = place.run((KUBECTL, "--context", place.context, "get", "--raw", "/metrics")).out
    return {
        "execs": _metric(metrics, subresource="exec", verb="CONNECT"),
        "watches": _metric(metrics, resource="pods", scope="namespace", verb="WATCH"),
        "API server to kubelet": len(cluster_command("fault", "tcp-list", "b-n1").splitlines()),
        "kubelet to runtime": len(cluster_command("fault", "tcp-list", "b-n1", "--leg", "runtime").splitlines()),
    }


def _metric(metrics: str, **wanted: str) -> int:
    lines = [line for line in metrics.splitlines() if line.startswith("apiserver_longrunning_requests{")]
    parts = [f'{key}="{value}"' for key, value in wanted.items()]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if all(part in line for part in parts))


def in_pods(place: Place) -> set[str]:
    """What runs in the containers beside their own process and the ps that looks."""
    seen = place.exec("--all", "--", "ps", "-o", "args")
    assert seen["counts"]["succeeded"] == PODS
    lines = {line.strip() for one in seen["targets"] for line in one["stdout"].splitlines()}
    return lines - {"COMMAND", "sleep 100000", "ps -o args"}


def clients() -> set[str]:
    """Podium's processes on this machine that talk to the rig's clusters for this test."""
    mine = str(os.getpid())
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if status.read_text().rpartition(")")[2].split()[1] == mine:
                found.add(status.parent.name)
    return found


def one_run(place: Place, number: int) -> int:
    """One run; every second one is interrupted, each at another moment, and each fourth twice."""
    words = COMMANDS[number % len(COMMANDS)]
    command = [str(BIN / "podium"), "exec", "--context", place.context, "-n", place.namespace, *words]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=place.environment
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(b"x" * 50_000)
        process.stdin.close()
    if number % 2 == 1:
        for _ in range(2 if number % 4 == 3 else 1):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1 * (number % 20))
            process.send_signal(signal.SIGINT)
    return process.wait(60)


def leave_nothing(place: Place, runs: int) -> None:
    """Run, and wait until all levels are back where they were."""
    before, processes = levels(place), clients()
    codes = [one_run(place, number) for number in range(runs)]
    assert set(codes[::2]) == {0}, codes
    # -2: the signal came before Python could take it
    assert set(codes[1::2]) <= {0, 130, -signal.SIGINT}, codes
    assert 130 in codes, "some were interrupted in the middle"
    assert clients() <= processes
    eventually(lambda: not in_pods(place), 60, 0.5)
    after: Mapping[str, int] = {}

    def is_back() -> bool:
        nonlocal after
        after = levels(place)
        return all(after[key] <= before[key] for key in before)

    try:
        eventually(is_back, 60, 0.5)
    except AssertionError:
        pytest.fail(f"before {before}, after {after}")
    open_execs(place)


def open_execs(place: Place) -> None:
    """Each exec that the API server wrote down as begun, it wrote down as ended too."""
    log = (RIG / "audit" / "b.log").read_bytes().splitlines()
    lines = [line.decode() for line in log if place.namespace.encode() in line and b'"subresource":"exec"' in line]
    stages: dict[str, set[str]] = {}
    for line in lines:
        found = re.search(r'"auditID":"([^"]+)","stage":"([^"]+)"', line)
        assert found is not None
        stages.setdefault(found[1], set()).add(found[2])
    assert stages
    # a refusal before the upgrade has no second line
    begun = {key for key, seen in stages.items() if seen == {"ResponseStarted"}}
    refused = {found[1] for line in lines if '"code":4' in line and (found := re.search(r'"auditID":"([^"]+)"', line))}
    assert begun <= refused


@pytest.mark.cluster
def test_pitfall_31_three_runs_leave_nothing(pods: Place) -> None:
    leave_nothing(pods, 6)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_twenty_runs_half_of_them_interrupted_leave_nothing(pods: Place) -> None:
    leave_nothing(pods, 20)


def held() -> tuple[int, int]:
    """Sockets and threads of this process."""
    sockets = 0
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            sockets += str(one.readlink()).startswith("socket:")
    # the loop's own pool keeps its threads for the next call, and ends them with the loop
    ours = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    return sockets, len(ours)


@pytest.mark.cluster
def test_pitfall_31_a_library_run_that_is_cancelled_leaves_nothing_here(pods: Place) -> None:
    settings = Connect(kubeconfig=str(pods.kubeconfig), state_dir=str(pods.home / "state"), environ={})

    async def one(cancel_after: float | None) -> None:
        async with podium.connect(pods.context, settings=settings) as fleet:
            run = fleet.exec(["sleep", "3"], "p*", namespaces=[pods.namespace])
            ends = 0

            async def through() -> None:
                nonlocal ends
                async for _ in run:
                    ends += 1

            try:
                async with asyncio.timeout(cancel_after):
                    await through()
            except TimeoutError:
                return
            assert ends == PODS

    async def main() -> None:
        await one(None)
        before, tasks = held(), len(asyncio.all_tasks())
        for cancel_after in (0.05, 0.3, 0.8, 1.5):
            await one(cancel_after)
            # the commands run on for seconds: what is still open then was not closed by us
            for _ in range(50):
                if held() <= before and len(asyncio.all_tasks()) <= tasks:
                    break
                await asyncio.sleep(0.01)
            assert (held(), len(asyncio.all_tasks())) <= (before, tasks)

    asyncio.run(main())
    eventually(lambda: not in_pods(pods), 30, 0.5)
