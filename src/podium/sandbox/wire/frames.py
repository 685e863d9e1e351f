"""Read a client's WebSocket frames from bytes and write a server's (RFC 6455); no sockets here."""

import base64
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PAYLOAD_LIMIT = 32 << 20
"""Bytes one frame may carry (golang.org/x/net/websocket DefaultMaxPayloadBytes)."""


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class FrameError(Exception):
    """The client broke the frame protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole message (fragments joined) or a control frame."""

    opcode: Opcode
    payload: bytes


def accept_key(key: str) -> str:
    """Return the Sec-WebSocket-Accept value for a client's key."""
    # RFC 6455 names SHA-1; it protects nothing here
    return base64.b64encode(hashlib.sha1(key.encode("latin-1") + GUID, usedforsecurity=False).digest()).decode()


def render(opcode: Opcode, payload: bytes, *, final: bool = True) -> bytes:
    """Return one unmasked frame."""
    first = (0x80 if final else 0) | opcode
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def close_payload(code: int, reason: str = "") -> bytes:
    """Return the payload of a close frame."""
    return struct.pack("!H", code) + reason.encode()


def unmask(data: bytes, key: bytes) -> bytes:
    """Undo a client's mask."""
    if not data:
        return data
    size = len(data)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(data, "big") ^ mask).to_bytes(size, "big")


class FrameReader:
    """Turn a client's bytes into frames: `feed(bytes)` yields what became whole. Raises FrameError."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._opcode: Opcode | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes and yield whole messages and control frames."""
        self._buffer += data
        while (raw := self._next_raw()) is not None:
            final, opcode, payload = raw
            if opcode >= Opcode.CLOSE:
                yield Frame(opcode, payload)
                continue
            if (opcode is Opcode.CONTINUATION) == (self._opcode is None):
                raise FrameError("a fragment out of order")
            if opcode is not Opcode.CONTINUATION:
                self._opcode = opcode
            self._parts.append(payload)
            if final and self._opcode is not None:
                yield Frame(self._opcode, b"".join(self._parts))
                self._parts, self._opcode = [], None

    def _next_raw(self) -> tuple[bool, Opcode, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        if not buffer[1] & 0x80:
            raise FrameError("a client frame without a mask")
        size, start = buffer[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start], "big")
        if size > PAYLOAD_LIMIT:
            raise FrameError("a frame too long")
        end = start + 4 + size
        if len(buffer) < end:
            return None
        try:
            opcode = Opcode(buffer[0] & 0x0F)
        except ValueError:
            raise FrameError("an unknown opcode") from None
        final = bool(buffer[0] & 0x80)
        payload = unmask(bytes(buffer[start + 4 : end]), bytes(buffer[start : start + 4]))
        del buffer[:end]
        return final, opcode, payload
