"""One request and its answer over a connection, in the three ways that Kubernetes needs: whole, streamed, upgraded."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from podium.adapters.kube.connection import Connection, Loss
from podium.adapters.kube.handshake import (
    BadResponseError,
    Body,
    Finished,
    Head,
    ResponseReader,
    check_upgrade,
)
from podium.adapters.kube.session import Receiver, Session, Timing
from podium.adapters.kube.wire_errors import Headers, NoAnswerError, UpgradeRefusedError

REFUSAL_LIMIT = 64 * 1024
_STREAM_HIGH = 256 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes


class WholeAnswer:
    """Collects one answer, at most `limit` bytes of its body."""

    def __init__(self, connection: Connection, limit: int) -> None:
        self._connection = connection
        self._reader = ResponseReader()
        self._limit = limit
        self._head: Head | None = None
        self._body = bytearray()
        self.began = False
        self.reusable = False
        self.done: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def feed(self, data: memoryview) -> None:
        """Take the connection's bytes."""
        self.began = True
        try:
            parts = self._reader.feed(data)
        except BadResponseError as error:
            self._fail(f"the server's answer cannot be read: {error}")
            return
        for part in parts:
            if isinstance(part, Head):
                self._head = part
            elif isinstance(part, Body):
                self._body += part.data
                if len(self._body) > self._limit:
                    self._fail(f"the server's answer is longer than {self._limit} bytes")
                    return
            else:
                self._finish(part)

    def lost(self, loss: Loss) -> None:
        """Take the connection's end."""
        if self._reader.ends_by_close:
            self._finish(Finished(1))
        elif not self.done.done():
            self.done.set_exception(NoAnswerError(f"no whole answer: {loss.text}"))

    def _finish(self, part: Finished) -> None:
        head = self._head
        if head is None or self.done.done():
            return
        self.reusable = head.reusable and part.rest == 0 and self._reader.finished
        self._connection.consumer = None
        self.done.set_result(Response(head.status, head.headers, bytes(self._body)))

    def _fail(self, text: str) -> None:
        if not self.done.done():
            self.done.set_exception(NoAnswerError(text))
        self._connection.abort()


class StreamedAnswer:
    """An answer read as it comes: iterate over chunks of bytes; the server is held back when nobody takes them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reader = ResponseReader()
        self._chunks: list[bytes] = []
        self._waiting = 0
        self._ended = False
        self._error: NoAnswerError | None = None
        self._news = asyncio.Event()
        self.head: asyncio.Future[Head] = asyncio.get_running_loop().create_future()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.head.result().status

    @property
    def headers(self) -> Headers:
        """The response's headers."""
        return self.head.result().headers

    def feed(self, data: memoryview) -> None:
        """Take the connection's bytes."""
        try:
            parts = self._reader.feed(data)
        except BadResponseError as error:
            self._end(NoAnswerError(f"the server's answer cannot be read: {error}"))
            self._connection.abort()
            return
        for part in parts:
            if isinstance(part, Head):
                if not self.head.done():
                    self.head.set_result(part)
            elif isinstance(part, Body):
                self._chunks.append(bytes(part.data))
                self._waiting += len(part.data)
            else:
                self._end(None)
        if self._waiting > _STREAM_HIGH:
            self._connection.pause()
        self._news.set()

    def lost(self, loss: Loss) -> None:
        """Take the connection's end."""
        self._end(None if self._reader.ends_by_close else NoAnswerError(f"the answer broke off: {loss.text}"))

    async def read(self) -> bytes:
        """Return the rest, whole; raises NoAnswerError where it breaks off."""
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield chunks until the answer ends; raises NoAnswerError where it breaks off."""
        while True:
            chunks, self._chunks, self._waiting = self._chunks, [], 0
            self._connection.resume()
            for chunk in chunks:
                yield chunk
            if self._chunks:
                continue
            if self._ended:
                if self._error is not None:
                    raise self._error
                return
            self._news.clear()
            await self._news.wait()

    def _end(self, error: NoAnswerError | None) -> None:
        if self._ended:
            return
        self._ended = True
        self._error = error
        if not self.head.done():
            self.head.set_exception(error or NoAnswerError("no answer"))
        self._news.set()


class UpgradeAnswer:
    """Waits for a 101; what follows it belongs to the session. Another answer is read whole and becomes an error."""

    def __init__(self, connection: Connection, key: str, protocols: Sequence[str], opening: tuple[Receiver, Timing]):
        self._connection = connection
        self._key = key
        self._protocols = protocols
        self._receiver, self._timing = opening
        self._reader = ResponseReader()
        self._head: Head | None = None
        self._body = bytearray()
        self.done: asyncio.Future[Session] = asyncio.get_running_loop().create_future()

    def feed(self, data: memoryview) -> None:
        """Take the connection's bytes."""
        try:
            for part in self._reader.feed(data):
                if isinstance(part, Head):
                    self._head = part
                elif isinstance(part, Body):
                    self._body += part.data
                else:
                    self._finish(data, part)
        except BadResponseError as error:
            self._fail(NoAnswerError(f"the server's answer cannot be read: {error}"))
        if len(self._body) > REFUSAL_LIMIT:
            self._refuse()

    def lost(self, loss: Loss) -> None:
        """Take the connection's end; the head of a refusal is enough to name it."""
        self._fail(self.refusal or NoAnswerError(f"no answer to the upgrade: {loss.text}"))

    def _finish(self, data: memoryview, part: Finished) -> None:
        head = self._head
        assert head is not None
        if head.status != 101:
            self._refuse()
            return
        protocol = check_upgrade(head, self._key, self._protocols)
        if self.done.done():
            return
        session = Session(self._connection, protocol, self._receiver, self._timing)
        self._connection.consumer = session
        if part.rest:
            session.feed(data[len(data) - part.rest :])
        self.done.set_result(session)

    @property
    def refusal(self) -> UpgradeRefusedError | None:
        """What has come of a refusal, if it is one."""
        head = self._head
        if head is None or head.status == 101:
            return None
        return UpgradeRefusedError(head.status, head.headers, bytes(self._body[:REFUSAL_LIMIT]))

    def _refuse(self) -> None:
        refusal = self.refusal
        assert refusal is not None
        self._fail(refusal)

    def _fail(self, error: NoAnswerError | UpgradeRefusedError) -> None:
        if not self.done.done():
            self.done.set_exception(error)
        self._connection.abort()


def new_key_material() -> bytes:
    """Return the 16 random bytes of a Sec-WebSocket-Key."""
    return os.urandom(16)
