"""Watches: changes since a resourceVersion, bookmarks, 410 for what is forgotten."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from podium.sandbox.api.listing import Form, read_page, wanted_form
from podium.sandbox.api.resources import Target
from podium.sandbox.api.selectors import Selection, read_selection
from podium.sandbox.api.statuses import bad_request, encode, expired, invalid
from podium.sandbox.api.tables import columns, partial, row
from podium.sandbox.settings import Settings
from podium.sandbox.wire.http import Answer, Request
from podium.sandbox.world.items import Item, Json, Now
from podium.sandbox.world.store import Change, ChangeType, Store, TooOldError

LONGEST = 1800.0
"""Seconds a watch without timeoutSeconds lasts at most (--min-request-timeout)."""
INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Watch:
    """What a watch request asks for."""

    target: Target
    selection: Selection
    form: Form
    include: str
    start: str
    bookmarks: bool
    sends_initial: bool
    seconds: float


@dataclass(slots=True)
class Watching:
    """Serve watches from the store's changes."""

    store: Store
    settings: Settings
    now: Now
    breaks: set[asyncio.Event] = field(default_factory=set)
    open_watches: int = 0

    def answer(self, target: Target, request: Request) -> Answer:
        """Answer a watch request. Raises StatusError (400)."""
        page = read_page(request, is_watch=True)
        seconds = request.first("timeoutSeconds")
        if seconds is not None and not seconds.isdigit():
            raise bad_request(f'strconv.ParseInt: parsing "{seconds}": invalid syntax')
        selection = read_selection(request.first("labelSelector"), request.first("fieldSelector"), target.plural)
        form = wanted_form(request.headers.get("accept", ""))
        initial = request.flag("sendInitialEvents")
        if initial and page.match != "NotOlderThan":
            words = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            raise invalid(
                "ListOptions", "meta.k8s.io", "", ("FieldValueForbidden", "resourceVersionMatch", f"Forbidden: {words}")
            )
        watch = Watch(
            target,
            selection,
            form,
            request.first("includeObject") or "Metadata",
            page.revision,
            request.flag("allowWatchBookmarks"),
            initial,
            float(seconds) if seconds not in (None, "0") else LONGEST,
        )
        return Answer(200, self._stream(watch))

    def end_all(self) -> None:
        """End every open watch cleanly, as an API server does every few minutes."""
        for event in self.breaks:
            event.set()

    async def _stream(self, watch: Watch) -> AsyncIterator[bytes]:
        store, plural = self.store, watch.target.plural
        changed = store.subscribe()
        self.breaks.add(changed)
        self.open_watches += 1
        render = _Renderer(watch, self.now)
        deadline = time.monotonic() + watch.seconds
        try:
            revision = int(watch.start or "0")
            if watch.sends_initial or revision == 0:
                snapshot = store.snapshot(plural)
                revision = snapshot.revision
                for item in snapshot.items:
                    if _is_wanted(watch, item):
                        yield render.event(ChangeType.ADDED.value, item)
                if watch.sends_initial:
                    yield render.bookmark(revision, {INITIAL_END: "true"})
            yield b""
            async for part in self._follow(watch, render, (revision, deadline), changed):
                yield part
        finally:
            self.open_watches -= 1
            self.breaks.discard(changed)
            store.unsubscribe(changed)

    async def _follow(
        self, watch: Watch, render: "_Renderer", start: tuple[int, float], changed: asyncio.Event
    ) -> AsyncIterator[bytes]:
        revision, deadline = start
        while True:
            changed.clear()
            try:
                changes = self.store.since(watch.target.plural, revision)
            except TooOldError as error:
                status = expired(f"too old resource version: {revision} ({error.oldest})").body()
                yield encode({"type": "ERROR", "object": status})
                return
            for change in changes:
                revision = change.revision
                kind = _seen_as(watch, change)
                if kind is not None:
                    yield render.event(kind.value, change.item)
            revision = max(revision, self.store.revision)
            left = deadline - time.monotonic()
            if left <= 0:
                return
            pause = min(left, self.settings.bookmark_seconds)
            try:
                async with asyncio.timeout(pause):
                    await changed.wait()
            except TimeoutError:
                if watch.bookmarks:
                    yield render.bookmark(revision, None)
                continue
            if not self.store.has_after(revision):
                # woken without a change: somebody ended the watches
                return


class _Renderer:
    """Render one watch's events."""

    def __init__(self, watch: Watch, now: Now) -> None:
        self.watch, self.now, self.told = watch, now, False

    def event(self, kind: str, item: Item) -> bytes:
        return encode({"type": kind, "object": self._object(item)})

    def _object(self, item: Item) -> Json:
        if self.watch.form is Form.METADATA:
            return partial(item.render())
        if self.watch.form is Form.WHOLE:
            return item.render()
        plural = self.watch.target.plural
        table = self._table({"resourceVersion": str(item.revision)})
        table["rows"] = [row(plural, item, self.now(), self.watch.include)]
        return table

    def _table(self, meta: Json) -> Json:
        table: Json = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
        # the columns come with the first event only
        table["columnDefinitions"] = [] if self.told else columns(self.watch.target.plural)
        self.told = True
        return table | {"rows": []}

    def bookmark(self, revision: int, annotations: Json | None) -> bytes:
        resource = self.watch.target.resource
        assert resource is not None
        meta: Json = {"resourceVersion": str(revision), "creationTimestamp": None}
        if annotations is not None:
            meta["annotations"] = annotations
        if self.watch.form is Form.TABLE:
            table = self._table({"resourceVersion": str(revision)})
            table["rows"] = [
                {"cells": [], "object": {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}}
            ]
            return encode({"type": "BOOKMARK", "object": table})
        body: Json = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
        return encode({"type": "BOOKMARK", "object": body})


def _is_wanted(watch: Watch, item: Item) -> bool:
    if watch.target.namespace not in ("", item.namespace):
        return False
    if watch.target.name not in ("", item.name):
        return False
    return watch.selection.is_empty or watch.selection.matches(item.labels, item.fields)


def _seen_as(watch: Watch, change: Change) -> ChangeType | None:
    """Return how a selector makes a change look: what leaves the selection is DELETED."""
    is_in = change.type is not ChangeType.DELETED and _is_wanted(watch, change.item)
    was_in = change.before is not None and _is_wanted(watch, change.before)
    if is_in:
        return ChangeType.MODIFIED if was_in else ChangeType.ADDED
    return ChangeType.DELETED if was_in else None
