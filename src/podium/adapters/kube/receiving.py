"""What an exec's stream brings: output passed on as it comes, the error channel, the mark and the end kept."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from podium.adapters.kube.loader import Loading, MarkFilter
from podium.adapters.kube.session import BreakKind, Broken, End, Session
from podium.adapters.kube.verdicts import STATUS_AT_MOST, V4, parse_status
from podium.domain.events import Channel
from podium.domain.outcomes import Why
from podium.ports import Output

ERROR = 3  #: the channel of the Status (KEP-4006)
REFUSED_WITHIN = 0.5  #: seconds within which a runtime says that it cannot start a command, where no shell says go
CLOSE_WITHIN = 1.0  #: seconds the server may take to close after its Status
STATUS_AFTER_MARK = 1.0  #: seconds without a byte that the Status may take after the end mark, which unread stdin holds


class ExecReceiver:
    """Sorts what comes: output to the Output, the error channel and the end kept for the verdict."""

    def __init__(self, output: Output, loading: Loading | None) -> None:
        self._output = output
        self._filter = MarkFilter(loading.mark) if loading is not None else None
        self._session: Session | None = None
        self._error = bytearray()
        self._end: End | None = None
        self._bug: Exception | None = None
        self._pieces = 0
        self._held_back = False
        self._reached = False
        self._ended = asyncio.Event()
        self._told = asyncio.Event()  # a Status or the end mark is here, or the end
        self._goes = asyncio.Event()

    @property
    def status(self) -> bytes | None:
        """What came on the error channel, cut a little above what a Status may have."""
        return bytes(self._error) if self._error else None

    @property
    def mark(self) -> str | None:
        """The word behind the end mark."""
        return self._filter.found if self._filter is not None else None

    @property
    def broken(self) -> str:
        """How the connection broke, "" where it was closed."""
        return self._end.error if isinstance(self._end, Broken) else ""

    @property
    def stalled(self) -> bool:
        """Whether the stream was lost while, or after, we had held it back."""
        return isinstance(self._end, Broken) and self._end.kind is BreakKind.STALLED

    @property
    def has_whole_status(self) -> bool:
        """Whether the end of the command is told, whatever the stream still does."""
        return parse_status(bytes(self._error)) is not None

    def attach(self, session: Session) -> None:
        """Give the session to whoever takes the output, as a flow."""
        self._session = session
        self._output.attach(self)
        if session.protocol == V4:
            self._reach()  # nobody answers 101 to v4 before the node did; v5 may be translated, and dialled after it

    def pause(self) -> None:
        """Hold the session back."""
        if self._session is not None:
            self._held_back = True
            self._session.pause()

    def resume(self) -> None:
        """Let it on."""
        if self._session is not None:
            self._held_back = False
            self._session.resume()

    def received(self, channel: int, data: memoryview) -> None:
        """Take a piece; an Output that raises ends the exec with what it raised."""
        if self._bug is not None:
            return
        self._pieces += 1
        if channel != ERROR:
            self._reach()
        try:
            self._sort(channel, data)
        except Exception as error:  # noqa: BLE001 - raised again by `settled`: nobody hears an event loop's callback
            self._bug = error
            self._told.set()
            self._ended.set()

    def ended(self, end: End) -> None:
        """Take the stream's end."""
        self._end = end
        self._ended.set()
        self._told.set()

    def _reach(self) -> None:
        if not self._reached:
            self._reached = True
            self._output.reach()

    async def settled(self, *, may_be_unread: bool) -> None:
        """Wait for the end: shortly once the Status is here, or the mark where unread stdin can hold it back."""
        await self._told.wait()
        if self.mark is None or self._error or await self._status_follows(may_be_unread):
            await within(self._ended, CLOSE_WITHIN)
        if self._bug is not None:
            raise self._bug

    async def may_feed(self) -> None:
        """Wait until the shell has read its program; without a shell, until a refusal should have come."""
        if self._filter is not None:
            await self._goes.wait()
        else:
            await within(self._ended, REFUSED_WITHIN)

    def flush(self) -> None:
        """Pass on what was held back as a possible mark."""
        if self._bug is None and self._filter is not None and (held := self._filter.flush()):
            self._output.write(Channel.STDERR, memoryview(held))

    async def _status_follows(self, may_be_unread: bool) -> bool:
        """Wait for Status or end after the mark; False once nothing comes any more and unread stdin may be why.

        stdout may lag behind the mark on stderr, and our own reader behind both.
        """
        while not self._error and not self._ended.is_set():
            self._told.clear()
            pieces = self._pieces
            if await within(self._told, STATUS_AFTER_MARK):
                continue
            if may_be_unread and pieces == self._pieces and not self._held_back:
                return False
            self._output.learn(Why.STDOUT_HELD)
        return True

    def _sort(self, channel: int, data: memoryview) -> None:
        if channel == Channel.STDOUT:
            self._output.write(Channel.STDOUT, data)
        elif channel == Channel.STDERR:
            self._stderr(data)
        elif channel == ERROR and data:
            self._error += data[: max(STATUS_AT_MOST + 1 - len(self._error), 0)]
            self._told.set()

    def _stderr(self, data: memoryview) -> None:
        if self._filter is None:
            self._output.write(Channel.STDERR, data)
            return
        had_mark = self._filter.found is not None
        if own := self._filter.feed(data):
            self._output.write(Channel.STDERR, memoryview(own))
        if self._filter.goes:
            self._goes.set()
        if self._filter.found is not None and not had_mark:
            self._told.set()


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event at most so long; whether it came."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
