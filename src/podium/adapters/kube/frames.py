"""The WebSocket frame codec and the channel byte, without I/O (RFC 6455 5; Kubernetes KEP-4006)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Opcode(IntEnum):
    """What a frame is (RFC 6455 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class ViolationKind(StrEnum):
    """How a peer broke the protocol."""

    RESERVED_BITS = "reserved bits set"
    UNKNOWN_OPCODE = "unknown opcode"
    MASKED = "a masked frame from the server"
    LONG_CONTROL = "control frame over 125 bytes"
    FRAGMENTED_CONTROL = "fragmented control frame"
    BAD_LENGTH = "payload length over 2^63"
    STRAY_CONTINUATION = "continuation of no message"
    INTERRUPTED_MESSAGE = "a new message inside another"
    BAD_CLOSE = "malformed close frame"


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one channel; a message may come in several. `data` is a view, valid until the next feed."""

    channel: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class Ping:
    """The peer asks for a pong with the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The peer answers a ping."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The peer closes; `code` is None where it gave none. Nothing counts after it."""

    code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Violation:
    """The peer broke the protocol; the decoder takes nothing more."""

    kind: ViolationKind


Event = Piece | Ping | Pong | Close | Violation

_EMPTY = memoryview(b"")
_DATA = frozenset({Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY})
_KNOWN = frozenset(Opcode)
_CONTROL_LIMIT = 125


class FrameDecoder:
    """Turn a server's bytes into events, whatever way they were cut on the way.

    Payloads of data frames pass through as they come, the channel byte parsed off each message's first byte; only
    headers and control frames (<= 125 bytes) are ever held.
    """

    __slots__ = ("_channel", "_control", "_final", "_head", "_in_message", "_left", "_opcode", "_said", "_stopped")

    def __init__(self) -> None:
        self._head = bytearray()
        self._control = bytearray()
        self._opcode: int | None = None
        self._left = 0
        self._final = True
        self._in_message = False
        self._channel: int | None = None
        self._said = False
        self._stopped = False

    def feed(self, data: memoryview) -> list[Event]:
        """Return the events that `data` completes; a Close or Violation is the last one ever."""
        events: list[Event] = []
        position, end = 0, len(data)
        while position < end and not self._stopped:
            if self._opcode is None:
                position = self._take_head(data, position, events)
            else:
                position = self._take_payload(data, position, events)
            if self._opcode is not None and self._left == 0:
                self._finish_frame(events)
        return events

    def _stop(self, events: list[Event], event: Close | Violation) -> None:
        events.append(event)
        self._stopped = True

    def _take_head(self, data: memoryview, position: int, events: list[Event]) -> int:
        head = self._head
        wanted = 2 if len(head) < 2 else 2 + _length_bytes(head[1])
        taken = bytes(data[position : position + wanted - len(head)])
        head += taken
        if len(head) < wanted:
            return position + len(taken)
        violation = self._judge(head)
        if violation is not None:
            self._stop(events, Violation(violation))
        elif wanted == 2 + _length_bytes(head[1]):
            self._begin_frame(head)
            head.clear()
        return position + len(taken)

    def _judge(self, head: bytearray) -> ViolationKind | None:
        first, second = head[0], head[1]
        opcode = first & 0x0F
        if first & 0x70:
            return ViolationKind.RESERVED_BITS
        if opcode not in _KNOWN:
            return ViolationKind.UNKNOWN_OPCODE
        if second & 0x80:
            return ViolationKind.MASKED
        if opcode >= Opcode.CLOSE:
            if second > _CONTROL_LIMIT:
                return ViolationKind.LONG_CONTROL
            return None if first & 0x80 else ViolationKind.FRAGMENTED_CONTROL
        if opcode == Opcode.CONTINUATION and not self._in_message:
            return ViolationKind.STRAY_CONTINUATION
        if opcode != Opcode.CONTINUATION and self._in_message:
            return ViolationKind.INTERRUPTED_MESSAGE
        return ViolationKind.BAD_LENGTH if len(head) == 10 and head[2] & 0x80 else None

    def _begin_frame(self, head: bytearray) -> None:
        self._opcode = head[0] & 0x0F
        self._final = bool(head[0] & 0x80)
        self._left = head[1] if len(head) == 2 else int.from_bytes(head[2:], "big")
        if self._opcode in _DATA and self._opcode != Opcode.CONTINUATION:
            self._in_message = True
            self._channel = None
            self._said = False

    def _take_payload(self, data: memoryview, position: int, events: list[Event]) -> int:
        taken = min(self._left, len(data) - position)
        self._left -= taken
        stop = position + taken
        if self._opcode not in _DATA:
            self._control += data[position:stop]
            return stop
        if self._channel is None:
            self._channel = data[position]
            position += 1
        if position < stop:
            events.append(Piece(self._channel, data[position:stop]))
            self._said = True
        return stop

    def _finish_frame(self, events: list[Event]) -> None:
        opcode, self._opcode = self._opcode, None
        if opcode in _DATA:
            if self._final:
                self._in_message = False
                if self._channel is not None and not self._said:
                    events.append(Piece(self._channel, _EMPTY))
            return
        payload = bytes(self._control)
        self._control.clear()
        if opcode == Opcode.PING:
            events.append(Ping(payload))
        elif opcode == Opcode.PONG:
            events.append(Pong(payload))
        else:
            self._stop(events, _read_close(payload))


def _length_bytes(second: int) -> int:
    length = second & 0x7F
    return 0 if length < 126 else 2 if length == 126 else 8


def _read_close(payload: bytes) -> Close | Violation:
    if not payload:
        return Close(None, "")
    if len(payload) == 1:
        return Violation(ViolationKind.BAD_CLOSE)
    code = int.from_bytes(payload[:2], "big")
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        return Violation(ViolationKind.BAD_CLOSE)
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        return Violation(ViolationKind.BAD_CLOSE)


def apply_mask(data: bytes, mask: bytes) -> bytes:
    """Return `data` XORed with the four bytes of `mask`, repeated (RFC 6455 5.3)."""
    size = len(data)
    repeated = (mask * (size // 4 + 1))[:size]
    # One big integer is the fastest XOR that Python has without an extension.
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")


def build_frame(opcode: Opcode, payload: bytes, mask: bytes) -> bytes:
    """Return one final client frame; `mask` is four bytes nobody can predict."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    return b"".join((head, mask, apply_mask(payload, mask)))


def build_message(channel: int, data: bytes | bytearray | memoryview, mask: bytes) -> bytes:
    """Return `data` for `channel` as one binary message."""
    return build_frame(Opcode.BINARY, b"".join((channel.to_bytes(1, "big"), data)), mask)


def build_close(code: int, mask: bytes) -> bytes:
    """Return a close frame without a reason."""
    return build_frame(Opcode.CLOSE, code.to_bytes(2, "big"), mask)
