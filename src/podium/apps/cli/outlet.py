"""A way out that may be slower than the pods: a thread writes, the loop never waits, sources are held back."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable

from podium.ports import Flow

HIGH = 4 * 1024 * 1024  #: bytes waiting to be written above which sources are held back
LOW = 1024 * 1024


class Outlet:
    """Writes to a file descriptor in order. Use from the event loop only; one reader that went away ends it.

    `closed` is called once, in the loop, when nobody reads any more; what comes afterwards is dropped.
    """

    def __init__(self, descriptor: int, closed: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0
        self._broken = False
        self._held: set[Flow] = set()
        self._flows: set[Flow] = set()
        self._ended = self._loop.create_future()
        self._thread = threading.Thread(target=self._work, name=f"outlet {descriptor}", daemon=True)
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        """Whether all that was given has been written."""
        return self._waiting == 0

    def attach(self, flow: Flow) -> None:
        """Hold this source back, too, while too much is waiting."""
        self._flows.add(flow)
        if self._waiting > HIGH:
            self._hold(flow)

    def detach(self, flow: Flow) -> None:
        """Forget a source that has ended."""
        self._flows.discard(flow)
        self._held.discard(flow)

    def write(self, data: bytes) -> None:
        """Take bytes; never waits."""
        if self._broken or not data:
            return
        self._waiting += len(data)
        self._queue.put(data)
        if self._waiting > HIGH:
            for flow in self._flows - self._held:
                self._hold(flow)

    async def close(self) -> None:
        """Return when all is written, or nobody reads any more."""
        self._queue.put(None)
        await self._ended

    def _hold(self, flow: Flow) -> None:
        self._held.add(flow)
        flow.pause()

    def _work(self) -> None:
        while (data := self._queue.get()) is not None:
            try:
                _write_whole(self._descriptor, data)
            except OSError:
                self._tell(self._broke)
                break
            self._tell(self._wrote, len(data))
        self._tell(self._end)

    def _tell(self, act: Callable[..., None], *values: int) -> None:
        try:
            self._loop.call_soon_threadsafe(act, *values)
        except RuntimeError:  # the loop is closed: nobody is left to tell
            return

    def _wrote(self, size: int) -> None:
        self._waiting -= size
        if self._waiting < LOW:
            self._release()

    def _broke(self) -> None:
        self._broken = True
        self._waiting = 0
        self._release()
        self._closed()

    def _release(self) -> None:
        held, self._held = self._held, set()
        for flow in held:
            flow.resume()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


def _write_whole(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
