"""What a watch tells, against a model: pods come, change, go and are replaced while the watch breaks at random."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.kube.inventory.objects import Object, container_status, page, pod
from podium.adapters.kube.following import LONGEST_LINE, Following, Sighting, sighting_of, sighting_of_pod
from podium.adapters.kube.objects import PODS
from podium.adapters.kube.scopes import older
from podium.ports import Change


def event(kind: str, item: Object) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def bookmark(version: int) -> bytes:
    return event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(version)}})


def sightings(items: list[Object]) -> list[Sighting]:
    return [sighting_of(item) for item in PODS.decode(page(items)).items or ()]


@dataclass
class World:
    """A cluster's pods and all that ever happened to them, each happening at a version of its own."""

    version: int = 100
    pods: dict[str, Object] = field(default_factory=dict)
    history: list[tuple[int, bytes]] = field(default_factory=list)
    made: int = 0

    def happen(self, what: str, name: str) -> None:
        """One thing happens, if it can."""
        if what == "create" and name not in self.pods:
            self.made += 1
            self._put("ADDED", name, f"uid-{self.made}", "c0")
        elif what == "delete" and name in self.pods:
            self._drop(name)
        elif what == "replace" and name in self.pods:
            self._drop(name)
            self.happen("create", name)
        elif what == "restart" and name in self.pods:
            self.made += 1
            self._put("MODIFIED", name, self.pods[name]["metadata"]["uid"], f"c{self.made}")
        elif what == "touch" and name in self.pods:
            known = self.pods[name]
            container = known["status"]["containerStatuses"][0]["containerID"]
            self._put("MODIFIED", name, known["metadata"]["uid"], container)

    def since(self, version: int) -> list[bytes]:
        """What a watch from there delivers."""
        return [line for at, line in self.history if at > version]

    def containers(self) -> dict[str, str]:
        """The container id of each living pod by uid."""
        return containers_of(self.pods.values())

    def _put(self, kind: str, name: str, uid: str, container: str) -> None:
        self.version += 1
        statuses = {"containerStatuses": [container_status("web", containerID=container)]}
        self.pods[name] = pod(name, uid=uid, version=self.version, status=statuses)
        self.history.append((self.version, event(kind, self.pods[name])))

    def _drop(self, name: str) -> None:
        self.version += 1
        gone = deepcopy(self.pods.pop(name))
        gone["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, event("DELETED", gone)))


def containers_of(pods: Iterable[Object]) -> dict[str, str]:
    """The container id of each pod by uid."""
    return {item["metadata"]["uid"]: item["status"]["containerStatuses"][0]["containerID"] for item in pods}


class Seen:
    """Who follows: believes what it was told, and checks that it was told in order."""

    def __init__(self, start: dict[str, str]) -> None:
        self.living = dict(start)
        self.deleted: set[str] = set()

    def take(self, changes: Any) -> None:
        """Believe."""
        for change in changes:
            assert change.uid in self.living, "only pods of the snapshot, and nothing after the end"
            if change.deleted:
                del self.living[change.uid]
                self.deleted.add(change.uid)
            else:
                self.living[change.uid] = change.containers["web"][0]


happenings = st.tuples(
    st.sampled_from(["create", "delete", "replace", "restart", "touch"]), st.sampled_from(["a", "b", "c"])
)
accidents = st.sampled_from(["deliver", "cut", "expire", "error", "bookmark", "stale"])
steps = st.lists(st.one_of(happenings, st.tuples(accidents, st.integers(1, 400))), max_size=40)


@pytest.mark.on(why="pure: bytes in, changes out; tests/cluster/test_inventory.py watches a real cluster")
@settings(max_examples=150, deadline=None)
@given(st.lists(happenings, max_size=12), steps)
def test_pitfall_16_a_watch_that_breaks_anywhere_tells_all_and_nothing_else(
    before: list[tuple[str, str]], then: list[tuple[str, Any]]
) -> None:
    world = World()
    for what, name in before:
        world.happen(what, name)
    start = world.containers()
    following = Following(sightings(list(world.pods.values())), str(world.version))
    seen = Seen(start)
    for what, detail in then:
        if isinstance(detail, str):
            world.happen(what, detail)
            continue
        wire = b"".join(world.since(int(following.version)))
        following.connected()
        if what == "deliver":
            for at in range(0, len(wire), detail):
                seen.take(following.feed(wire[at : at + detail]).changes)
        elif what == "cut":
            seen.take(following.feed(wire[: len(wire) * detail // 400]).changes)
        elif what == "bookmark":
            seen.take(following.feed(wire + bookmark(world.version)).changes)
            assert following.version == str(world.version)
        elif what == "error":
            told = following.feed(
                event("ERROR", {"kind": "Status", "metadata": {}, "code": 410, "message": "too old"}) + wire
            )
            assert told.expired
            assert told.changes == ()
        elif what == "stale":
            assert following.relisted([], "99") is None, "a list of before the snapshot, without any pod"
        else:
            seen.take(following.relisted(sightings(list(world.pods.values())), str(world.version)) or ())
    following.connected()
    seen.take(following.feed(b"".join(world.since(int(following.version)))).changes)
    now = world.containers()
    assert seen.deleted == set(start) - set(now)
    assert seen.living == {uid: now[uid] for uid in start if uid in now}


@settings(max_examples=50, deadline=None)
@given(st.lists(happenings, max_size=20), st.lists(happenings, max_size=20))
def test_a_watch_from_the_older_of_two_lists_misses_nothing_and_replays_without_harm(
    before: list[tuple[str, str]], between: list[tuple[str, str]]
) -> None:
    world = World()
    for what, name in before:
        world.happen(what, name)
    first, early = str(world.version), world.pods.get("a")
    for what, name in between:
        world.happen(what, name)
    second, late = str(world.version), [item for name, item in world.pods.items() if name != "a"]
    start = ([early] if early is not None else []) + late
    seen = Seen(containers_of(start))
    following = Following(sightings(start), older(second, first))
    seen.take(following.feed(b"".join(world.since(int(following.version)))).changes)
    now = world.containers()
    assert seen.living == {uid: now[uid] for uid in containers_of(start) if uid in now}


def follow_one(version: int = 100) -> Following:
    return Following(sightings([pod("a", version=version)]), str(version))


@pytest.mark.on(why="pure: bytes in, changes out; tests/cluster/test_inventory.py watches a real cluster")
def test_pitfall_16_the_same_name_with_another_uid_is_the_end_of_the_old() -> None:
    following = follow_one()
    told = following.feed(event("ADDED", pod("a", uid="new", version=105)))
    assert told.changes == (Change("uid-shop-a", True, {}),)
    assert following.feed(event("MODIFIED", pod("a", uid="new", version=106))).changes == ()


@pytest.mark.on(why="pure: bytes in, changes out; tests/cluster/test_inventory.py watches a real cluster")
def test_pitfall_15_a_restarted_container_is_told_by_its_id() -> None:
    restarted = pod("a", version=105, status={"containerStatuses": [container_status("web", containerID="c2")]})
    told = follow_one().feed(event("MODIFIED", restarted))
    assert told.changes == (Change("uid-shop-a", False, {"web": ("c2", True)}),)


def test_a_container_that_stops_is_told() -> None:
    stopped = container_status("web", state={"terminated": {"exitCode": 137}})
    told = follow_one().feed(event("MODIFIED", pod("a", version=105, status={"containerStatuses": [stopped]})))
    assert [change.containers["web"][1] for change in told.changes] == [False]


def test_an_ephemeral_container_added_later_is_told() -> None:
    added = pod(
        "a",
        version=105,
        spec={"ephemeralContainers": [{"name": "debug", "image": "d"}]},
        status={"ephemeralContainerStatuses": [container_status("debug", containerID="d1")]},
    )
    (change,) = follow_one().feed(event("MODIFIED", added)).changes
    assert change.containers["debug"] == ("d1", True)


def test_older_events_are_passed_over() -> None:
    following = follow_one(100)
    older_event = pod("a", version=99, status={"containerStatuses": [container_status("web", containerID="c0")]})
    assert following.feed(event("MODIFIED", older_event)).changes == ()


def test_pods_that_are_not_of_the_snapshot_are_passed_over() -> None:
    told = follow_one().feed(event("ADDED", pod("z", version=105)) + event("DELETED", pod("z", version=106)))
    assert told.changes == ()


def test_a_snapshot_and_a_watch_see_the_same_containers() -> None:
    from podium.adapters.kube.convert import Pool, pod_of

    item = pod("a", spec={"initContainers": [{"name": "i"}]}, status={"initContainerStatuses": None})
    read = (PODS.decode(page([item])).items or [])[0]
    assert sighting_of(read) == sighting_of_pod(pod_of("prod", read, Pool()), "100")


def test_rubbish_ends_the_watch_and_not_the_program() -> None:
    for rubbish in (b"<html>\n", b"{}\n", b'{"type":"ADDED","object":3}\n'):
        assert follow_one().feed(rubbish).expired
    assert not follow_one().feed(b"\n \n").expired
    assert follow_one().feed(b"x" * (LONGEST_LINE + 1)).expired
