"""What a watch tells about the pods of a snapshot: bytes and lists in, changes out. No clock, no network.

Only pods of the snapshot count: what is made later can be no target of the run that follows them. The watch is of a
whole scope, without selectors: a pod that leaves a selector is DELETED in the eyes of a selecting watch, and lives.
Rules: API concepts, "Efficient detection of changes" (bookmarks, 410 Gone, ERROR events).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from podium.adapters.kube.objects import ONE_POD, WATCH_EVENT, ContainerStatus, PodObject
from podium.domain.inventory import ContainerState, Pod
from podium.ports import Change

LONGEST_LINE = 16 * 1024 * 1024  #: bytes; etcd takes 1.5 MiB of an object

Containers = Mapping[str, tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A pod as it was at `version`."""

    namespace: str
    name: str
    uid: str
    version: str
    containers: Containers


@dataclass(frozen=True, slots=True)
class Told:
    """What a piece of a watch told. `expired`: the watch cannot go on from where it is, a new list must."""

    changes: tuple[Change, ...] = ()
    expired: bool = field(default=False)


def sighting_of_pod(pod: Pod, version: str) -> Sighting:
    """A pod of the snapshot, as a start."""
    containers = {one.name: (one.container_id, one.state is ContainerState.RUNNING) for one in pod.containers}
    return Sighting(pod.namespace, pod.name, pod.uid, version, containers)


def sighting_of(item: PodObject) -> Sighting:
    """A pod of a watch or of a later list."""
    meta, status = item.metadata, item.status
    found: dict[str, tuple[str, bool]] = {}
    for spec in (item.spec.containers, item.spec.init_containers, item.spec.ephemeral_containers):
        found.update((one.name, ("", False)) for one in spec or ())
    for told in (status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses):
        found.update((one.name, (one.container_id, _runs(one))) for one in told or () if one.name in found)
    return Sighting(meta.namespace, meta.name, meta.uid, meta.resource_version, found)


def _runs(status: ContainerStatus) -> bool:
    return status.state is not None and status.state.running is not None


def is_newer(version: str, known: str) -> bool:
    """Whether `version` is later than `known`. Versions that are no numbers come in the order of the watch."""
    if version.isdecimal() and known.isdecimal():
        return int(version) > int(known)
    return version != known


class Following:
    """The pods of one scope as last seen, and the version from which a watch of it goes on."""

    def __init__(self, sightings: Iterable[Sighting], version: str) -> None:
        self.version = version
        self._known = {(one.namespace, one.name): one for one in sightings}
        self._rest = bytearray()

    def connected(self) -> None:
        """A new watch begins: half a line of the one before is nothing."""
        self._rest.clear()

    def feed(self, data: bytes) -> Told:
        """Take bytes of the watch as they come, lines cut anywhere."""
        self._rest += data
        if b"\n" not in data:
            return Told(expired=len(self._rest) > LONGEST_LINE)
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest[:] = rest
        changes: list[Change] = []
        for line in lines:
            if not line.strip():
                continue
            told = self._line(line)
            changes.extend(told.changes)
            if told.expired:
                return Told(tuple(changes), expired=True)
        return Told(tuple(changes))

    def relisted(self, sightings: Iterable[Sighting], version: str) -> tuple[Change, ...] | None:
        """Take a whole list of the scope: what is missing in it was deleted unseen.

        None for a list older than what was seen, from an API server that lags behind: it tells nothing.
        """
        if is_newer(self.version, version) and self.version.isdecimal():
            return None
        self.version = version
        present = {key: one for one in sightings if (key := (one.namespace, one.name)) in self._known}
        changes: list[Change] = []
        for key, known in list(self._known.items()):
            seen = present.get(key)
            changes.extend(self._gone(known) if seen is None else self._seen(seen))
        return tuple(changes)

    def _line(self, line: bytes) -> Told:
        try:
            event = WATCH_EVENT.decode(line)
            if event.type == "ERROR":
                return Told(expired=True)
            seen = sighting_of(ONE_POD.decode(event.object))
        except msgspec.DecodeError:
            return Told(expired=True)
        changes = self._deleted(seen) if event.type == "DELETED" else self._seen(seen)
        # a watch goes forward only; one begun at the oldest of several lists replays what later ones have shown
        if seen.version:
            self.version = seen.version
        return Told(tuple(changes))

    def _seen(self, seen: Sighting) -> list[Change]:
        known = self._known.get((seen.namespace, seen.name))
        if known is None or not is_newer(seen.version, known.version):
            return []
        if seen.uid != known.uid:
            return self._gone(known)
        self._known[(seen.namespace, seen.name)] = seen
        return [] if seen.containers == known.containers else [Change(seen.uid, False, seen.containers)]

    def _deleted(self, seen: Sighting) -> list[Change]:
        known = self._known.get((seen.namespace, seen.name))
        if known is None or (seen.uid != known.uid and not is_newer(seen.version, known.version)):
            return []
        return self._gone(known)

    def _gone(self, known: Sighting) -> list[Change]:
        del self._known[(known.namespace, known.name)]
        return [Change(known.uid, True, {})]
