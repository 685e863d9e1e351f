"""Objects into values: what each field of a pod, a node and its containers becomes."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import Any

import pytest

from adapters.kube.inventory.objects import Object, container_status, node, page, pod
from podium.adapters.kube.convert import Pool, node_of, pod_of
from podium.adapters.kube.objects import NODES, PODS, collection_paused
from podium.domain.inventory import Container, ContainerKind, ContainerState, Owner, Pod


def converted(item: Object) -> Pod:
    one = (PODS.decode(page([item])).items or [])[0]
    return pod_of("prod", one, Pool())


def only(item: Object) -> Container:
    (one,) = converted(item).containers
    return one


def test_a_running_pod() -> None:
    annotations = {"kubectl.kubernetes.io/default-container": "web"}
    assert converted(pod("web-6f9c7-x", annotations=annotations)) == Pod(
        cluster="prod",
        namespace="shop",
        name="web-6f9c7-x",
        uid="uid-shop-web-6f9c7-x",
        phase="Running",
        node="n1",
        ip="10.0.0.1",
        created=1795514400.0,
        ready=True,
        labels={"app": "web", "pod-template-hash": "6f9c7"},
        default_container="web",
        controller=Owner("ReplicaSet", "web-6f9c7"),
        workload=Owner("Deployment", "web"),
        revision="6f9c7",
        containers=(
            Container(
                "web",
                "web:4.2.1",
                state=ContainerState.RUNNING,
                ready=True,
                container_id="containerd://" + "web".ljust(64, "x"),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("owner", "labels", "above"),
    [
        (("ReplicaSet", "web-6f9c7"), {"pod-template-hash": "6f9c7"}, ("Deployment", "web")),
        (("ReplicaSet", "by-hand"), {}, ("ReplicaSet", "by-hand")),
        (("ReplicaSet", "other"), {"pod-template-hash": "6f9c7"}, ("ReplicaSet", "other")),
        (("Job", "report-29388240"), {}, ("CronJob", "report")),
        (("Job", "report"), {}, ("Job", "report")),
        (("Job", "report-2026"), {}, ("Job", "report-2026")),
        (("StatefulSet", "db"), {}, ("StatefulSet", "db")),
        (("Rollout", "canary"), {}, ("Rollout", "canary")),
    ],
)
def test_the_workload_above(owner: tuple[str, str], labels: dict[str, str], above: tuple[str, str]) -> None:
    assert converted(pod(owner=owner, labels=labels)).workload == Owner(*above)


def test_no_controller_is_no_workload() -> None:
    alone = converted(pod(owner=None, labels={"controller-revision-hash": "db-77"}))
    assert (alone.controller, alone.workload, alone.revision) == (None, None, "db-77")
    kept = pod(owner=None, meta={"ownerReferences": [{"kind": "ReplicaSet", "name": "x", "uid": "u"}]})
    assert converted(kept).controller is None, "an owner without controller: true is not the controller"


STATES: list[tuple[dict[str, Any], tuple[ContainerState, str, int | None]]] = [
    ({"running": {"startedAt": "2026-11-24T10:00:01Z"}}, (ContainerState.RUNNING, "", None)),
    ({"running": {}}, (ContainerState.RUNNING, "", None)),
    ({"waiting": {"reason": "CrashLoopBackOff", "message": "m"}}, (ContainerState.WAITING, "CrashLoopBackOff", None)),
    ({"terminated": {"exitCode": 0, "reason": "Completed"}}, (ContainerState.TERMINATED, "Completed", 0)),
    ({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, (ContainerState.TERMINATED, "OOMKilled", 137)),
    ({}, (ContainerState.WAITING, "", None)),
]


@pytest.mark.on(why="pure: objects as data")
@pytest.mark.parametrize(("state", "meant"), STATES)
def test_pitfall_17_each_state_of_a_container(
    state: dict[str, Any], meant: tuple[ContainerState, str, int | None]
) -> None:
    one = only(pod(status={"containerStatuses": [container_status("web", state=state)]}))
    assert (one.state, one.reason, one.exit_code) == meant


@pytest.mark.on(why="pure: objects as data")
def test_pitfall_17_a_container_that_was_never_told_of_is_unknown() -> None:
    assert only(pod(status={"containerStatuses": None})).state is ContainerState.UNKNOWN
    assert only(pod(status={"containerStatuses": [container_status("other")]})).state is ContainerState.UNKNOWN


@pytest.mark.on(why="pure: objects as data")
def test_pitfall_15_what_tells_a_restart() -> None:
    told = container_status(
        "web",
        restartCount=4,
        ready=False,
        lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled", "containerID": "containerd://old"}},
    )
    one = only(pod(status={"containerStatuses": [told]}))
    assert (one.restarts, one.ready, one.last_reason, one.last_exit_code) == (4, False, "OOMKilled", 137)


def test_kinds_of_containers() -> None:
    item = pod(
        spec={
            "containers": [{"name": "web", "image": "w"}, {"name": "log", "image": "l"}],
            "initContainers": [
                {"name": "setup", "image": "s"},
                {"name": "proxy", "image": "p", "restartPolicy": "Always"},
            ],
            "ephemeralContainers": [{"name": "debug", "image": "d"}],
        },
        status={
            "containerStatuses": [container_status("log"), container_status("web")],
            "initContainerStatuses": [container_status("proxy")],
            "ephemeralContainerStatuses": [container_status("debug")],
        },
    )
    found = {one.name: (one.kind, one.state, one.container_id[:18]) for one in converted(item).containers}
    assert found == {
        "web": (ContainerKind.REGULAR, ContainerState.RUNNING, "containerd://webxx"),
        "log": (ContainerKind.REGULAR, ContainerState.RUNNING, "containerd://logxx"),
        "setup": (ContainerKind.INIT, ContainerState.UNKNOWN, ""),
        "proxy": (ContainerKind.SIDECAR, ContainerState.RUNNING, "containerd://proxy"),
        "debug": (ContainerKind.EPHEMERAL, ContainerState.RUNNING, "containerd://debug"),
    }


@pytest.mark.on(why="pure: objects as data")
def test_pitfall_17_pending_evicted_and_terminating() -> None:
    words = "0/3 nodes are available: 3 Insufficient cpu."
    pending = converted(
        pod(
            spec={"nodeName": ""},
            status={
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "message": words}],
                "containerStatuses": None,
            },
        )
    )
    assert (pending.phase, pending.message, pending.node, pending.ready) == ("Pending", words, "", False)
    evicted = converted(pod(status={"phase": "Failed", "reason": "Evicted", "conditions": None}))
    assert (evicted.phase, evicted.reason, evicted.ready) == ("Failed", "Evicted", False)
    assert converted(pod(meta={"deletionTimestamp": "2026-11-24T10:00:00Z"})).terminating


def test_nulls_and_missing_parts_are_taken() -> None:
    bare_pod = {"metadata": {"name": "a", "namespace": "b", "labels": None, "creationTimestamp": None}}
    assert converted(bare_pod) == Pod(cluster="prod", namespace="b", name="a", uid="")
    assert PODS.decode(b'{"kind":"PodList","metadata":{},"items":null}').items is None


def test_a_node() -> None:
    taints = [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}, {"key": "x", "effect": "NoExecute"}]
    item = (NODES.decode(page([node("n1", ready="Unknown", spec={"taints": taints})])).items or [])[0]
    found = node_of("prod", item, Pool())
    assert (found.name, found.ready, found.taints) == ("n1", False, ("gpu=yes:NoSchedule", "x:NoExecute"))
    assert (found.labels, found.kubelet_version) == ({"pool": "a"}, "v1.36.3")


def test_pods_of_a_workload_share_their_strings_and_label_sets() -> None:
    items = PODS.decode(page([pod("a"), pod("b")])).items or ()
    pool = Pool()
    one, other = (pod_of("prod", item, pool) for item in items)
    assert one.labels is other.labels
    assert one.workload is other.workload
    assert one.containers[0].image is other.containers[0].image


def test_a_pod_costs_at_most_three_kibibytes() -> None:
    count = 500
    body = page([pod(f"web-{n}", uid=f"{n:036d}") for n in range(count)])
    pool = Pool()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        pods = [pod_of("prod", item, pool) for item in PODS.decode(body).items or ()]
        each = (tracemalloc.get_traced_memory()[0] - before) / len(pods)
    finally:
        tracemalloc.stop()
    assert each < 3 * 1024


def test_the_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collection_paused():
        assert not gc.isenabled()
        with collection_paused():
            pass
        assert not gc.isenabled()
        raise ZeroDivisionError
    assert gc.isenabled()


def test_what_a_real_server_adds_is_passed_over() -> None:
    item = pod()
    item["spec"]["containers"][0].update(ports=[{"containerPort": 80}], resources={}, env=[{"name": "A", "value": "b"}])
    assert json.dumps(item)
    assert converted(item).name == "web-6f9c7-a1b2c"
