"""Each state of a pod and its containers: a target, or left out with the reason, and whether that counts."""

from __future__ import annotations

from typing import Any

import pytest

from domain.selection.fleet import container, fleet, left, picks, pod, select
from podium.domain.inventory import Container, Owner, Pod
from podium.domain.selection import LeftOutWhy as Why

JOB = Owner("Job", "import-1")
SET = Owner("ReplicaSet", "web-6f9c")
IMAGE = "reg.example/shop/web:4.2.2"


def one(*containers: Container, **more: Any) -> Pod:
    return pod("web-1", "shop", *containers, **more)


def waits(reason: str, **more: Any) -> Container:
    return container(state="waiting", reason=reason, **more)


def ended(code: int, reason: str = "", **more: Any) -> Container:
    return container(state="terminated", reason=reason, exit_code=code, **more)


INIT_CRASH = container("migrate", "waiting", "init", reason="CrashLoopBackOff", last_exit_code=3, restarts=5)

STATES = {
    "pending": (
        one(container(state="unknown"), phase="Pending", node=""),
        (Why.PENDING, True, "Pending", None, 0),
    ),
    "creating": (
        one(waits("ContainerCreating"), phase="Pending"),
        (Why.NOT_STARTED, True, "ContainerCreating", None, 0),
    ),
    "initializing": (
        one(container("migrate", kind="init"), waits("PodInitializing"), phase="Pending"),
        (Why.NOT_STARTED, True, "PodInitializing", None, 0),
    ),
    "init crash-loops": (
        one(INIT_CRASH, waits("PodInitializing"), phase="Pending"),
        (Why.WAITING, True, "Init:CrashLoopBackOff", 3, 5),
    ),
    "scheduled, nothing said": (
        one(container(state="unknown"), phase="Pending"),
        (Why.NOT_STARTED, True, "Pending", None, 0),
    ),
    "running, nothing said": (one(container(state="unknown")), (Why.NOT_STARTED, True, "NotStarted", None, 0)),
    "phase unknown": (
        one(container(state="unknown"), phase="Unknown"),
        (Why.NOT_STARTED, True, "Unknown", None, 0),
    ),
    "crash-looping": (
        one(waits("CrashLoopBackOff", last_exit_code=1, restarts=4)),
        (Why.WAITING, True, "CrashLoopBackOff", 1, 4),
    ),
    "no image": (
        one(waits("ImagePullBackOff", image=IMAGE), phase="Pending"),
        (Why.WAITING, True, "ImagePullBackOff web:4.2.2", None, 0),
    ),
    "bad config": (
        one(waits("CreateContainerConfigError"), phase="Pending"),
        (Why.WAITING, True, "CreateContainerConfigError", None, 0),
    ),
    "between restarts": (
        one(ended(137, "OOMKilled", restarts=2), controller=SET),
        (Why.RESTARTING, True, "OOMKilled", 137, 2),
    ),
    "ended well, to be restarted": (
        one(ended(0, "Completed"), controller=SET),
        (Why.RESTARTING, True, "Completed", 0, 0),
    ),
    "ended well, of a job": (
        one(ended(0, "Completed"), container("proxy"), controller=JOB),
        (Why.COMPLETED, False, "Completed", 0, 0),
    ),
    "ended badly, of a job that goes on": (
        one(ended(2, "Error"), controller=JOB),
        (Why.RESTARTING, True, "Error", 2, 0),
    ),
    "ended well, of nobody": (one(ended(0, "Completed")), (Why.COMPLETED, False, "Completed", 0, 0)),
    "succeeded": (
        one(ended(0, "Completed"), phase="Succeeded", controller=JOB),
        (Why.COMPLETED, False, "Completed", 0, 0),
    ),
    "failed for good": (
        one(ended(1, "Error", restarts=6), phase="Failed", controller=JOB),
        (Why.FAILED, False, "Error", 1, 6),
    ),
    "evicted": (
        one(container(state="unknown"), phase="Failed", reason="Evicted", controller=SET),
        (Why.FAILED, False, "Evicted", None, 0),
    ),
    "terminating": (one(container(), terminating=True), (Why.TERMINATING, False, "Terminating", None, 0)),
    "terminating while it crash-loops": (
        one(waits("CrashLoopBackOff"), terminating=True),
        (Why.TERMINATING, False, "Terminating", None, 0),
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_a_pod_that_does_not_run_is_left_out_with_its_reason(state: str) -> None:
    """Pitfall 17: completed, evicted, init and not-started containers are no targets."""
    found, (why, should_run, label, code, restarts) = STATES[state]
    selection, snapshot = select("web-1"), fleet(found)
    assert picks(selection, snapshot) == []
    [only] = left(selection, snapshot)
    assert (only.why, only.should_run, only.label) == (why, should_run, label)
    assert (only.last_exit_code, only.restarts) == (code, restarts)


@pytest.mark.parametrize(
    "found",
    [
        one(),
        one(ready=False),
        one(phase="Unknown"),
        one(container("migrate", "terminated", "init", exit_code=0), container()),
        one(container(), container("proxy", "waiting", reason="CrashLoopBackOff")),
    ],
)
def test_a_running_container_is_a_target_whatever_else_is_wrong(found: Pod) -> None:
    assert picks(select("web-1"), fleet(found)) == ["web-1/app"]


def test_a_running_container_on_a_silent_node_is_a_target() -> None:
    assert picks(select("web-1"), fleet(one(ready=False), silent=("n1",))) == ["web-1/app"]


@pytest.mark.parametrize("phase", ["Running", "Unknown"])
def test_where_the_kubelet_went_silent_the_pod_stays_a_target(phase: str) -> None:
    assert picks(select("web-1"), fleet(one(container(state="unknown"), phase=phase), silent=("n1",))) == ["web-1/app"]
    lost = one(container(state="unknown"), phase=phase, reason="NodeLost")
    assert picks(select("web-1"), fleet(lost, nodes={})) == ["web-1/app"]


def test_a_pod_that_never_started_on_a_silent_node_is_left_out() -> None:
    never = one(container(state="unknown"), phase="Pending")
    [only] = left(select("web-1"), fleet(never, silent=("n1",)))
    assert (only.why, only.should_run) == (Why.NOT_STARTED, True)


def test_a_pod_without_known_containers_is_left_out_and_counts() -> None:
    bare = pod("web-1", containers=())
    [only] = left(select("web-1"), fleet(bare))
    assert (only.why, only.should_run, only.container) == (Why.NOT_STARTED, True, "")


@pytest.mark.parametrize("kind", ["init", "ephemeral"])
def test_what_passes_is_completed_where_named_and_not_mentioned_where_not(kind: str) -> None:
    snapshot = fleet(one(container("migrate", "terminated", kind, exit_code=0), container()))
    [only] = left(select("web-1", containers=("migrate",)), snapshot)
    assert (only.container, only.why, only.should_run, only.label) == ("migrate", Why.COMPLETED, False, "Completed")
    for selection in (select("web-1", all_containers=True), select("web-1", containers=("*",)), select("web-1")):
        assert picks(selection, snapshot) == ["web-1/app"]
        assert left(selection, snapshot) == []


def test_an_init_container_that_fails_counts_and_so_does_a_sidecar_that_ended() -> None:
    failing = one(container("migrate", "terminated", "init", exit_code=1, reason="Error"), phase="Pending")
    [only] = left(select("web-1", containers=("migrate",)), fleet(failing))
    assert (only.why, only.should_run, only.last_exit_code) == (Why.RESTARTING, True, 1)
    sidecar = one(container(), container("proxy", "terminated", "sidecar", exit_code=0), controller=JOB)
    [only] = left(select("web-1", containers=("proxy",)), fleet(sidecar))
    assert (only.why, only.should_run) == (Why.RESTARTING, True)
