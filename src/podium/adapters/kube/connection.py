"""One asyncio protocol that carries an HTTP response and, after a 101, frames."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, cast

from podium.adapters.kube.last_words import LastWords, decrypt
from podium.adapters.kube.sockets import sending_is_blocked
from podium.adapters.kube.tls import TlsContext

READ_SIZE = 64 * 1024
_WRITE_HIGH = 64 * 1024


class LossKind(StrEnum):
    """How a connection ended under us."""

    EOF = "eof"
    RESET = "reset"
    BROKEN_TLS = "broken tls"


@dataclass(frozen=True, slots=True)
class Loss:
    """The end of a connection, as the system tells it."""

    kind: LossKind
    text: str


class Consumer(Protocol):
    """Who reads a connection's bytes; called synchronously."""

    def feed(self, data: memoryview) -> None:
        """Take bytes, valid during the call only."""
        ...

    def lost(self, loss: Loss) -> None:
        """Learn that no more bytes come; called once."""
        ...


class Scratch:
    """A read buffer shared by the connections of one event loop: bytes are consumed before the next read."""

    __slots__ = ("busy", "view")

    def __init__(self, size: int = READ_SIZE) -> None:
        self.view = memoryview(bytearray(size))
        self.busy = False


class Connection(asyncio.BufferedProtocol):
    """A connection to one server. Its consumer takes what comes; writes go through `write` and `drain`."""

    def __init__(self, scratch: Scratch, sock: socket.socket) -> None:
        self._scratch = scratch
        self.socket = sock
        self._transport: asyncio.Transport | None = None
        self._lent: memoryview | None = None
        self._stream: ssl.SSLObject | None = None
        self._last_words: LastWords | None = None
        self._unlearned = True
        self._writable: list[asyncio.Future[None]] = []
        self._writing_paused = False
        self._reading_paused = False
        self._eof = False
        self._retired = False
        self._loop = asyncio.get_running_loop()
        self.consumer: Consumer | None = None
        self.loss: Loss | None = None
        self.received_at = self.sent_at = self._loop.time()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; also called by whoever put TLS on a tunnel."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH)
        self._stream = self._transport.get_extra_info("ssl_object")

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Lend the shared buffer, or one of our own where another read is being consumed further up the stack."""
        # Closing a TLS transport reads what is left, inside whatever callback closed it.
        self._lent = memoryview(bytearray(READ_SIZE)) if self._scratch.busy else self._scratch.view
        return self._lent

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what was read."""
        lent = self._lent
        assert lent is not None
        self.received_at = self._loop.time()
        if self._unlearned:
            self._learn_session()
        shared = lent is self._scratch.view
        self._scratch.busy = self._scratch.busy or shared
        try:
            self._dispatch(lent[:nbytes])
        finally:
            if shared:
                self._scratch.busy = False

    def eof_received(self) -> None:
        """Note the end; the transport closes itself."""
        self._eof = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everyone who waits."""
        if self.loss is not None:
            return
        self._read_to_the_end(exc)
        self.loss = _read_loss(exc)
        self._wake_writers()
        consumer, self.consumer = self.consumer, None
        if consumer is not None:
            consumer.lost(self.loss)

    def pause_writing(self) -> None:
        """Hold back writers: the transport's buffer is full."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Let writers on."""
        self._writing_paused = False
        self._wake_writers()

    # What its users call

    @property
    def transport(self) -> asyncio.Transport:
        """The transport; only after the connection was made."""
        assert self._transport is not None
        return self._transport

    @property
    def is_made(self) -> bool:
        """Whether a transport carries it, and owns its socket."""
        return self._transport is not None

    @property
    def is_open(self) -> bool:
        """Whether it can carry another request."""
        return self.loss is None and not self._eof and not self.transport.is_closing()

    @property
    def is_write_blocked(self) -> bool:
        """Whether bytes of ours wait for the peer to read, here or in the kernel."""
        return (
            self._writing_paused
            or self.transport.get_write_buffer_size() > 0
            or (self.loss is None and sending_is_blocked(self.socket))
        )

    @property
    def is_reading_paused(self) -> bool:
        """Whether our own consumer holds the bytes back."""
        return self._reading_paused

    def write(self, data: bytes) -> None:
        """Send, buffering what the kernel does not take; nothing is sent once the connection is lost."""
        if self.is_open:
            self.sent_at = self._loop.time()
            self.transport.write(data)

    async def drain(self) -> None:
        """Wait until the peer has read enough for more to be written, or the connection is lost."""
        while self._writing_paused and self.loss is None:
            waiter = self._loop.create_future()
            self._writable.append(waiter)
            await waiter

    def keep_last_words(self) -> None:
        """From now on, read to the end what has come when a write fails; costs a descriptor."""
        if self._last_words is None and self.is_open:
            with contextlib.suppress(OSError):
                self._last_words = LastWords(self.socket)

    def pause(self) -> None:
        """Stop reading; the kernel's buffer and then the peer hold the bytes."""
        if not self._reading_paused and self.is_open:
            # A ping into a connection that the peer has closed must not cost what nobody has read yet.
            self.keep_last_words()
            self._reading_paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._reading_paused:
            self._reading_paused = False
            if self.is_open:
                self.transport.resume_reading()

    def retire(self) -> None:
        """Let nobody read what still comes."""
        self.consumer = None
        self._retired = True

    def close(self) -> None:
        """Close in order: what is written goes out first."""
        self.transport.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        self.transport.abort()

    def _read_to_the_end(self, exc: Exception | None) -> None:
        words, self._last_words = self._last_words, None
        try:
            if self.consumer is None or isinstance(exc, ssl.SSLError):
                return
            if self._stream is not None:
                decrypt(self._stream, self._dispatch)
            if words is not None and exc is not None:
                words.read(self._stream, self._dispatch)
        finally:
            self._stream = None
            if words is not None:
                words.close()

    def _dispatch(self, data: memoryview) -> None:
        if self._retired:
            return
        if self.consumer is None:
            # A server that speaks unasked on an idle connection cannot be trusted to answer the next request.
            self.abort()
            return
        self.consumer.feed(data)

    def _learn_session(self) -> None:
        self._unlearned = False
        stream = self._stream
        if stream is not None and isinstance(stream.context, TlsContext):
            stream.context.learn(stream, self._loop.time())

    def _wake_writers(self) -> None:
        waiters, self._writable = self._writable, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _read_loss(exc: Exception | None) -> Loss:
    if exc is None or isinstance(exc, ssl.SSLEOFError):
        return Loss(LossKind.EOF, "the connection ended")
    if isinstance(exc, ssl.SSLError):
        return Loss(LossKind.BROKEN_TLS, f"TLS failed: {exc.reason or exc.strerror or type(exc).__name__}")
    strerror = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc) or type(exc).__name__
    return Loss(LossKind.RESET, f"the connection broke: {strerror.lower()}")
