"""An exec session after its upgrade: frames in and out, pings, and an honest end."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from podium.adapters.kube.connection import Connection, Loss, LossKind
from podium.adapters.kube.frames import (
    Close,
    Event,
    FrameDecoder,
    Opcode,
    Piece,
    Ping,
    Pong,
    Violation,
    build_close,
    build_frame,
    build_message,
)
from podium.adapters.kube.wire_errors import SessionClosedError

CHUNK = 32 * 1024
_CLOSE_CHANNEL = 255
_SHORTEST = 0.001
_PROBE_LIMIT = 120.0


class BreakKind(StrEnum):
    """How a session broke."""

    EOF = "eof"
    RESET = "reset"
    PING_TIMEOUT = "ping_timeout"
    PROTOCOL_ERROR = "protocol_error"
    STALLED = "stalled"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class CloseReceived:
    """The server closed in order; `code` None where it gave none."""

    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The connection ended without a close frame from the server. `aborted` is our own doing."""

    error: str
    kind: BreakKind


End = CloseReceived | Broken


class Receiver(Protocol):
    """Who takes a session's bytes; called synchronously from the event loop."""

    def received(self, channel: int, data: memoryview) -> None:
        """Take some bytes of a channel, never none; valid during the call only. One message may come in pieces."""
        ...

    def ended(self, end: End) -> None:
        """Learn how it ended; called exactly once, after the last byte."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. A ping goes out after `ping_after` of the server's silence.

    `stall_after` None: our own consumer or the peer may hold bytes back for ever."""

    ping_after: float = 9.0
    pong_within: float = 20.0
    close_within: float = 1.0
    stall_after: float | None = None


class Session:
    """An open exec. Bytes reach the receiver from the event loop's turn after the upgrade returned, not before."""

    def __init__(self, connection: Connection, protocol: str, receiver: Receiver, timing: Timing) -> None:
        self.protocol = protocol
        self._connection = connection
        self._receiver = receiver
        self._timing = timing
        self._decoder = FrameDecoder()
        self._loop = asyncio.get_running_loop()
        self._held: bytearray | None = bytearray()
        self._loss_held: Loss | None = None
        self._end: End | None = None
        self._closed = self._loop.create_future()
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._pinged_at = self._resumed_at = self._loop.time()
        self._asked_at: float | None = None
        self._blocked_since: float | None = None
        self._paused_at: float | None = None
        self._was_stalled = False

    # What the connection calls

    def feed(self, data: memoryview) -> None:
        """Take the connection's bytes."""
        if self._held is not None:
            self._held += data
            return
        for event in self._decoder.feed(data):
            if self._end is not None:
                return
            if isinstance(event, Piece):
                if len(event.data) > 0:
                    self._receiver.received(event.channel, event.data)
            else:
                self._control(event)

    def lost(self, loss: Loss) -> None:
        """Take the connection's end."""
        if self._held is not None:
            self._loss_held = loss
            return
        kind = {
            LossKind.EOF: BreakKind.EOF,
            LossKind.RESET: BreakKind.RESET,
            LossKind.BROKEN_TLS: BreakKind.PROTOCOL_ERROR,
        }[loss.kind]
        if self._is_stalled():
            # Nobody could tell the middleboxes on the way that we live.
            kind = BreakKind.STALLED
        self._finish(Broken(loss.text, kind))

    # What the upgrade calls

    def begin(self) -> None:
        """Start to deliver; what came until now goes first."""
        held, self._held = self._held, None
        if self._end is not None:
            return
        self._timer = self._loop.call_later(self._timing.ping_after, self._tick)
        if held:
            self.feed(memoryview(held))
        if self._loss_held is not None:
            self.lost(self._loss_held)

    # What its owner calls

    async def send(self, channel: int, data: bytes | bytearray | memoryview) -> None:
        """Send bytes of a channel; returns when the peer has read enough for more.

        Raises SessionClosedError once the session ended, whatever became of what was sent before.
        """
        view = memoryview(data).cast("B")
        # A command may end without reading its input: its Status then lies behind the reset that our write meets.
        self._connection.keep_last_words()
        for start in range(0, len(view), CHUNK):
            self._check_open()
            self._connection.write(build_message(channel, view[start : start + CHUNK], os.urandom(4)))
            await self._connection.drain()
            if start + CHUNK < len(view):
                # A broken connection takes writes without a word until the event loop has had its turn.
                await asyncio.sleep(0)
        self._check_open()

    async def half_close(self, channel: int) -> None:
        """Say that nothing more comes on a channel (v5 only: byte 255, then the channel; KEP-4006)."""
        await self.send(_CLOSE_CHANNEL, bytes((channel,)))

    def pause(self) -> None:
        """Stop reading."""
        self._connection.pause()
        if self._paused_at is None:
            self._paused_at = self._loop.time()

    def resume(self) -> None:
        """Read on."""
        self._connection.resume()
        now = self._loop.time()
        self._was_stalled = self._is_stalled()
        held = 0.0 if self._paused_at is None else now - self._paused_at
        self._paused_at = None
        # The server's kernel asks for room ever more seldom: at most as long after as it was held back (RFC 9293
        # 3.8.6.1), and what it says then, a pong or the rest of a connection it has closed, must not be cut off.
        self._resumed_at = now + min(held, _PROBE_LIMIT)
        if self._asked_at is not None:
            self._asked_at = self._resumed_at

    async def close(self) -> None:
        """Close in order, waiting at most `close_within` for the server; then drop the connection."""
        if self._end is None and not self._closing:
            self._closing = True
            self._connection.resume()
            self._connection.write(build_close(1000, os.urandom(4)))
        try:
            async with asyncio.timeout(self._timing.close_within):
                await asyncio.shield(self._closed)
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._finish(Broken("closed by us", BreakKind.ABORTED))
        self._connection.abort()

    # Inside

    def _is_stalled(self) -> bool:
        paused_at = self._paused_at
        held = paused_at is not None and self._loop.time() - paused_at >= self._timing.ping_after
        return held or self._was_stalled

    def _check_open(self) -> None:
        if self._end is not None or self._closing:
            raise SessionClosedError("the session has ended")

    def _control(self, event: Event) -> None:
        if isinstance(event, Pong):
            self._was_stalled = False
        elif isinstance(event, Ping):
            self._connection.write(build_frame(Opcode.PONG, event.payload, os.urandom(4)))
        elif isinstance(event, Close):
            if not self._closing:
                self._connection.write(build_close(1000, os.urandom(4)))
            self._finish(CloseReceived(event.code, event.reason))
            self._connection.close()
        elif isinstance(event, Violation):
            self._connection.write(build_close(1002, os.urandom(4)))
            self._finish(Broken(f"the server broke the WebSocket protocol: {event.kind}", BreakKind.PROTOCOL_ERROR))
            self._connection.close()

    def _finish(self, end: End) -> None:
        if self._end is not None:
            return
        self._end = end
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed.done():
            self._closed.set_result(None)
        self._connection.retire()
        self._receiver.ended(end)

    def _tick(self) -> None:
        now = self._loop.time()
        connection, timing = self._connection, self._timing
        if self._asked_at is not None and connection.received_at >= self._asked_at:
            self._asked_at = None
        blocked = connection.is_reading_paused or connection.is_write_blocked
        if blocked:
            self._tick_blocked(now)
        else:
            self._blocked_since = None
            if self._asked_at is not None and now - self._asked_at >= timing.pong_within:
                self._finish(Broken(f"no answer to a ping within {timing.pong_within:g} s", BreakKind.PING_TIMEOUT))
                connection.abort()
        if self._end is not None:
            return
        if now >= self._ping_due():
            self._pinged_at = now
            # Whatever we write to a server that has said everything and closed makes its kernel drop what we have
            # not read yet: so nothing is said while bytes come, or while our own side holds them back.
            if not blocked:
                connection.write(build_frame(Opcode.PING, b"", os.urandom(4)))
                self._asked_at = now if self._asked_at is None else self._asked_at
        due = self._ping_due()
        if self._asked_at is not None:
            due = min(due, self._asked_at + timing.pong_within)
        self._timer = self._loop.call_at(max(due, now + _SHORTEST), self._tick)

    def _ping_due(self) -> float:
        heard_at = max(self._connection.received_at, self._resumed_at)
        return max(heard_at, self._pinged_at) + self._timing.ping_after

    def _tick_blocked(self, now: float) -> None:
        if self._asked_at is not None:
            # While our own side holds bytes back, a missing pong proves nothing: its time starts again.
            self._asked_at = now
        if self._blocked_since is None:
            self._blocked_since = now
        limit = self._timing.stall_after
        if limit is not None and now - self._blocked_since >= limit:
            self._finish(Broken(f"nothing was read or written for {limit:g} s on our side", BreakKind.STALLED))
            self._connection.abort()
