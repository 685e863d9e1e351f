"""The inventory on a real Kubernetes: lists, watches and rights as a real API server serves them."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from podium.adapters.clock import SystemClock
from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.discovery import endpoint_of, server_of
from podium.adapters.kube.inventory import KubeInventory
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.lists import Waits
from podium.adapters.kube.reviews import KubeReviews
from podium.adapters.kube.surroundings import Surroundings
from podium.adapters.kube.watch import Watching, follow
from podium.domain.errors import UsageError
from podium.domain.inventory import Owner, UnreachedReason
from podium.domain.rights import Feature, protocols_expected, rights_for, role_for
from podium.ports import Change, Wanted

pytestmark = pytest.mark.cluster

HOME = Path(os.environ.get("PODIUM_RIG_HOME", "/var/tmp/podium-rig"))
KUBECONFIG = HOME / "kubeconfig"
SECONDS = 60.0
SLEEP = "trap 'exit 0' TERM; sleep 3600 & wait"  # PID 1 hears no signal that it does not ask for


async def kubectl(*words: str, text: str = "", context: str = "rig-a") -> str:
    """Run the real kubectl against the rig."""
    process = await asyncio.create_subprocess_exec(
        str(HOME / "bin" / "kubectl"),
        *("--kubeconfig", str(KUBECONFIG), "--context", context, *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate(text.encode())
    assert process.returncode == 0, err.decode()
    return out.decode()


@dataclass(frozen=True)
class Seat:
    """One user's view of the rig."""

    api: Api
    inventory: KubeInventory
    notes: list[str]


@asynccontextmanager
async def seat(namespace: str, user: str = "") -> AsyncIterator[Seat]:
    """Sit down as the rig's administrator, or as `user` by impersonation."""
    assert KUBECONFIG.is_file(), "the rig is not up: ./scripts/cluster up"
    access = load(str(KUBECONFIG), Surroundings(os.environ)).resolve("rig-a")
    if user:
        access = replace(access, impersonate=(("Impersonate-User", user),))
    api = Api(access, user_agent="podium/test", wire=Wire(environ={}))
    notes: list[str] = []
    endpoint = endpoint_of(access.server, access.tls.ca_pem)
    inventory = KubeInventory(api, "rig-a", namespace, clock=SystemClock(), note=notes.append, endpoint=endpoint)
    try:
        yield Seat(api, inventory, notes)
    finally:
        await api.close()


@pytest.fixture
async def namespace() -> AsyncIterator[str]:
    """A namespace of our own, deleted afterwards."""
    made = f"podium-inv-{secrets.token_hex(3)}"
    await kubectl("create", "namespace", made)
    try:
        yield made
    finally:
        await kubectl("delete", "namespace", made, "--wait=false")


def sleeping(name: str, **labels: str) -> dict[str, Any]:
    """A pod that only sleeps."""
    container = {"name": "main", "image": "podium.test/busybox:1", "command": ["sh", "-c", SLEEP]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


async def apply(namespace: str, *objects: dict[str, Any]) -> None:
    """Create or change objects."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    await kubectl("apply", "-n", namespace, "-f", "-", text=text)


async def running(namespace: str, *names: str) -> None:
    """Wait until pods run."""
    pods = [f"pod/{name}" for name in names]
    await kubectl("wait", "-n", namespace, "--for=condition=Ready", f"--timeout={SECONDS:.0f}s", *pods)


async def until_deleted(changes: AsyncIterator[Change], uid: str) -> list[Change]:
    """All changes up to the deletion of one pod."""
    seen: list[Change] = []
    async with asyncio.timeout(SECONDS):
        async for change in changes:
            seen.append(change)
            if change.uid == uid and change.deleted:
                return seen
    raise AssertionError("the changes ended")


async def test_a_snapshot_shows_what_kubectl_shows(namespace: str) -> None:
    await apply(namespace, sleeping("a", app="web"), sleeping("b", app="api"), sleeping("c"))
    await running(namespace, "a", "b", "c")
    truth = json.loads(await kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
    async with seat(namespace) as us:
        snapshot = await us.inventory.snapshot(Wanted())
        assert {(pod.name, pod.uid, pod.node, pod.ip, pod.phase) for pod in snapshot.pods} == {
            (
                one["metadata"]["name"],
                one["metadata"]["uid"],
                one["spec"]["nodeName"],
                one["status"]["podIP"],
                one["status"]["phase"],
            )
            for one in truth
        }
        assert {pod.containers[0].container_id for pod in snapshot.pods} == {
            one["status"]["containerStatuses"][0]["containerID"] for one in truth
        }
        assert {name for _, name in snapshot.nodes} >= {pod.node for pod in snapshot.pods}
        labelled = await us.inventory.snapshot(Wanted(label_selectors=("app=web", "app in (api)")))
        assert {pod.name for pod in labelled.pods} == {"a", "b"}
        by_field = await us.inventory.snapshot(Wanted(field_selectors=("metadata.name=c",)))
        assert {pod.name for pod in by_field.pods} == {"c"}
        everywhere = await us.inventory.snapshot(Wanted(all_namespaces=True))
        assert {pod.uid for pod in everywhere.pods} >= {pod.uid for pod in snapshot.pods}
        with pytest.raises(UsageError, match=r"spec\.colour"):
            await us.inventory.snapshot(Wanted(field_selectors=("spec.colour=red",)))
        missing = await us.inventory.snapshot(Wanted(namespaces=(f"{namespace}-x",)))
        assert missing.notes == (f"namespace {namespace}-x does not exist in rig-a",)


async def test_pitfall_34_one_list_no_get_per_pod(namespace: str) -> None:
    names = [f"p{number}" for number in range(5)]
    await apply(namespace, *(sleeping(name) for name in names))
    async with seat(namespace) as us:
        snapshot = await us.inventory.snapshot(Wanted(nodes=False))
        assert {pod.name for pod in snapshot.pods} == set(names)
    log = HOME / "audit" / "a.log"
    async with asyncio.timeout(SECONDS):
        while not (asked := of_ours(log.read_text(), namespace)):
            await asyncio.sleep(0.1)
    assert asked == [f"/api/v1/namespaces/{namespace}/pods?limit=500"]


def of_ours(log: str, namespace: str) -> list[str]:
    """What we asked about a namespace, by the API server's audit log."""
    entries = [json.loads(line) for line in log.splitlines() if namespace in line and "podium/test" in line]
    return [one["requestURI"] for one in entries if one["stage"] == "ResponseComplete"]


async def test_the_cluster_says_who_it_and_we_are(namespace: str) -> None:
    async with seat(namespace) as us:
        uid = await kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
        assert await us.inventory.identity() == uid
        server = await server_of(us.api, SystemClock())
        assert protocols_expected(server.version).with_stdin == "v5"
        assert server.skew == pytest.approx(0.0, abs=5.0)
    async with seat(namespace, user="alice") as alice:
        assert await KubeReviews(alice.api).who_am_i() == "alice"


async def test_revisions_after_a_rollout_and_the_current_one(namespace: str) -> None:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {**sleeping("x")["spec"]},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    await apply(namespace, deployment)
    await kubectl("rollout", "status", "-n", namespace, "deploy/web", f"--timeout={SECONDS:.0f}s")
    template["metadata"]["labels"] = {"app": "web", "second": "yes"}
    await apply(namespace, deployment)
    await kubectl("rollout", "status", "-n", namespace, "deploy/web", f"--timeout={SECONDS:.0f}s")
    async with seat(namespace) as us:
        snapshot = await us.inventory.snapshot(Wanted(kinds=frozenset({"replicaset"})))
        web = Owner("Deployment", "web")
        assert snapshot.current_revisions[("rig-a", namespace, web)] == "2"
        assert {(pod.workload, pod.revision) for pod in snapshot.pods if not pod.terminating} == {(web, "2")}


async def test_pitfall_16_a_watch_tells_deleted_replaced_and_relabelled_apart(namespace: str) -> None:
    await apply(namespace, sleeping("goes", app="web"), sleeping("stays", app="web"), sleeping("renewed", app="web"))
    await running(namespace, "goes", "stays", "renewed")
    async with seat(namespace) as us:
        snapshot = await us.inventory.snapshot(Wanted(label_selectors=("app=web",)))
        uids = {pod.name: pod.uid for pod in snapshot.pods}
        async with aclosing(cast("Any", us.inventory.changes())) as changes:
            follower = asyncio.create_task(until_deleted(changes, uids["goes"]))
            await kubectl("label", "-n", namespace, "pod/stays", "app-")
            await kubectl("delete", "-n", namespace, "pod/renewed", "--wait=true")
            await apply(namespace, sleeping("renewed", app="web"))
            await kubectl("delete", "-n", namespace, "pod/goes", "--wait=false")
            seen = await follower
        deleted = {change.uid for change in seen if change.deleted}
        assert deleted == {uids["goes"], uids["renewed"]}, "a pod that leaves its selector lives"
        assert {change.uid for change in seen} <= set(uids.values()), "only pods of the snapshot"


async def test_pitfall_16_a_version_that_the_server_forgot_is_made_up_by_a_list(namespace: str) -> None:
    await apply(namespace, sleeping("goes"), sleeping("stays"))
    await running(namespace, "goes", "stays")
    async with seat(namespace) as us:
        snapshot = await us.inventory.snapshot(Wanted())
        uids = {pod.name: pod.uid for pod in snapshot.pods}
        await kubectl("delete", "-n", namespace, "pod/goes", "--wait=true")
        seen = [(pod, "1") for pod in snapshot.pods]
        waits = Waits(SystemClock().sleep, lambda: 0.5)
        following = follow(us.api, [Watching(namespace, "1", seen)], waits, us.notes.append)
        async with aclosing(cast("Any", following)) as changes:
            told = await until_deleted(changes, uids["goes"])
        assert [change.uid for change in told if change.deleted] == [uids["goes"]]


async def test_pitfall_15_a_watch_tells_a_restarted_container(namespace: str) -> None:
    await apply(namespace, sleeping("restarts"))
    await running(namespace, "restarts")
    async with seat(namespace) as us:
        (pod,) = (await us.inventory.snapshot(Wanted())).pods
        before = pod.containers[0].container_id
        async with aclosing(cast("Any", us.inventory.changes())) as changes:
            killer = asyncio.create_task(kubectl("exec", "-n", namespace, "restarts", "--", "sh", "-c", "kill -TERM 1"))
            async with asyncio.timeout(SECONDS):
                async for change in changes:
                    container, runs = change.containers["main"]
                    assert not change.deleted
                    if not runs or container != before:
                        break
            killer.cancel()
            await asyncio.gather(killer, return_exceptions=True)


async def test_pitfall_28_the_printed_role_gives_what_was_missing(namespace: str) -> None:
    user = f"alice/{namespace}"
    await apply(namespace, sleeping("a"))
    async with seat(namespace, user) as alice:
        refused = await alice.inventory.snapshot(Wanted(all_namespaces=True))
        assert refused.pods == ()
        assert {one.reason for one in refused.unreached} == {UnreachedReason.FORBIDDEN}
        assert "with -n" in refused.unreached[0].detail
        assert f'User "{user}" cannot list resource "pods"' in refused.unreached[0].detail
        reviews = KubeReviews(alice.api)
        needed = rights_for([Feature.EXEC, Feature.LOGS])
        missing = [one for one in needed if await reviews.may(one.verb, one.resource, namespace) is False]
        assert missing == list(needed)
        await kubectl("apply", "-f", "-", text=role_for(missing, namespace, user))
        async with asyncio.timeout(SECONDS):
            while not all([await reviews.may(one.verb, one.resource, namespace) for one in needed]):
                await asyncio.sleep(0.1)
        assert await reviews.may("create", "pods/exec", "default") is False
        allowed = await alice.inventory.snapshot(Wanted(all_namespaces=True))
        assert {pod.name for pod in allowed.pods} == {"a"}
        assert ["only " + namespace in one.detail for one in allowed.unreached] == [True]


async def test_without_the_right_to_watch_it_is_said_once(namespace: str) -> None:
    user = f"bob-{namespace}"
    rights = [one for one in rights_for([Feature.TARGETS]) if one.verb == "list"]
    await kubectl("apply", "-f", "-", text=role_for(rights, namespace, user))
    await apply(namespace, sleeping("a"))
    async with seat(namespace, user) as bob:
        async with asyncio.timeout(SECONDS):
            while (await bob.inventory.snapshot(Wanted(nodes=False))).unreached:
                await asyncio.sleep(0.1)
        async with aclosing(cast("Any", bob.inventory.changes())) as changes:
            waiting = asyncio.ensure_future(anext(changes))
            async with asyncio.timeout(SECONDS):
                while not bob.notes:
                    await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        assert len(bob.notes) == 1
        assert "30 s" in bob.notes[0]
