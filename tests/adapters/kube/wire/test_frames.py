"""The frame codec, with the library `websockets` as the oracle."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets import frames as oracle
from websockets.client import ClientProtocol
from websockets.exceptions import ProtocolError
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from podium.adapters.kube.frames import (
    Close,
    Event,
    FrameDecoder,
    Opcode,
    Piece,
    Ping,
    Pong,
    Violation,
    ViolationKind,
    apply_mask,
    build_close,
    build_frame,
    build_message,
)

DATA = (oracle.Opcode.BINARY, oracle.Opcode.TEXT)


@dataclass(frozen=True)
class Said:
    """An event whose pieces are joined: what must not depend on how the bytes were cut."""

    channel: int
    data: bytes


Told = Said | Ping | Pong | Close | Violation


def server_frame(opcode: int, payload: bytes, fin: bool = True) -> bytes:
    return oracle.Frame(oracle.Opcode(opcode), payload, fin).serialize(mask=False)


def decode(chunks: list[bytes]) -> list[Told]:
    decoder = FrameDecoder()
    told: list[Told] = []
    for chunk in chunks:
        told += [_keep(event) for event in decoder.feed(memoryview(chunk))]
    return join(told)


def _keep(event: Event) -> Told:
    return Said(event.channel, bytes(event.data)) if isinstance(event, Piece) else event


def join(told: list[Told]) -> list[Told]:
    joined: list[Told] = []
    for event in told:
        last = joined[-1] if joined else None
        if isinstance(event, Said) and isinstance(last, Said) and last.channel == event.channel:
            joined[-1] = Said(event.channel, last.data + event.data)
        else:
            joined.append(event)
    return joined


def told_by_oracle(data: bytes) -> list[Told]:
    """What `websockets` reads from the same bytes, its frames turned into channels."""
    protocol = ClientProtocol(parse_uri("ws://oracle/"), state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    told: list[Told] = []
    channel: int | None = None
    silent = False
    for event in protocol.events_received():
        assert isinstance(event, oracle.Frame)
        payload = bytes(event.data)
        if event.opcode is oracle.Opcode.PING:
            told.append(Ping(payload))
        elif event.opcode is oracle.Opcode.PONG:
            told.append(Pong(payload))
        elif event.opcode is oracle.Opcode.CLOSE:
            close = oracle.Close.parse(payload)
            told.append(Close(None if close.code == oracle.CloseCode.NO_STATUS_RCVD else close.code, close.reason))
            break
        else:
            if event.opcode in DATA:
                channel, silent = None, True
            if channel is None and payload:
                channel, payload = payload[0], payload[1:]
            if payload and channel is not None:
                told.append(Said(channel, payload))
                silent = False
            if event.fin and silent and channel is not None:
                told.append(Said(channel, b""))
    assert protocol.parser_exc is None or isinstance(protocol.parser_exc, ProtocolError | UnicodeDecodeError)
    if protocol.parser_exc is not None:
        told.append(Violation(ViolationKind.BAD_CLOSE))
    return join(told)


payloads = st.one_of(
    st.binary(max_size=8),
    st.integers(124, 128).map(bytes),
    st.integers(65534, 65538).map(lambda size: b"\x01" * size),
)
control = st.tuples(st.sampled_from((9, 10)), st.binary(max_size=125))


@st.composite
def conversations(draw: st.DrawFn, payloads: st.SearchStrategy[bytes] = payloads) -> bytes:
    """Whole messages, fragmented at will with control frames between, and perhaps a close."""
    wire = b""
    for _ in range(draw(st.integers(0, 4))):
        fragments = draw(st.lists(payloads, min_size=1, max_size=3))
        opcode = draw(st.sampled_from((1, 2)))
        for index, fragment in enumerate(fragments):
            for kind, payload in draw(st.lists(control, max_size=1)):
                wire += server_frame(kind, payload)
            wire += server_frame(opcode if index == 0 else 0, fragment, fin=index == len(fragments) - 1)
    if draw(st.booleans()):
        code = draw(st.sampled_from((1000, 1001, 1011, 3000, 4999)))
        wire += server_frame(8, draw(st.sampled_from((b"", code.to_bytes(2, "big") + "é".encode()))))
    return wire


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(conversations(), st.lists(st.integers(0, 1 << 18), max_size=6))
def test_any_cut_of_a_conversation_tells_what_the_oracle_tells(wire: bytes, places: list[int]) -> None:
    assert decode(cut(wire, places)) == told_by_oracle(wire)


@given(conversations(st.binary(max_size=8)))
def test_bytes_one_by_one_tell_the_same(wire: bytes) -> None:
    assert decode([wire[i : i + 1] for i in range(len(wire))]) == told_by_oracle(wire)


@st.composite
def odd_frames(draw: st.DrawFn) -> bytes:
    """A whole frame whose first byte is anything, masked or not."""
    payload = draw(st.binary(max_size=125))
    masked = draw(st.booleans())
    return bytes((draw(st.integers(0, 255)), len(payload) | masked << 7)) + b"mask" * masked + payload


@given(conversations(), odd_frames(), st.lists(st.integers(0, 1 << 18), max_size=4))
def test_an_odd_frame_is_judged_as_the_oracle_judges_it(before: bytes, odd: bytes, places: list[int]) -> None:
    ours = decode(cut(before + odd, places))
    told = [Violation(ViolationKind.BAD_CLOSE) if isinstance(event, Violation) else event for event in ours]
    assert told == told_by_oracle(before + odd)


@given(st.binary(max_size=64), st.lists(st.integers(0, 64), max_size=4))
def test_garbage_never_raises_and_no_cut_changes_the_verdict(wire: bytes, places: list[int]) -> None:
    assert decode(cut(wire, places)) == decode([wire])


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (b"\xc2\x00", ViolationKind.RESERVED_BITS),
        (b"\x83\x00", ViolationKind.UNKNOWN_OPCODE),
        (b"\x82\x80\0\0\0\0", ViolationKind.MASKED),
        (b"\x89\x7e\x00\x7e", ViolationKind.LONG_CONTROL),
        (b"\x09\x00", ViolationKind.FRAGMENTED_CONTROL),
        (b"\x82\x7f\x80\0\0\0\0\0\0\0", ViolationKind.BAD_LENGTH),
        (b"\x80\x01a", ViolationKind.STRAY_CONTINUATION),
        (b"\x02\x01a\x82\x01b", ViolationKind.INTERRUPTED_MESSAGE),
        (b"\x88\x01a", ViolationKind.BAD_CLOSE),
        (b"\x88\x02\x03\xed", ViolationKind.BAD_CLOSE),
        (b"\x88\x03\x03\xe8\xff", ViolationKind.BAD_CLOSE),
    ],
)
def test_each_violation_is_named_and_ends_the_decoder(wire: bytes, kind: ViolationKind) -> None:
    decoder = FrameDecoder()
    assert decoder.feed(memoryview(wire))[-1] == Violation(kind)
    assert decoder.feed(memoryview(server_frame(2, b"\x01late"))) == []


def test_nothing_counts_after_a_close() -> None:
    wire = server_frame(8, b"\x03\xe8") + server_frame(2, b"\x01late")
    assert decode([wire]) == [Close(1000, "")]


def test_a_big_frame_passes_through_without_being_held() -> None:
    decoder = FrameDecoder()
    wire = server_frame(2, b"\x01" + bytes(1_000_000))
    chunk = memoryview(wire)
    seen = 0
    for start in range(0, len(wire), 10_000):
        piece = chunk[start : start + 10_000]
        for event in decoder.feed(piece):
            assert isinstance(event, Piece)
            assert event.data.obj is wire, "the payload was copied"
            seen += len(event.data)
    assert seen == 1_000_000


def test_the_channel_byte_may_come_in_another_segment_and_holds_for_continuations() -> None:
    first = server_frame(2, b"\x02half ", fin=False)
    wire = [first[:2], first[2:3], first[3:], server_frame(9, b"?"), server_frame(0, b"\x01whole")]
    assert decode(wire) == [Said(2, b"half "), Ping(b"?"), Said(2, b"\x01whole")]


def test_the_channel_byte_may_come_in_a_continuation_frame() -> None:
    assert decode([server_frame(2, b"", fin=False), server_frame(0, b"\x03{}")]) == [Said(3, b"{}")]


def test_a_message_of_a_channel_byte_alone_is_an_empty_piece() -> None:
    assert decode([server_frame(2, b"\x01")]) == [Said(1, b"")]


@given(st.sampled_from((Opcode.BINARY, Opcode.TEXT)), payloads, st.binary(min_size=4, max_size=4))
def test_the_oracle_reads_our_data_frames(opcode: Opcode, payload: bytes, mask: bytes) -> None:
    (frame,) = read_as_server(build_frame(opcode, payload, mask))
    assert (frame.opcode, bytes(frame.data), frame.fin) == (oracle.Opcode(opcode), payload, True)


def test_the_oracle_reads_our_messages_and_control_frames() -> None:
    wire = build_message(0, memoryview(b"in"), os.urandom(4)) + build_frame(Opcode.PING, b"", os.urandom(4))
    wire += build_close(1000, os.urandom(4))
    message, ping, close = read_as_server(wire)
    assert bytes(message.data) == b"\x00in"
    assert ping.opcode is oracle.Opcode.PING
    assert bytes(close.data) == b"\x03\xe8"


def read_as_server(wire: bytes) -> list[oracle.Frame]:
    protocol = ServerProtocol(state=State.OPEN, max_size=None)
    protocol.receive_data(wire)
    assert protocol.parser_exc is None
    return [frame for frame in protocol.events_received() if isinstance(frame, oracle.Frame)]


@given(st.binary(max_size=70), st.binary(min_size=4, max_size=4))
def test_masking_is_an_xor_and_its_own_inverse(data: bytes, mask: bytes) -> None:
    masked = apply_mask(data, mask)
    assert masked == bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
    assert apply_mask(masked, mask) == data
