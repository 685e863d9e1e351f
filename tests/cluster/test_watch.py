"""Lists and watches where a real API server forgets: continue tokens after a compaction, bookmarks to go on from."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from podium.adapters.clock import SystemClock
from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.convert import Pool, pod_of
from podium.adapters.kube.following import Following, sighting_of_pod
from podium.adapters.kube.http import Response
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.lists import Kind, Query, Waits, list_all
from podium.adapters.kube.objects import PODS, PodObject
from podium.adapters.kube.surroundings import Surroundings
from podium.domain.inventory import Pod
from podium.ports import Change
from support.places import BIN
from support.realms import HOLLOW, RIG, RealRealm, cluster_command, manifest, real_realm, sleeping

pytestmark = pytest.mark.cluster
_POOL = Pool()
KIND: Kind[PodObject, Pod] = Kind("/api/v1", "pods", PODS, lambda item: pod_of("rig-a", item, _POOL))


@asynccontextmanager
async def api() -> AsyncIterator[Api]:
    """The rig's first cluster as its administrator."""
    assert (RIG / "kubeconfig").is_file(), "the rig is not up: ./scripts/cluster up"
    access = load(str(RIG / "kubeconfig"), Surroundings({})).resolve("rig-a")
    made = Api(access, user_agent="podium/test", wire=Wire(environ={}))
    try:
        yield made
    finally:
        await made.close()


def move_on() -> None:
    """Write something: etcd forgets only what is older than its newest revision."""
    for turn in ("1", "2"):
        label = ("label", "namespace", "hollow", f"turn={turn}", "--overwrite")
        kubectl = (str(BIN / "kubectl"), "--kubeconfig", str(RIG / "kubeconfig"), "--context", "rig-a")
        subprocess.run([*kubectl, *label], check=True, capture_output=True, timeout=60)


class Compacting:
    """Plain requests; after the first page of a list, etcd forgets the version it was read at."""

    def __init__(self, inner: Api) -> None:
        self._inner = inner
        self.statuses: list[int] = []
        self.compacted = False

    async def get(self, path: str, query: Query = ()) -> Response:
        answer = await self._inner.get(path, query)
        self.statuses.append(answer.status)
        if not self.compacted:
            self.compacted = True
            await asyncio.to_thread(move_on)
            await asyncio.to_thread(cluster_command, "fault", "compact", "a")
            await self._expire(path, query, json.loads(answer.body)["metadata"]["continue"])
        return answer

    async def _expire(self, path: str, query: Query, token: str) -> None:
        """Wait until the token is refused: the API server's own cache may know a version longer than etcd does."""
        async with asyncio.timeout(150):
            while (await self._inner.get(path, [*query, ("continue", token)])).status != 410:
                await asyncio.sleep(1.0)

    async def post(self, path: str, body: bytes, query: Query = ()) -> Response:
        return await self._inner.post(path, body, query)

    def stream(self, path: str, query: Query = ()) -> object:
        return self._inner.stream(path, query)


@pytest.mark.timeout(240)
async def test_a_list_whose_continue_token_expires_begins_again_and_is_whole() -> None:
    await asyncio.to_thread(cluster_command, "hollow", "up", *HOLLOW)
    async with api() as real:
        requests = Compacting(real)
        waits = Waits(SystemClock().sleep, lambda: 0.0)
        listed = await list_all(requests, KIND, "hollow", (), waits)  # type: ignore[arg-type]
    assert 410 in requests.statuses
    assert len({pod.uid for pod in listed.items}) == len(listed.items) == 2000
    assert requests.statuses == [200, 410, *[200] * 4]


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[RealRealm]:
    """One pod in a namespace of our own."""
    with real_realm("real-a", tmp_path, manifest(sleeping("stays", "w"), sleeping("goes", "w"))) as made:
        yield made


@pytest.mark.soak  # the API server sends a bookmark a minute, sooner only by chance
@pytest.mark.timeout(300)
async def test_pitfall_16_a_bookmark_is_where_a_watch_goes_on(realm: RealRealm) -> None:
    """Nothing of ours changes, much else does: the bookmark alone brings the version forward, and nothing is told."""
    namespace = realm.place.namespace
    async with api() as real:
        listed = await list_all(real, KIND, namespace, (), Waits(SystemClock().sleep, lambda: 0.0))
        following = Following((sighting_of_pod(pod, "1") for pod in listed.items), listed.version)
        noise = sleeping(f"noise-{namespace}", "noise", nodeSelector={"no": "where"})
        noise["metadata"]["namespace"] = "default"
        await asyncio.to_thread(realm.create, noise)
        watching = [("watch", "1"), ("allowWatchBookmarks", "true")]
        told = b""
        async with asyncio.timeout(200):
            while b'"BOOKMARK"' not in told:
                following.connected()
                query = [*watching, ("resourceVersion", following.version)]
                async with real.stream(KIND.path(namespace), [*query, ("timeoutSeconds", "90")]) as lines:
                    assert lines.status == 200
                    async for chunk in lines:
                        told += chunk
                        assert following.feed(chunk).changes == ()
                        if b'"BOOKMARK"' in told:
                            break
        assert {json.loads(line)["type"] for line in told.splitlines() if line} <= {"BOOKMARK", "MODIFIED"}
        assert int(following.version) > int(listed.version)
        goes = next(pod for pod in listed.items if pod.name == "goes")
        await asyncio.to_thread(realm.place.kubectl, "delete", "pod", "goes", "--wait=true")
        following.connected()
        gone: list[Change] = []
        later = [*watching, ("resourceVersion", following.version), ("timeoutSeconds", "30")]
        async with asyncio.timeout(60), real.stream(KIND.path(namespace), later) as lines:
            async for chunk in lines:
                gone = [change for change in following.feed(chunk).changes if change.deleted]
                if gone:
                    break
        assert [change.uid for change in gone] == [goes.uid]
