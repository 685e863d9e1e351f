"""snapshot(): where is listed, by what, and what stands in it when something is refused."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.kube.inventory.objects import Object, bare, node, owned, page, pod
from adapters.kube.inventory.scripted import Cluster, Reply, Time, forbidden, refused
from podium.adapters.kube.inventory import KubeInventory
from podium.adapters.kube.wire_errors import ConnectFailedError, ConnectFailure
from podium.domain.errors import ClusterError, UsageError
from podium.domain.inventory import Owner, Snapshot, UnreachedReason
from podium.ports import Inventory, Wanted

PODS = "/api/v1/pods"
NAMESPACES = "/api/v1/namespaces"
EVERYWHERE = Wanted(all_namespaces=True)


def inventory(cluster: Cluster, own: str = "shop", notes: list[str] | None = None) -> KubeInventory:
    return KubeInventory(
        cluster, "prod", own, clock=Time(), note=(notes if notes is not None else []).append, endpoint="https://x ca:1"
    )


def in_namespace(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def names(snapshot: Snapshot) -> list[str]:
    return sorted(f"{one.namespace}/{one.name}" for one in snapshot.pods)


def three() -> list[Object]:
    return [pod("a", "shop"), pod("b", "pay"), pod("c", "pay")]


def test_it_is_an_inventory() -> None:
    port: Inventory = inventory(Cluster())
    assert port is not None


@pytest.mark.on(
    why="no cluster refuses on demand: a scripted one does; tests/cluster/test_inventory.py has the real one"
)
async def test_pitfall_34_one_list_no_get_per_pod() -> None:
    cluster = Cluster([pod(f"web-{n}", "shop") for n in range(1200)], nodes=[node()])
    snapshot = await inventory(cluster).snapshot(EVERYWHERE)
    assert len(snapshot.pods) == 1200
    assert [path for path, _ in cluster.asked if path != "/api/v1/nodes"] == [PODS] * 3
    assert all(query["limit"] == "500" for _, query in cluster.asked)


async def test_the_contexts_own_namespace_without_a_name() -> None:
    cluster = Cluster(three())
    assert names(await inventory(cluster, "pay").snapshot(Wanted())) == ["pay/b", "pay/c"]


async def test_named_namespaces_are_asked_one_by_one_and_a_forbidden_one_takes_no_other() -> None:
    cluster = Cluster(three())
    cluster.planted[in_namespace("shop")] = forbidden("pods")
    snapshot = await inventory(cluster).snapshot(Wanted(namespaces=("pay", "shop")))
    assert names(snapshot) == ["pay/b", "pay/c"]
    (lacking,) = snapshot.unreached
    assert (lacking.cluster, lacking.namespace, lacking.reason) == ("prod", "shop", UnreachedReason.FORBIDDEN)
    assert lacking.detail == 'pods is forbidden: User "alice" cannot do that'
    assert cluster.count("/api/v1/pods") == 0


async def test_many_names_are_one_list_of_the_cluster() -> None:
    wanted = Wanted(namespaces=tuple(f"ns{n}" for n in range(30)))
    cluster = Cluster([pod("a", f"ns{n}") for n in range(40)])
    assert len((await inventory(cluster).snapshot(wanted)).pods) == 30
    assert cluster.count("/pods") == 1
    cluster.planted[PODS] = forbidden("pods")
    cluster.asked.clear()
    snapshot = await inventory(cluster).snapshot(wanted)
    assert (len(snapshot.pods), snapshot.unreached, cluster.count("/pods")) == (30, (), 31)


async def test_globs_pick_namespaces_by_name() -> None:
    cluster = Cluster([*three(), pod("d", "payroll")])
    snapshot = await inventory(cluster).snapshot(Wanted(namespaces=("pay*", "none-*")))
    assert names(snapshot) == ["pay/b", "pay/c", "payroll/d"]
    assert snapshot.notes == ("no namespace of prod matches none-*",)


async def test_a_glob_without_the_right_to_list_namespaces_is_unreached_and_names_are_asked() -> None:
    cluster = Cluster(three())
    cluster.planted[NAMESPACES] = forbidden("namespaces")
    snapshot = await inventory(cluster).snapshot(Wanted(namespaces=("sh*", "pay")))
    assert names(snapshot) == ["pay/b", "pay/c"]
    assert [(one.namespace, one.reason) for one in snapshot.unreached] == [("sh*", UnreachedReason.FORBIDDEN)]


async def test_forbidden_cluster_is_asked_namespace_by_namespace() -> None:
    cluster = Cluster(three())
    cluster.planted[PODS] = forbidden("pods")
    cluster.planted[in_namespace("shop")] = forbidden("pods")
    snapshot = await inventory(cluster).snapshot(EVERYWHERE)
    assert names(snapshot) == ["pay/b", "pay/c"]
    assert [(one.namespace, one.reason) for one in snapshot.unreached] == [("shop", UnreachedReason.FORBIDDEN)]


async def test_forbidden_namespaces_too_leave_the_contexts_own_and_name_the_flag() -> None:
    cluster = Cluster(three())
    cluster.planted[PODS] = forbidden("pods")
    cluster.planted[NAMESPACES] = forbidden("namespaces")
    snapshot = await inventory(cluster, "pay").snapshot(EVERYWHERE)
    assert names(snapshot) == ["pay/b", "pay/c"]
    (lacking,) = snapshot.unreached
    assert (lacking.namespace, lacking.reason) == ("", UnreachedReason.FORBIDDEN)
    assert "with -n (only pay was asked)" in lacking.detail

    cluster.planted[in_namespace("pay")] = forbidden("pods")
    snapshot = await inventory(cluster, "pay").snapshot(EVERYWHERE)
    assert snapshot.pods == ()
    assert [one.namespace for one in snapshot.unreached] == ["", "pay"]
    assert "name those you may see with -n" in snapshot.unreached[0].detail
    assert "was asked" not in snapshot.unreached[0].detail


async def test_an_unreachable_cluster_is_told_once() -> None:
    cluster = Cluster(three(), nodes=[node()])
    down = ConnectFailedError(ConnectFailure.REFUSED, "connect to 10.0.0.1:6443: connection refused")
    for path in (PODS, in_namespace("pay"), in_namespace("shop"), "/api/v1/nodes"):
        cluster.planted[path] = down
    for wanted in (EVERYWHERE, Wanted(namespaces=("pay", "shop"))):
        cluster.asked.clear()
        snapshot = await inventory(cluster).snapshot(wanted)
        (lacking,) = snapshot.unreached
        assert (lacking.namespace, lacking.reason, lacking.detail) == ("", UnreachedReason.UNREACHABLE, str(down))
        assert snapshot.notes == ()
        assert cluster.count("/namespaces") == 0, "what was refused is not worked around when nothing was refused"


async def test_refused_credentials_are_of_the_cluster_and_say_what_to_do() -> None:
    cluster = Cluster(three())
    for namespace in ("pay", "shop"):
        cluster.planted[in_namespace(namespace)] = refused(401, "Unauthorized", "Unauthorized")
    snapshot = await inventory(cluster).snapshot(Wanted(namespaces=("pay", "shop")))
    (lacking,) = snapshot.unreached
    assert (lacking.namespace, lacking.reason) == ("", UnreachedReason.UNAUTHORIZED)
    assert "log in again" in lacking.detail


async def test_a_list_that_failed_on_a_later_page_is_not_used() -> None:
    cluster = Cluster([pod(f"web-{n}", "shop") for n in range(20)] + three(), size=3)
    replies: list[Any] = [await cluster.get(in_namespace("shop"), [("continue", str(at))]) for at in range(0, 18, 3)]
    cluster.planted[in_namespace("shop")] = [*replies, *[refused(500, "etcdserver: leader changed")] * 9]
    snapshot = await inventory(cluster).snapshot(Wanted(namespaces=("pay", "shop")))
    assert names(snapshot) == ["pay/b", "pay/c"]
    (lacking,) = snapshot.unreached
    assert (lacking.namespace, lacking.reason) == ("shop", UnreachedReason.INCOMPLETE)
    assert "etcdserver: leader changed" in lacking.detail
    assert "after 18 pods" in lacking.detail


async def test_one_label_selector_is_left_to_the_server() -> None:
    cluster = Cluster([pod("a", labels={"app": "web"}), pod("b", labels={"app": "api"}), pod("c", labels={})])
    snapshot = await inventory(cluster).snapshot(Wanted(all_namespaces=True, label_selectors=("app=web",)))
    assert names(snapshot) == ["shop/a"]


async def test_several_selectors_unite_by_uid_and_kinds_intersect() -> None:
    pods = [
        pod("a", labels={"app": "web", "tier": "x"}),
        pod("b", labels={"app": "api"}),
        pod("c", labels={"app": "web"}, spec={"nodeName": "n2"}),
        pod("d", labels={}),
    ]
    cluster = Cluster(pods)
    snapshot = await inventory(cluster).snapshot(Wanted(label_selectors=("app=web", "tier=x", "app=api")))
    assert names(snapshot) == ["shop/a", "shop/b", "shop/c"]
    assert len(snapshot.pods) == 3
    wanted = Wanted(label_selectors=("app=web",), field_selectors=("spec.nodeName=n2",))
    assert names(await inventory(cluster).snapshot(wanted)) == ["shop/c"]
    cluster.asked.clear()
    many = Wanted(label_selectors=tuple(f"app=x{n}" for n in range(9)), nodes=False)
    assert len((await inventory(cluster).snapshot(many)).pods) == 4, "many selectors are left to the caller"
    assert cluster.asked == [(in_namespace("shop"), {"limit": "500"})]


async def test_a_pod_replaced_between_two_lists_is_the_new_one() -> None:
    cluster = Cluster()
    old, new = (pod("db-0", uid=uid, version=version) for uid, version in (("old", 9), ("new", 10)))
    for first, second in ((old, new), (new, old)):
        cluster.planted[in_namespace("shop")] = [Reply(200, page([first], "10")), Reply(200, page([second], "9"))]
        source = inventory(cluster)
        snapshot = await source.snapshot(Wanted(label_selectors=("a=b", "c=d"), nodes=False))
        assert [one.uid for one in snapshot.pods] == ["new"]
        assert [part.version for part in source._watching or ()] == ["9"]


async def test_a_selector_the_server_cannot_read_is_the_users_error_in_its_words() -> None:
    cluster = Cluster(three())
    words = "field label not supported: spec.colour"
    cluster.planted[in_namespace("shop")] = refused(400, words, "BadRequest")
    with pytest.raises(UsageError, match=words):
        await inventory(cluster).snapshot(Wanted(field_selectors=("spec.colour=red",)))


async def test_nodes_come_along_and_their_refusal_is_a_note() -> None:
    cluster = Cluster(three(), nodes=[node("n1"), node("n2", ready="Unknown")])
    snapshot = await inventory(cluster).snapshot(EVERYWHERE)
    assert {key: one.ready for key, one in snapshot.nodes.items()} == {("prod", "n1"): True, ("prod", "n2"): False}
    cluster.planted["/api/v1/nodes"] = forbidden("nodes")
    snapshot = await inventory(cluster).snapshot(EVERYWHERE)
    assert (snapshot.nodes, len(snapshot.pods), snapshot.unreached) == ({}, 3, ())
    assert "nodes is forbidden" in snapshot.notes[0]
    cluster.asked.clear()
    await inventory(cluster).snapshot(Wanted(nodes=False))
    assert cluster.count("/nodes") == 0


async def test_a_namespace_that_does_not_exist_is_named() -> None:
    snapshot = await inventory(Cluster(three())).snapshot(Wanted(namespaces=("shpo",)))
    assert snapshot.notes == ("namespace shpo does not exist in prod",)


async def test_revisions_are_listed_only_where_asked() -> None:
    sets = [
        owned("web-6f9c7", "shop", ("Deployment", "web"), annotations={"deployment.kubernetes.io/revision": "9"}),
        owned("web-77777", "shop", ("Deployment", "web"), annotations={"deployment.kubernetes.io/revision": "10"}),
    ]
    history = [
        {**owned("db-aaa", "shop", ("StatefulSet", "db")), "revision": 1},
        {**owned("db-bbb", "shop", ("StatefulSet", "db")), "revision": 2},
        {**owned("log-x", "shop", ("DaemonSet", "log"), labels={"controller-revision-hash": "x"}), "revision": 4},
    ]
    cluster = Cluster([pod("web-6f9c7-1")], replicasets=sets, controllerrevisions=history)
    plain = await inventory(cluster).snapshot(Wanted())
    assert (cluster.count("replicasets"), plain.pods[0].revision, plain.current_revisions) == (0, "6f9c7", {})
    told = await inventory(cluster).snapshot(Wanted(kinds=frozenset({"replicaset"})))
    assert (told.pods[0].revision, told.pods[0].workload) == ("9", Owner("Deployment", "web"))
    assert told.current_revisions == {
        ("prod", "shop", Owner("Deployment", "web")): "10",
        ("prod", "shop", Owner("StatefulSet", "db")): "db-bbb",
        ("prod", "shop", Owner("DaemonSet", "log")): "x",
    }


async def test_services_and_the_jobs_of_cron_jobs() -> None:
    cluster = Cluster(
        [pod("by-hand-x", owner=("Job", "by-hand"), labels={}), pod("odd", owner=("Job", "odd-12345678"), labels={})],
        services=[{**bare("web", "shop"), "spec": {"selector": {"app": "web"}}}, {**bare("ext", "shop"), "spec": {}}],
        jobs=[owned("by-hand", "shop", ("CronJob", "report")), bare("odd-12345678", "shop")],
    )
    told = await inventory(cluster).snapshot(Wanted(kinds=frozenset({"service", "cronjob"})))
    assert told.services == {("prod", "shop", "web"): {"app": "web"}, ("prod", "shop", "ext"): {}}
    assert told.cron_jobs == {("prod", "shop", "report"): frozenset({"by-hand"})}
    assert {one.name: one.workload for one in told.pods} == {
        "by-hand-x": Owner("CronJob", "report"),
        "odd": Owner("Job", "odd-12345678"),
    }


async def test_further_kinds_that_are_forbidden_cost_a_note() -> None:
    cluster = Cluster(three())
    cluster.planted["/apis/apps/v1/replicasets"] = forbidden("replicasets")
    cluster.objects["controllerrevisions"] = []
    told = await inventory(cluster).snapshot(Wanted(all_namespaces=True, kinds=frozenset({"replicaset"})))
    assert len(told.pods) == 3
    assert told.notes == ('prod: replicasets is forbidden: User "alice" cannot do that',)


async def test_identity_is_the_uid_of_kube_system_else_the_endpoint() -> None:
    cluster = Cluster()
    path = "/api/v1/namespaces/kube-system"
    cluster.planted[path] = Reply(200, b'{"metadata":{"name":"kube-system","uid":"u-1"}}')
    assert await inventory(cluster).identity() == "u-1"
    cluster.planted[path] = forbidden("namespaces")
    assert await inventory(cluster).identity() == "https://x ca:1"
    cluster.planted[path] = ClusterError("down")
    with pytest.raises(ClusterError):
        await inventory(cluster).identity()
