"""HTTP/1.1 as bytes, without I/O: requests built apart from sending, responses read as they come (RFC 9112, 6455)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote, urlencode

from podium.adapters.kube.wire_errors import Headers
from podium.domain.errors import UsageError

HEAD_LIMIT = 64 * 1024
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEX = frozenset(b"0123456789abcdefABCDEF")
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class BadResponseError(Exception):
    """The bytes are no HTTP/1.1 response we can read."""


@dataclass(frozen=True, slots=True)
class Head:
    """A response's first part; `reusable` says whether its connection may carry another request."""

    status: int
    headers: Headers
    reusable: bool


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes of the body; a view, valid until the next feed."""

    data: memoryview


@dataclass(frozen=True, slots=True)
class Finished:
    """The response is whole. `rest` bytes of the fed data follow it: the upgraded protocol's, or a fault."""

    rest: int


Part = Head | Body | Finished


def build_target(prefix: str, path: str, query: Sequence[tuple[str, str]]) -> str:
    """Return the request target: prefix and path, and the query percent-encoded in order."""
    target = f"{prefix}{path}"
    return f"{target}?{urlencode(query, quote_via=quote, safe='', errors='surrogateescape')}" if query else target


def build_request(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """Return a whole request; raises UsageError, without the value, for a header that HTTP cannot carry."""
    lines = [f"{method} {target} HTTP/1.1\r\n"]
    for name, value in headers:
        if not name or not _TOKEN.issuperset(name) or any(mark in value for mark in "\r\n\0"):
            raise UsageError(f"the header {name!r} cannot be sent: it holds characters that HTTP forbids")
        lines.append(f"{name}: {value}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("utf-8", "surrogateescape") + body


def upgrade_headers(key: str, protocols: Sequence[str]) -> list[tuple[str, str]]:
    """Return the headers that ask for WebSocket, `protocols` in order of preference."""
    return [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Protocol", ", ".join(protocols)),
    ]


def make_key(random: bytes) -> str:
    """Return Sec-WebSocket-Key of 16 random bytes."""
    return base64.b64encode(random).decode()


def check_upgrade(head: Head, key: str, protocols: Sequence[str]) -> str:
    """Return the chosen protocol of a 101; raises BadResponseError where it is no answer to our `key`."""
    # The digest is RFC 6455's proof of having read the key, not a protection.
    expected = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()
    if (head.headers.get("upgrade") or "").lower() != "websocket":
        raise BadResponseError("the 101 answer upgrades to something other than websocket")
    if (head.headers.get("sec-websocket-accept") or "").strip() != expected:
        raise BadResponseError("the 101 answer does not belong to our request (Sec-WebSocket-Accept)")
    if head.headers.get("sec-websocket-extensions"):
        raise BadResponseError("the 101 answer names extensions that were not asked for")
    chosen = (head.headers.get("sec-websocket-protocol") or "").strip()
    if chosen not in protocols:
        raise BadResponseError(f"the server chose the protocol {chosen[:80]!r}, which was not offered")
    return chosen


class _Stage(Enum):
    """Where in a chunked body we are."""

    SIZE = auto()
    BYTES = auto()
    AFTER = auto()
    TRAILER = auto()


class ResponseReader:
    """Read one response: head (<= 64 KiB), then a body by chunks, by length or until the connection closes."""

    __slots__ = ("_chunked", "_head", "_left", "_line", "_stage", "finished")

    def __init__(self) -> None:
        self._head: bytearray | None = bytearray()
        self._line = bytearray()
        self._chunked = False
        self._left: int | None = None
        self._stage = _Stage.SIZE
        self.finished = False

    @property
    def ends_by_close(self) -> bool:
        """Whether the end of the connection is the end of this body, and no fault."""
        return self._head is None and not self._chunked and self._left is None

    def feed(self, data: memoryview) -> list[Part]:
        """Return what `data` completes; raises BadResponseError."""
        parts: list[Part] = []
        position, end = 0, len(data)
        while self._head is not None and position < end:
            position = self._take_head(data, position, parts)
        while self._head is None and position < end and not self.finished:
            if self._chunked and self._stage is not _Stage.BYTES:
                position = self._take_line(data, position)
            else:
                position = self._take_body(data, position, parts)
        if self.finished:
            parts.append(Finished(end - position))
        return parts

    def _take_head(self, data: memoryview, position: int, parts: list[Part]) -> int:
        held = self._head
        assert held is not None
        before = len(held)
        held += data[position : position + HEAD_LIMIT]
        end = held.find(b"\r\n\r\n", max(0, before - 3))
        if end < 0:
            if len(held) >= HEAD_LIMIT:
                raise BadResponseError("the answer's headers are longer than 64 KiB")
            return len(data)
        head = _parse_head(bytes(held[:end]))
        held.clear()
        # 100 Continue and the like announce the answer, they are not it (RFC 9110 15.2).
        if head.status == 101 or head.status >= 200:
            self._head = None
            self._begin_body(head)
            parts.append(head)
        return position + end + 4 - before

    def _begin_body(self, head: Head) -> None:
        if head.status in (101, 204, 304):
            self.finished = True
        elif (coding := head.headers.get("transfer-encoding")) is not None:
            if coding.strip().lower() != "chunked":
                raise BadResponseError(f"unknown transfer coding {coding[:40]!r}")
            self._chunked = True
        elif (length := head.headers.get("content-length")) is not None:
            if not (length.isascii() and length.isdigit() and len(length) < 19):
                raise BadResponseError("unreadable Content-Length")
            self._left = int(length)
            self.finished = self._left == 0

    def _take_body(self, data: memoryview, position: int, parts: list[Part]) -> int:
        available = len(data) - position
        taken = available if self._left is None else min(self._left, available)
        parts.append(Body(data[position : position + taken]))
        if self._left is not None:
            self._left -= taken
            if self._left == 0:
                self.finished = not self._chunked
                self._stage = _Stage.AFTER
        return position + taken

    def _take_line(self, data: memoryview, position: int) -> int:
        window = bytes(data[position : position + 64])
        stop = window.find(b"\n")
        if stop < 0:
            self._line += window
            if len(self._line) > HEAD_LIMIT:
                raise BadResponseError("a chunk's size line is longer than 64 KiB")
            return position + len(window)
        self._line += window[:stop]
        line = bytes(self._line).rstrip(b"\r")
        self._line.clear()
        self._read_line(line)
        return position + stop + 1

    def _read_line(self, line: bytes) -> None:
        if self._stage is _Stage.TRAILER:
            self.finished = not line
        elif self._stage is _Stage.AFTER:
            if line:
                raise BadResponseError("a chunk is longer than its size")
            self._stage = _Stage.SIZE
        else:
            digits = line.split(b";", 1)[0].strip()
            if not digits or len(digits) > 15 or not _HEX.issuperset(digits):
                raise BadResponseError("unreadable chunk size")
            self._left = int(digits, 16)
            self._stage = _Stage.BYTES if self._left else _Stage.TRAILER


def _parse_head(raw: bytes) -> Head:
    lines = raw.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    status = rest[:3]
    if version not in ("HTTP/1.1", "HTTP/1.0") or not (status.isascii() and status.isdigit()) or len(status) != 3:
        raise BadResponseError("the answer is not HTTP/1.1")
    items: list[tuple[str, str]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.issuperset(name) or not name:
            raise BadResponseError("unreadable header line in the answer")
        items.append((name, value.strip()))
    headers = Headers(items)
    connection = (headers.get("connection") or "").lower()
    framed = headers.get("transfer-encoding") is not None or headers.get("content-length") is not None
    return Head(int(status), headers, version == "HTTP/1.1" and "close" not in connection and framed)
