"""The loop around a watch: it goes on after each kind of end, lists where it may not watch, and stops when closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from adapters.kube.inventory.objects import Object, pod
from adapters.kube.inventory.scripted import Cluster, Reply, Time, forbidden, refused
from podium.adapters.kube.inventory import KubeInventory
from podium.adapters.kube.watch import (
    LONGEST_BACKOFF,
    POLL,
    Closed,
    Expired,
    Failed,
    Forbidden,
    end_of,
    follow,
    pause_after,
)
from podium.adapters.kube.wire_errors import ConnectFailedError, ConnectFailure, NoAnswerError
from podium.ports import Change, Wanted


def event(kind: str, item: Object) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def deleted(name: str, version: int) -> bytes:
    return event("DELETED", pod(name, version=version))


GONE = event("ERROR", {"kind": "Status", "metadata": {}, "code": 410, "message": "too old resource version"})


class Scene:
    """A cluster with pods a, b, c in shop, its snapshot taken, somebody following."""

    def __init__(self) -> None:
        self.cluster = Cluster([pod(name) for name in "abc"])
        self.time = Time()
        self.notes: list[str] = []
        self.inventory = KubeInventory(
            self.cluster, "prod", "shop", clock=self.time, note=self.notes.append, jitter=lambda: 0.5
        )

    async def begin(self, wanted: Wanted | None = None) -> AsyncIterator[Change]:
        """Take the snapshot."""
        await self.inventory.snapshot(wanted or Wanted())
        self.cluster.asked.clear()
        return self.inventory.changes()

    def lose(self, name: str) -> None:
        """The pod goes, and no watch tells."""
        self.cluster.objects["pods"] = [one for one in self.cluster.objects["pods"] if one["metadata"]["name"] != name]
        self.cluster.version += 1


async def first(changes: AsyncIterator[Change], count: int = 1) -> list[str]:
    """The uids of the next changes, all of them deletions; ends the following."""
    found: list[str] = []
    async with asyncio.timeout(20):
        async for change in changes:
            assert change.deleted
            found.append(change.uid)
            if len(found) == count:
                break
    await changes.aclose()  # type: ignore[attr-defined]
    assert len(asyncio.all_tasks()) == 1, "nothing goes on when nobody listens"
    return found


async def test_one_watch_from_the_lists_version_with_bookmarks_and_no_selector() -> None:
    scene = Scene()
    scene.cluster.watches = [[deleted("b", 1005), b""]]
    changes = await scene.begin(Wanted(label_selectors=("app=web",)))
    assert await first(changes) == ["uid-shop-b"]
    ((path, query),) = scene.cluster.watched
    assert path == "/api/v1/namespaces/shop/pods"
    assert query == {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "resourceVersion": "1000",
        "timeoutSeconds": "450",
    }


async def test_one_watch_for_the_cluster_or_one_for_each_namespace() -> None:
    scene = Scene()
    scene.cluster.objects["pods"].append(pod("d", "pay"))
    for wanted, paths in (
        (Wanted(all_namespaces=True), ["/api/v1/pods"]),
        (Wanted(namespaces=("shop", "pay")), ["/api/v1/namespaces/shop/pods", "/api/v1/namespaces/pay/pods"]),
    ):
        scene.cluster.watched.clear()
        scene.cluster.watches = [[deleted("a", 1005), b""]]
        await first(await scene.begin(wanted))
        assert [path for path, _ in scene.cluster.watched] == paths


ENDS = [
    [deleted("a", 1005)],
    [deleted("a", 1005), NoAnswerError("reset")],
    [deleted("a", 1005), deleted("z", 1005)[:30], NoAnswerError("cut in mid-line")],
]


@pytest.mark.parametrize("end", ENDS, ids=["clean", "broken", "mid-line"])
async def test_an_end_is_followed_by_a_watch_from_where_it_was(end: list[bytes | Exception]) -> None:
    scene = Scene()
    scene.cluster.watches = [end, [deleted("b", 1007), b""]]
    assert await first(await scene.begin(), 2) == ["uid-shop-a", "uid-shop-b"]
    assert [query["resourceVersion"] for _, query in scene.cluster.watched] == ["1000", "1005"]
    assert scene.time.slept == [0.5], "a little jitter, so that not all watchers come back at once"
    assert scene.cluster.asked == [], "no list was needed"


async def test_bookmarks_carry_the_version_on() -> None:
    scene = Scene()
    mark = event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": "2222"}})
    scene.cluster.watches = [[mark], [deleted("a", 2300), b""]]
    await first(await scene.begin())
    assert scene.cluster.watched[1][1]["resourceVersion"] == "2222"


@pytest.mark.on(
    why="no cluster breaks a watch on demand: a scripted one does; tests/cluster/test_inventory.py has the real one"
)
@pytest.mark.parametrize("gone", [[GONE], refused(410, "too old", "Expired")], ids=["event", "status"])
async def test_pitfall_16_410_lists_again_and_tells_what_went_unseen(gone: list[bytes | Exception] | Reply) -> None:
    scene = Scene()
    scene.cluster.watches = [gone, [deleted("a", 1009), b""]]
    changes = await scene.begin(Wanted(label_selectors=("app=web",)))
    scene.lose("c")
    assert await first(changes, 2) == ["uid-shop-c", "uid-shop-a"]
    assert [query.get("labelSelector") for _, query in scene.cluster.asked] == [None], "a pod may leave its selector"
    assert scene.cluster.watched[1][1]["resourceVersion"] == "1001"


async def test_a_server_that_is_away_is_tried_with_growing_pauses() -> None:
    scene = Scene()
    down = ConnectFailedError(ConnectFailure.REFUSED, "refused")
    scene.cluster.watches = [*[down] * 12, [deleted("a", 1005), b""]]
    await first(await scene.begin())
    assert scene.time.slept == sorted(scene.time.slept)
    assert scene.time.slept[0] < 1
    assert scene.time.slept[-1] == LONGEST_BACKOFF


async def test_429_waits_as_long_as_asked() -> None:
    scene = Scene()
    scene.cluster.watches = [refused(429, "too many", after="9"), [deleted("a", 1005), b""]]
    await first(await scene.begin())
    assert scene.time.slept == [9.5]


async def test_without_the_right_to_watch_it_lists_every_thirty_seconds_and_says_so_once() -> None:
    scene = Scene()
    scene.cluster.objects["pods"].append(pod("d", "pay"))
    scene.cluster.watches = [forbidden("watch pods"), forbidden("watch pods")]
    changes = await scene.begin(Wanted(namespaces=("shop", "pay")))
    lists = 0

    def lose(path: str) -> None:
        nonlocal lists
        lists += 1
        if lists == 6:
            scene.lose("b")

    scene.cluster.on_get = lose
    assert await first(changes) == ["uid-shop-b"]
    assert set(scene.time.slept) == {POLL}
    assert len(scene.cluster.watched) == 2, "asked once for each namespace, and not again"
    assert len(scene.notes) == 1
    assert "30 s" in scene.notes[0]


async def test_a_list_that_fails_while_polling_is_no_deletion() -> None:
    scene = Scene()
    scene.cluster.watches = [forbidden("watch pods")]
    changes = await scene.begin()
    scene.cluster.planted["/api/v1/namespaces/shop/pods"] = [
        refused(500, "etcd"),
        forbidden("list pods"),
        NoAnswerError("reset"),
    ]
    scene.cluster.on_get = lambda path: scene.lose("c") if len(scene.cluster.asked) == 5 else None
    assert await first(changes) == ["uid-shop-c"]


async def test_a_silent_connection_is_given_up() -> None:
    scene = Scene()
    scene.cluster.watches = [[b""], [deleted("a", 1005), b""]]
    await scene.begin()
    watching = scene.inventory._watching
    assert watching is not None
    changes = follow(scene.cluster, watching, scene.time.waits(), scene.notes.append, silence=0.01)
    assert await first(changes) == ["uid-shop-a"]
    assert len(scene.cluster.watched) == 2


async def test_a_slow_reader_holds_the_watch_back_and_loses_nothing() -> None:
    scene = Scene()
    count = 1500
    scene.cluster.objects["pods"] = [pod(f"p{n}") for n in range(count)]
    scene.cluster.watches = [[*(deleted(f"p{n}", 2000 + n) for n in range(count)), b""]]
    assert len(set(await first(await scene.begin(), count))) == count


async def test_a_bug_in_the_watch_is_raised_to_whoever_listens() -> None:
    scene = Scene()
    scene.cluster.watches = [ZeroDivisionError("bug")]
    changes = await scene.begin()
    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(20):
            await anext(changes)


async def test_nothing_to_follow_ends_at_once() -> None:
    scene = Scene()
    scene.cluster.planted["/api/v1/namespaces/shop/pods"] = forbidden("pods")
    changes = await scene.begin()
    assert [change async for change in changes] == []


async def test_a_namespace_without_pods_is_not_watched() -> None:
    scene = Scene()
    scene.cluster.watches = [[deleted("a", 1005), b""]]
    await first(await scene.begin(Wanted(namespaces=("shop", "empty"))))
    assert [path for path, _ in scene.cluster.watched] == ["/api/v1/namespaces/shop/pods"]


async def test_following_before_a_snapshot_is_a_bug() -> None:
    with pytest.raises(RuntimeError):
        Scene().inventory.changes()


def test_ends_by_status() -> None:
    assert [end_of(code, 3.0) for code in (200, 410, 403, 405, 429, 503, 401)] == [
        None,
        Expired(),
        Forbidden(),
        Forbidden(),
        Failed(3.0),
        Failed(3.0),
        Failed(3.0),
    ]


def test_pauses_are_bounded() -> None:
    assert pause_after(Failed(9999.0), 1, 0.5) == LONGEST_BACKOFF + 0.5
    assert pause_after(Closed(fruitful=False), 40, 0.9) == LONGEST_BACKOFF
    assert 0 < pause_after(Closed(fruitful=False), 1, 0.0) < 1, "never a hot loop"
