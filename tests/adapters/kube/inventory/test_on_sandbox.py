"""The same inventory over real connections, against the sandbox: what it serves is found, what it refuses is told."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from adapters.kube.inventory.scripted import Time
from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.discovery import endpoint_of, server_of
from podium.adapters.kube.inventory import KubeInventory
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.lists import Requests
from podium.adapters.kube.surroundings import Surroundings
from podium.domain.errors import UsageError
from podium.domain.inventory import UnreachedReason
from podium.ports import Change, Wanted
from podium.sandbox import Rule, Sandbox, Settings, User, serve

LIMITED = User("alice", "token-a", rules=(Rule(("get", "list", "watch"), ("pods",), ("shop",)),))


@asynccontextmanager
async def client(sandbox: Sandbox, folder: Path, token: str | None = None) -> AsyncIterator[tuple[Api, KubeInventory]]:
    """An Api and an inventory of the sandbox, as a user of it."""
    file = folder / "kubeconfig"
    file.write_text(sandbox.kubeconfig_text(token=token) if token is not None else sandbox.kubeconfig_text())
    config = load(str(file), Surroundings(os.environ))
    access = config.resolve(config.current)
    api = Api(access, user_agent="podium/test", wire=Wire(environ={}))
    requests: Requests = api
    inventory = KubeInventory(
        requests, "box", "shop", clock=Time(), note=print, endpoint=endpoint_of(access.server, access.tls.ca_pem)
    )
    try:
        yield api, inventory
    finally:
        await api.close()


async def test_all_pods_of_the_sandbox_over_several_pages(tmp_path: Path) -> None:
    async with (
        serve(Settings(pods=1100, node_count=4, seed=1)) as sandbox,
        client(sandbox, tmp_path) as (api, inventory),
    ):
        snapshot = await inventory.snapshot(Wanted(all_namespaces=True))
        assert {pod.uid for pod in snapshot.pods} == {pod.uid for pod in sandbox.pods}
        assert len(snapshot.pods) == len(sandbox.pods)
        assert {pod.node for pod in snapshot.pods if pod.node} <= {name for _, name in snapshot.nodes}
        assert (snapshot.unreached, snapshot.notes) == ((), ())
        lists = [one for one in sandbox.api.audit if "/pods" in one.path]
        assert len(lists) == 3, "pages of 500, and no request for one pod"
        assert await inventory.identity() == sandbox.cluster_uid
        server = await server_of(api, Time())
        assert server.version.startswith("v1.")


async def test_selectors_are_the_servers(tmp_path: Path) -> None:
    async with serve(Settings(pods=60, node_count=4, seed=1)) as sandbox, client(sandbox, tmp_path) as (_, inventory):
        everything = (await inventory.snapshot(Wanted(all_namespaces=True))).pods
        (key, value), count = Counter(item for pod in everything for item in pod.labels.items()).most_common(2)[1]
        wanted = Wanted(all_namespaces=True, label_selectors=(f"{key}={value}",))
        assert len((await inventory.snapshot(wanted)).pods) == count
        node = everything[0].node
        wanted = Wanted(all_namespaces=True, field_selectors=(f"spec.nodeName={node}",))
        found = await inventory.snapshot(wanted)
        assert {pod.uid for pod in found.pods} == {pod.uid for pod in everything if pod.node == node}
        with pytest.raises(UsageError):
            await inventory.snapshot(Wanted(field_selectors=("spec.colour=red",)))


async def test_a_limited_user_sees_what_may_be_seen_and_is_told_the_rest(tmp_path: Path) -> None:
    settings = Settings(pods=60, node_count=4, seed=1, users=(LIMITED,))
    async with serve(settings) as sandbox, client(sandbox, tmp_path, "token-a") as (_, inventory):
        namespaces = {pod.namespace for pod in sandbox.pods}
        snapshot = await inventory.snapshot(Wanted(namespaces=tuple(sorted(namespaces))))
        assert {pod.namespace for pod in snapshot.pods} == {"shop"}
        assert {one.namespace for one in snapshot.unreached} == namespaces - {"shop"}
        assert {one.reason for one in snapshot.unreached} == {UnreachedReason.FORBIDDEN}
        everywhere = await inventory.snapshot(Wanted(all_namespaces=True))
        assert {pod.namespace for pod in everywhere.pods} == {"shop"}
        assert ["-n (only shop was asked)" in one.detail for one in everywhere.unreached] == [True]
        assert await inventory.identity() != sandbox.cluster_uid


async def test_revisions_tell_new_from_old(tmp_path: Path) -> None:
    async with serve(Settings(pods=60, node_count=4, seed=1)) as sandbox, client(sandbox, tmp_path) as (_, inventory):
        snapshot = await inventory.snapshot(Wanted(all_namespaces=True, kinds=frozenset({"replicaset"})))
        deployed = [pod for pod in snapshot.pods if pod.workload is not None and pod.workload.kind == "Deployment"]
        assert deployed
        for pod in deployed:
            assert pod.workload is not None
            assert pod.revision.isdecimal()
            assert (pod.cluster, pod.namespace, pod.workload) in snapshot.current_revisions


async def test_changes_tell_what_happens_to_pods_of_the_snapshot(tmp_path: Path) -> None:
    async with serve(Settings(pods=60, node_count=4, seed=1)) as sandbox, client(sandbox, tmp_path) as (_, inventory):
        snapshot = await inventory.snapshot(Wanted(all_namespaces=True))
        calm = [pod for pod in snapshot.pods if pod.ready and pod.controller is not None]
        relabelled, restarted, replaced, deleted = calm[:4]
        world = sandbox.world
        async with aclosing(cast("AsyncGenerator[Change]", inventory.changes())) as changes:
            first = asyncio.ensure_future(anext(changes))
            await until(lambda: sandbox.api.watching.open_watches > 0)
            world.set_labels(relabelled.namespace, relabelled.name, {"app": "other"})
            world.restart(restarted.namespace, restarted.name)
            world.replace_pod(replaced.namespace, replaced.name)
            world.delete_pod(deleted.namespace, deleted.name, force=True)
            seen = [await first]
            async with asyncio.timeout(20):
                while seen[-1] != Change(deleted.uid, True, {}):
                    seen.append(await anext(changes))
        assert {change.uid for change in seen if change.deleted} == {replaced.uid, deleted.uid}
        told = {change.uid for change in seen if not change.deleted}
        assert restarted.uid in told
        assert relabelled.uid not in told
        assert sum("watch=" in one.path for one in sandbox.api.audit) <= 1, "one watch of the cluster"


async def until(holds: Callable[[], bool]) -> None:
    """Wait, bounded, for a condition."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)
