"""Pings, silence and ends of a session, in virtual time over a line that remembers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

import pytest
from websockets import frames as oracle
from websockets.protocol import State
from websockets.server import ServerProtocol

from adapters.kube.wire.virtual_time import run_virtually
from podium.adapters.kube.connection import Connection, Consumer, Loss, LossKind
from podium.adapters.kube.session import BreakKind, Broken, CloseReceived, End, Session, Timing
from podium.adapters.kube.wire_errors import SessionClosedError

pytestmark = pytest.mark.on(why="hours of silence in virtual time, which no cluster has")


@dataclass
class Line:
    """Stands for a connection: keeps what is written, and when."""

    consumer: Consumer | None = None
    received_at: float = 0.0
    sent_at: float = 0.0
    is_reading_paused: bool = False
    is_write_blocked: bool = False
    aborted: bool = False
    answers_pings: bool = True
    written: list[tuple[float, bytes]] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self.sent_at = now
        self.written.append((now, data))
        for frame in read_frames(data):
            if frame.opcode is oracle.Opcode.PING and self.answers_pings:
                asyncio.get_running_loop().call_later(0.01, self.say, server_frame(10, bytes(frame.data)))

    def say(self, data: bytes) -> None:
        if self.consumer is not None and not self.is_reading_paused:
            self.received_at = asyncio.get_running_loop().time()
            self.consumer.feed(memoryview(data))

    async def drain(self) -> None:
        return None

    def keep_last_words(self) -> None:
        return None

    def pause(self) -> None:
        self.is_reading_paused = True

    def resume(self) -> None:
        self.is_reading_paused = False

    def retire(self) -> None:
        self.consumer = None

    def close(self) -> None:
        self.aborted = True

    def abort(self) -> None:
        self.aborted = True

    @property
    def pings(self) -> list[float]:
        return [at for at, data in self.written for f in read_frames(data) if f.opcode is oracle.Opcode.PING]


def read_frames(data: bytes) -> list[oracle.Frame]:
    protocol = ServerProtocol(state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    return [frame for frame in protocol.events_received() if isinstance(frame, oracle.Frame)]


def server_frame(opcode: int, payload: bytes) -> bytes:
    return oracle.Frame(oracle.Opcode(opcode), payload).serialize(mask=False)


@dataclass
class Seen:
    """A receiver that remembers."""

    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)

    def received(self, channel: int, data: memoryview) -> None:
        assert not self.ends, "bytes after the end"
        self.pieces.append((channel, bytes(data)))

    def ended(self, end: End) -> None:
        self.ends.append(end)


def opened(timing: Timing | None = None, answers_pings: bool = True) -> tuple[Session, Line, Seen]:
    wire, seen = Line(answers_pings=answers_pings), Seen()
    session = Session(cast("Connection", wire), "v4.channel.k8s.io", seen, timing or Timing())
    wire.consumer = session
    session.begin()
    return session, wire, seen


def test_pitfall_33_ping_within_ten_seconds() -> None:
    async def scenario() -> tuple[list[float], list[End]]:
        _, line, seen = opened()
        await asyncio.sleep(4 * 3600)
        return line.pings, seen.ends

    pings, ends = run_virtually(scenario())
    assert ends == []
    gaps = [b - a for a, b in pairwise([0.0, *pings])]
    assert max(gaps) <= 10.0
    assert len(pings) > 1000


def test_pitfall_8_nothing_is_written_while_bytes_come() -> None:
    # A server that has said everything and closed answers any write with a reset, which drops what is not yet read.
    async def scenario() -> list[tuple[float, bytes]]:
        _, line, _ = opened()
        for _ in range(60):
            await asyncio.sleep(1)
            line.say(server_frame(2, b"\x01output without end"))
        return line.written

    assert run_virtually(scenario()) == []


def test_a_busy_session_is_not_pinged() -> None:
    async def scenario() -> list[float]:
        session, line, _ = opened()
        for _ in range(60):
            await asyncio.sleep(1)
            line.say(server_frame(2, b"\x01output"))
            await session.send(0, b"input")
        return line.pings

    assert run_virtually(scenario()) == []


def test_a_missing_pong_breaks_the_session() -> None:
    async def scenario() -> tuple[float, list[End], bool]:
        _, line, seen = opened(answers_pings=False)
        while not seen.ends:
            await asyncio.sleep(0.5)
        return asyncio.get_running_loop().time(), seen.ends, line.aborted

    at, ends, aborted = run_virtually(scenario())
    assert ends == [Broken("no answer to a ping within 20 s", BreakKind.PING_TIMEOUT)]
    assert at < 40
    assert aborted


def test_any_byte_from_the_server_is_an_answer() -> None:
    async def scenario() -> list[End]:
        _, line, seen = opened(answers_pings=False)
        for _ in range(20):
            await asyncio.sleep(15)
            line.say(server_frame(2, b"\x01still here"))
        return seen.ends

    assert run_virtually(scenario()) == []


def test_pitfall_9_blocked_sink_is_not_a_remote_failure() -> None:
    async def scenario() -> tuple[list[End], list[float]]:
        session, line, seen = opened()
        await asyncio.sleep(1)
        session.pause()
        await asyncio.sleep(3600)
        assert line.written == [], "a write may cost what the server has said and we have not read"
        session.resume()
        await asyncio.sleep(120)
        assert line.written == [], "the server's kernel had no time yet to find room again"
        await asyncio.sleep(15)
        return seen.ends, line.pings

    ends, pings = run_virtually(scenario())
    assert ends == []
    assert pings, "the server is asked again once the sink takes bytes"


@pytest.mark.parametrize("resumed", [True, False])
def test_pitfall_9_a_loss_after_a_blocked_sink_is_a_stall(resumed: bool) -> None:
    async def scenario() -> list[End]:
        session, _, seen = opened()
        session.pause()
        await asyncio.sleep(70)
        if resumed:
            session.resume()
        session.lost(Loss(LossKind.RESET, "gone"))
        return seen.ends

    assert run_virtually(scenario()) == [Broken("gone", BreakKind.STALLED)]


def test_a_loss_after_a_pong_is_no_stall() -> None:
    async def scenario() -> list[End]:
        session, _, seen = opened()
        session.pause()
        await asyncio.sleep(70)
        session.resume()
        await asyncio.sleep(70 + 15)
        session.lost(Loss(LossKind.RESET, "gone"))
        return seen.ends

    assert run_virtually(scenario()) == [Broken("gone", BreakKind.RESET)]


def test_pitfall_9_the_pong_has_its_full_time_after_a_blocked_sink() -> None:
    async def scenario() -> tuple[list[End], list[End]]:
        session, line, seen = opened(answers_pings=False)
        await asyncio.sleep(10)
        assert len(line.pings) == 1
        session.pause()
        await asyncio.sleep(70)
        session.resume()
        await asyncio.sleep(70 + 19)
        before = list(seen.ends)
        await asyncio.sleep(3)
        return before, seen.ends

    before, after = run_virtually(scenario())
    assert before == []
    assert [end.kind for end in after if isinstance(end, Broken)] == [BreakKind.PING_TIMEOUT]


def test_pitfall_9_a_blocked_write_of_ours_is_not_a_remote_failure() -> None:
    async def scenario() -> tuple[list[End], list[float]]:
        _, line, seen = opened(answers_pings=False)
        await asyncio.sleep(10)
        line.is_write_blocked = True
        await asyncio.sleep(3600)
        return seen.ends, line.pings

    ends, pings = run_virtually(scenario())
    assert ends == []
    assert len(pings) == 1, "pings piled up behind bytes that cannot leave"


def test_pitfall_9_a_stall_with_a_limit_ends_as_stalled() -> None:
    async def scenario() -> list[End]:
        session, _, seen = opened(Timing(stall_after=70))
        session.pause()
        await asyncio.sleep(100)
        return seen.ends

    (end,) = run_virtually(scenario())
    assert isinstance(end, Broken)
    assert end.kind is BreakKind.STALLED


def test_a_ping_is_answered_with_its_payload() -> None:
    async def scenario() -> list[oracle.Frame]:
        _, line, _ = opened()
        line.say(server_frame(9, b"are you there"))
        return read_frames(line.written[-1][1])

    (pong,) = run_virtually(scenario())
    assert (pong.opcode, bytes(pong.data)) == (oracle.Opcode.PONG, b"are you there")


def test_a_close_is_answered_and_ends_once() -> None:
    async def scenario() -> tuple[Line, Seen]:
        session, line, seen = opened()
        line.say(server_frame(2, b"\x03{}") + server_frame(8, b"\x03\xe8bye") + server_frame(2, b"\x01late"))
        session.lost(Loss(LossKind.EOF, "the connection ended"))
        session.abort()
        with pytest.raises(SessionClosedError):
            await session.send(0, b"x")
        return line, seen

    line, seen = run_virtually(scenario())
    assert seen.pieces == [(3, b"{}")]
    assert seen.ends == [CloseReceived(1000, "bye")]
    assert read_frames(line.written[0][1])[0].opcode is oracle.Opcode.CLOSE


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (LossKind.EOF, BreakKind.EOF),
        (LossKind.RESET, BreakKind.RESET),
        (LossKind.BROKEN_TLS, BreakKind.PROTOCOL_ERROR),
    ],
)
def test_each_way_of_losing_the_connection_is_told_apart(loss: LossKind, kind: BreakKind) -> None:
    async def scenario() -> list[End]:
        session, _, seen = opened()
        session.lost(Loss(loss, "gone"))
        return seen.ends

    assert run_virtually(scenario()) == [Broken("gone", kind)]


def test_a_violation_is_a_protocol_error() -> None:
    async def scenario() -> list[End]:
        _, line, seen = opened()
        line.say(b"\x82\x80mask")
        return seen.ends

    (end,) = run_virtually(scenario())
    assert isinstance(end, Broken)
    assert end.kind is BreakKind.PROTOCOL_ERROR


def test_nothing_is_delivered_before_begin() -> None:
    async def scenario() -> tuple[list[tuple[int, bytes]], Seen]:
        line, seen = Line(), Seen()
        session = Session(cast("Connection", line), "v4", seen, Timing())
        line.consumer = session
        line.say(server_frame(2, b"\x01early"))
        session.lost(Loss(LossKind.EOF, "gone"))
        before = list(seen.pieces)
        assert seen.ends == []
        session.begin()
        return before, seen

    before, seen = run_virtually(scenario())
    assert before == []
    assert seen.pieces == [(1, b"early")]
    assert len(seen.ends) == 1


def test_close_waits_a_second_and_no_longer() -> None:
    async def scenario() -> tuple[float, Line, list[End]]:
        session, line, seen = opened()
        await session.close()
        return asyncio.get_running_loop().time(), line, seen.ends

    at, line, ends = run_virtually(scenario())
    assert at == 1.0
    assert line.aborted
    assert ends == [Broken("closed by us", BreakKind.ABORTED)]


def test_close_returns_with_the_servers_close() -> None:
    async def scenario() -> tuple[float, list[End]]:
        session, line, seen = opened()
        asyncio.get_running_loop().call_later(0.2, line.say, server_frame(8, b"\x03\xe8"))
        await session.close()
        return asyncio.get_running_loop().time(), seen.ends

    assert run_virtually(scenario()) == (0.2, [CloseReceived(1000, "")])


def test_stdin_is_cut_into_frames_of_32_kib() -> None:
    async def scenario() -> list[oracle.Frame]:
        session, line, _ = opened()
        await session.send(0, memoryview(bytes(100_000)))
        await session.half_close(0)
        return [frame for _, data in line.written for frame in read_frames(data)]

    frames = run_virtually(scenario())
    assert [len(frame.data) for frame in frames] == [32769, 32769, 32769, 1697, 2]
    assert bytes(frames[-1].data) == b"\xff\x00"


def test_the_event_loop_has_its_turn_between_chunks() -> None:
    async def scenario() -> int:
        session, line, _ = opened()
        asyncio.get_running_loop().call_soon(session.lost, Loss(LossKind.RESET, "gone"))
        with pytest.raises(SessionClosedError):
            await session.send(0, bytes(10_000_000))
        return len(line.written)

    assert run_virtually(scenario()) == 1
