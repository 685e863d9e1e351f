"""Keep every object under its kind, count resourceVersions, remember the last changes and snapshots."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from podium.sandbox.world.items import Item

SNAPSHOTS = 64
FIRST_REVISION = 1000


class ChangeType(Enum):
    """What happened to an object, in the watch's words."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the world."""

    revision: int
    plural: str
    type: ChangeType
    item: Item
    before: Item | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All objects of one kind at one resourceVersion, in key order."""

    revision: int
    items: tuple[Item, ...]
    taken: float


class TooOldError(Exception):
    """A resourceVersion or continue token from before what is remembered; `oldest` is the first still known."""

    def __init__(self, oldest: int) -> None:
        """Say from where on changes are known."""
        super().__init__(oldest)
        self.oldest = oldest


@dataclass(slots=True)
class Store:
    """The world's objects by plural name and (namespace, name)."""

    window: int
    revision: int = FIRST_REVISION
    objects: dict[str, dict[tuple[str, str], Item]] = field(default_factory=dict)
    changes: deque[Change] = field(default_factory=deque)
    oldest: int = FIRST_REVISION
    _fresh: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    _kept: OrderedDict[tuple[str, int], Snapshot] = field(default_factory=OrderedDict)
    _watchers: set[asyncio.Event] = field(default_factory=set)

    def load(self, plural: str, items: Iterable[Item]) -> None:
        """Put the first objects in, before anybody watches."""
        shelf = self.objects.setdefault(plural, {})
        for item in items:
            self.revision += 1
            shelf[item.namespace, item.name] = item.at_revision(self.revision)
        self.oldest = self.revision
        self._fresh.pop(plural, None)

    def get(self, plural: str, namespace: str, name: str) -> Item | None:
        """Return one object, or None."""
        return self.objects.get(plural, {}).get((namespace, name))

    def all(self, plural: str) -> list[Item]:
        """Return every object of a kind, in no order."""
        return list(self.objects.get(plural, {}).values())

    def put(self, plural: str, item: Item) -> Item:
        """Add or replace an object and tell the watchers."""
        shelf = self.objects.setdefault(plural, {})
        before = shelf.get((item.namespace, item.name))
        kind = ChangeType.ADDED if before is None else ChangeType.MODIFIED
        return self._note(plural, kind, item, before)

    def remove(self, plural: str, namespace: str, name: str) -> Item | None:
        """Delete an object and tell the watchers; None when there was none."""
        before = self.objects.get(plural, {}).get((namespace, name))
        if before is None:
            return None
        return self._note(plural, ChangeType.DELETED, before, before)

    def _note(self, plural: str, kind: ChangeType, item: Item, before: Item | None) -> Item:
        self.revision += 1
        item = item.at_revision(self.revision)
        shelf = self.objects[plural]
        if kind is ChangeType.DELETED:
            shelf.pop((item.namespace, item.name))
        else:
            shelf[item.namespace, item.name] = item
        self.changes.append(Change(self.revision, plural, kind, item, before))
        while len(self.changes) > self.window:
            self.oldest = self.changes.popleft().revision
        self._fresh.pop(plural, None)
        for event in self._watchers:
            event.set()
        return item

    def forget(self) -> None:
        """Forget the changes and snapshots so far, as a compaction does: older resourceVersions get 410."""
        self.changes.clear()
        self._kept.clear()
        self.oldest = self.revision

    def snapshot(self, plural: str) -> Snapshot:
        """Return the kind as it is now, in key order; cheap while nothing changes."""
        items = self._fresh.get(plural)
        if items is None:
            shelf = self.objects.get(plural, {})
            items = self._fresh[plural] = tuple(shelf[key] for key in sorted(shelf))
        return Snapshot(self.revision, items, time.monotonic())

    def keep(self, plural: str, snapshot: Snapshot) -> None:
        """Keep a snapshot for the pages that follow."""
        self._kept[plural, snapshot.revision] = Snapshot(snapshot.revision, snapshot.items, time.monotonic())
        self._kept.move_to_end((plural, snapshot.revision))
        while len(self._kept) > SNAPSHOTS:
            self._kept.popitem(last=False)

    def kept(self, plural: str, revision: int, life: float) -> Snapshot:
        """Return a kept snapshot not older than `life` seconds. Raises TooOldError."""
        snapshot = self._kept.get((plural, revision))
        if snapshot is None or time.monotonic() - snapshot.taken > life:
            raise TooOldError(self.oldest)
        return snapshot

    def since(self, plural: str, revision: int) -> list[Change]:
        """Return a kind's changes after a resourceVersion. Raises TooOldError."""
        if revision < self.oldest:
            raise TooOldError(self.oldest)
        found: list[Change] = []
        for change in reversed(self.changes):
            if change.revision <= revision:
                break
            if change.plural == plural:
                found.append(change)
        found.reverse()
        return found

    def has_after(self, revision: int) -> bool:
        """Tell whether anything changed after a resourceVersion."""
        return self.revision > revision

    def subscribe(self) -> asyncio.Event:
        """Return an event that is set at every change; give it back to `unsubscribe`."""
        event = asyncio.Event()
        self._watchers.add(event)
        return event

    def unsubscribe(self, event: asyncio.Event) -> None:
        """Stop telling this watcher."""
        self._watchers.discard(event)
