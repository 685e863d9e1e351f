"""One watch per cluster or namespace, for as long as somebody asks: connects, breaks, goes on without a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from podium.adapters.kube.following import Following, Sighting, Told, sighting_of, sighting_of_pod
from podium.adapters.kube.lists import Kind, Requests, Waits, backoff, list_all, retry_after_header
from podium.adapters.kube.objects import PODS, PodObject
from podium.adapters.kube.together import together
from podium.domain.errors import PodiumError
from podium.domain.inventory import Pod
from podium.ports import Change

POLL = 30.0  #: seconds between lists where there is no right to watch
SILENCE = 150.0  #: seconds; bookmarks come about every minute, so a longer silence is a dead connection
LONGEST_BACKOFF = 30.0  #: seconds
WAITING = 1024  #: changes held for a slow reader, before the watch itself is held back

PODS_SEEN: Kind[PodObject, Sighting] = Kind("/api/v1", "pods", PODS, sighting_of)


@dataclass(frozen=True, slots=True)
class Watching:
    """A scope ("" for the cluster) to follow from the version of its list, and its pods with theirs."""

    scope: str
    version: str
    seen: Sequence[tuple[Pod, str]]


@dataclass(frozen=True, slots=True)
class Closed:
    """The watch ended, as all do after some minutes. `fruitful`: something had come by it."""

    fruitful: bool


@dataclass(frozen=True, slots=True)
class Expired:
    """It cannot go on from its version."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """We may list, and not watch."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not come about; the server may have named a wait in seconds."""

    wait: float | None = None


End = Closed | Expired | Forbidden | Failed


def end_of(status: int, wait: float | None) -> End | None:
    """What an HTTP status means for a watch; None for 200."""
    if status == 200:
        return None
    if status == 410:
        return Expired()
    if status in {403, 405}:
        return Forbidden()
    return Failed(wait)


def pause_after(end: End, failures: int, jitter: float) -> float:
    """Seconds until the next watch; a fruitful one is taken up at once, but not by all watchers in one moment."""
    match end:
        case Closed(fruitful=True):
            return jitter
        case Failed(wait=wait) if wait is not None:
            return min(wait, LONGEST_BACKOFF) + jitter
        case _:
            return min(backoff(failures, jitter) * 2.0 ** max(failures - 5, 0), LONGEST_BACKOFF)


async def follow(
    requests: Requests,
    watching: Sequence[Watching],
    waits: Waits,
    note: Callable[[str], None],
    silence: float = SILENCE,
) -> AsyncIterator[Change]:
    """Yield the changes of all scopes until closed; ends at once where there is nothing to follow."""
    queue: asyncio.Queue[Change] = asyncio.Queue(WAITING)
    watcher = Watcher(requests, waits, note, queue, silence)
    work = asyncio.ensure_future(together([watcher.follow(one) for one in watching]))
    try:
        while True:
            while not queue.empty():
                yield queue.get_nowait()
            if work.done():
                work.result()
                return
            arrival = asyncio.ensure_future(queue.get())
            try:
                await asyncio.wait({arrival, work}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not arrival.done():
                    arrival.cancel()
            if arrival.done() and not arrival.cancelled():
                yield arrival.result()
    finally:
        work.cancel()
        await asyncio.wait({work})


class Watcher:
    """Follows scopes into one queue."""

    def __init__(
        self,
        requests: Requests,
        waits: Waits,
        note: Callable[[str], None],
        queue: asyncio.Queue[Change],
        silence: float,
    ) -> None:
        self._requests = requests
        self._waits = waits
        self._note = note
        self._queue = queue
        self._silence = silence
        self._noted = False

    async def follow(self, watching: Watching) -> None:
        """Follow one scope for ever."""
        following = Following((sighting_of_pod(pod, version) for pod, version in watching.seen), watching.version)
        failures = 0
        while True:
            end = await self._watch(watching.scope, following)
            if isinstance(end, Forbidden):
                await self._poll(watching.scope, following)
            if isinstance(end, Expired):
                end = await self._relist(watching.scope, following)
            failures = 0 if end == Closed(fruitful=True) else failures + 1
            await self._waits.sleep(pause_after(end, failures, self._waits.jitter()))

    async def _watch(self, scope: str, following: Following) -> End:
        """One connection, to its end."""
        following.connected()
        query = (
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", following.version),
            ("timeoutSeconds", str(300 + int(self._waits.jitter() * 300))),
        )
        fruitful = False
        try:
            async with self._requests.stream(PODS_SEEN.path(scope), query) as lines:
                end = end_of(lines.status, retry_after_header(lines.headers))
                if end is not None:
                    return end
                chunks = aiter(lines)
                while True:
                    told = await self._next(chunks, following)
                    if told is None:
                        return Closed(fruitful)
                    fruitful = True
                    for change in told.changes:
                        await self._queue.put(change)
                    if told.expired:
                        return Expired()
        except (PodiumError, TimeoutError):
            return Closed(fruitful) if fruitful else Failed()

    async def _next(self, chunks: AsyncIterator[bytes], following: Following) -> Told | None:
        async with asyncio.timeout(self._silence):
            chunk = await anext(chunks, None)
        return None if chunk is None else following.feed(chunk)

    async def _relist(self, scope: str, following: Following) -> End:
        """Find out by a list what the watch did not see."""
        try:
            listed = await list_all(self._requests, PODS_SEEN, scope, (), self._waits)
        except PodiumError:
            return Failed()
        changes = following.relisted(listed.items, listed.version)
        if changes is None:
            return Failed()
        for change in changes:
            await self._queue.put(change)
        return Closed(fruitful=True)

    async def _poll(self, scope: str, following: Following) -> None:
        """List every POLL seconds, for ever: all that is left without the right to watch."""
        if not self._noted:
            self._noted = True
            where = f"in {scope}" if scope else "of the cluster"
            self._note(
                f"pods {where} cannot be watched (no right to `watch`): a deleted pod is noticed after {POLL:.0f} s"
            )
        while True:
            await self._waits.sleep(POLL)
            await self._relist(scope, following)
