"""Exec sessions against real TLS servers on loopback, ordinary and faulty, on both event loops."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from adapters.kube.wire.conftest import Run
from adapters.kube.wire.servers import (
    CLOSE,
    V4,
    V5,
    Collected,
    Script,
    Talk,
    api_for,
    frame,
    random_bytes,
    scripted,
    server_context,
)
from podium.adapters.kube.api import Wire
from podium.adapters.kube.connection import Connection, Loss, Scratch
from podium.adapters.kube.session import BreakKind, Broken, CloseReceived, End, Session, Timing
from podium.adapters.kube.wire_errors import (
    ConnectFailedError,
    ConnectFailure,
    NoAnswerError,
    SessionClosedError,
    UpgradeRefusedError,
)
from support.authorities import Authority, Pair

pytestmark = pytest.mark.on(why="no cluster breaks connections byte by byte on demand: a scripted server does")

SUCCESS = b'{"status":"Success"}'
ARGV = [("command", "echo"), ("command", "a b"), ("stdout", "true")]


@pytest.fixture
def meet(run: Run, authority: Authority, server_pair: Pair) -> Callable[..., Any]:
    """Run a script's server, upgrade to it, and let `then` do what it wants with the session."""

    def meet(
        script: Script,
        then: Callable[[Session, Collected], Awaitable[Any]] | None = None,
        wire: Wire | None = None,
        connect_timeout: float = 10.0,
        tls: bool = True,
    ) -> tuple[Collected, Any]:
        async def scenario() -> tuple[Collected, Any]:
            async with scripted(script, server_context(server_pair) if tls else None) as server:
                api = api_for(
                    server.port,
                    authority,
                    scheme="https" if tls else "http",
                    wire=wire,
                    connect_timeout=connect_timeout,
                )
                seen = Collected()
                session = await api.upgrade("/exec", ARGV, [V5, V4], seen)
                got = None if then is None else await then(session, seen)
                await seen.end()
                await api.close()
                return seen, got

        result: tuple[Collected, Any] = run(scenario())
        return result

    return meet


def kind_of(end: End) -> BreakKind | None:
    return end.kind if isinstance(end, Broken) else None


@pytest.mark.parametrize("offered", [[V4], [V5, V4]])
def test_an_ordinary_exec(run: Run, authority: Authority, server_pair: Pair, offered: list[str]) -> None:
    sent = random_bytes(3_000_000)
    stdin = random_bytes(1_000_000)

    async def exec_server(peer: ServerConnection) -> None:
        await peer.send(b"\x01")
        got = b""
        while len(got) < len(stdin):
            message = await peer.recv()
            assert isinstance(message, bytes)
            assert message[0] == 0
            got += message[1:]
        if peer.subprotocol == V5:
            assert await peer.recv() == b"\xff\x00"
        await peer.send([b"\x01" + sent[:10], sent[10:100_000], sent[100_000:]])
        await peer.send("\x02warn")
        await peer.send(b"\x03" + hashlib.sha256(got).hexdigest().encode())

    async def scenario() -> None:
        options = {"subprotocols": offered, "ssl": server_context(server_pair), "max_size": None}
        async with serve(exec_server, "127.0.0.1", 0, compression=None, **options) as server:  # type: ignore[arg-type]
            api = api_for(next(iter(server.sockets)).getsockname()[1], authority)
            seen = Collected()
            session = await api.upgrade("/exec", ARGV, offered, seen)
            assert session.protocol == offered[0]
            await session.send(0, stdin)
            if session.protocol == V5:
                await session.half_close(0)
            assert await seen.end() == CloseReceived(1000, "")
            assert seen.channels == {1: sent, 2: b"warn", 3: hashlib.sha256(stdin).hexdigest().encode()}

    run(scenario())


def test_the_request_is_what_kubernetes_reads(meet: Callable[..., Any]) -> None:
    asked: list[Any] = []

    async def script(talk: Talk) -> None:
        asked.append(await talk.accept())
        await talk.send(CLOSE)
        await talk.until_gone()

    meet(script)
    assert asked[0].line == "GET /exec?command=echo&command=a%20b&stdout=true HTTP/1.1"
    headers = asked[0].headers
    assert headers["sec-websocket-protocol"] == f"{V5}, {V4}"
    assert headers["connection"].lower() == "upgrade"
    assert headers["authorization"] == "Bearer first"
    assert headers["user-agent"] == "podium/test"


def test_frames_in_the_same_segment_as_the_101_are_kept(meet: Callable[..., Any]) -> None:
    async def script(talk: Talk) -> None:
        await talk.accept(also=frame(1, b"quick") + frame(3, SUCCESS) + CLOSE)
        await talk.until_gone()

    seen, _ = meet(script)
    assert seen.channels == {1: b"quick", 3: SUCCESS}
    assert seen.ends == [CloseReceived(1000, "")]


def test_pitfall_10_bytes_stay_bytes_in_the_smallest_pieces(meet: Callable[..., Any]) -> None:
    data = random_bytes(200) + "€".encode()

    async def script(talk: Talk) -> None:
        await talk.accept()
        for byte in frame(1, data) + frame(3, SUCCESS) + CLOSE:
            await talk.send(bytes((byte,)))
        await talk.until_gone()

    seen, _ = meet(script)
    assert seen.channels == {1: data, 3: SUCCESS}


@pytest.mark.parametrize(
    ("tail", "kind"),
    [
        (b"", BreakKind.EOF),
        (frame(1, b"half a frame")[:7], BreakKind.EOF),
        (b"\xff\xff\xff\xff", BreakKind.PROTOCOL_ERROR),
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", BreakKind.PROTOCOL_ERROR),
    ],
)
def test_pitfall_1_a_cut_after_the_101_is_no_end_in_order(
    meet: Callable[..., Any], tail: bytes, kind: BreakKind
) -> None:
    async def script(talk: Talk) -> None:
        await talk.accept(also=frame(1, b"so far"))
        await talk.send(tail)

    seen, _ = meet(script)
    assert kind_of(seen.ends[0]) is kind
    assert seen.channels[1].startswith(b"so far")


def test_a_reset_is_told_from_an_end(meet: Callable[..., Any]) -> None:
    async def script(talk: Talk) -> None:
        await talk.accept(also=frame(1, b"so far"))
        await talk.reader.readexactly(6)
        talk.reset()

    async def then(session: Session, seen: Collected) -> None:
        await asyncio.wait_for(seen.arrived.wait(), 10)
        await session.send(0, b"")
        await session.send(0, b"go")

    seen, _ = meet(script, then, tls=False)
    assert kind_of(seen.ends[0]) is BreakKind.RESET


def test_an_empty_close_is_a_close_without_a_code(meet: Callable[..., Any]) -> None:
    async def script(talk: Talk) -> None:
        await talk.accept(also=b"\x88\x00")
        await talk.until_gone()

    seen, _ = meet(script)
    assert seen.ends == [CloseReceived(None, "")]
    assert seen.channels == {}


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Switch", b"\x15\x03\x01\x00\x02\x02\x50 no http\r\n\r\n"])
def test_pitfall_29_a_cut_before_the_101_is_no_answer(meet: Callable[..., Any], answer: bytes) -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(answer)

    with pytest.raises(NoAnswerError):
        meet(script)


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "426 Upgrade Required", "200 OK"])
@pytest.mark.parametrize("way", ["length", "chunked", "close", "cut"])
def test_pitfall_29_proxy_refuses_upgrade(meet: Callable[..., Any], status: str, way: str) -> None:
    body = b"the proxy's own words"

    async def script(talk: Talk) -> None:
        await talk.request()
        head = f"HTTP/1.1 {status}\r\nX-By: proxy\r\n"
        if way == "length":
            await talk.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await talk.until_gone()
        elif way == "chunked":
            await talk.send(f"{head}Transfer-Encoding: chunked\r\n\r\n15\r\n".encode() + body + b"\r\n0\r\n\r\n")
            await talk.until_gone()
        elif way == "close":
            await talk.send(f"{head}\r\n".encode() + body)
        else:
            await talk.send(f"{head}Content-Length: 9999\r\n\r\n".encode() + body)

    with pytest.raises(UpgradeRefusedError) as caught:
        meet(script)
    assert caught.value.status == int(status[:3])
    assert caught.value.body == body
    assert caught.value.headers.get("x-by") == "proxy"


def test_a_refusal_without_end_is_cut_at_64_kib(meet: Callable[..., Any]) -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        while not talk.writer.is_closing():
            await talk.send(bytes(10_000))

    with pytest.raises(UpgradeRefusedError) as caught:
        meet(script)
    assert len(caught.value.body) == 64 * 1024


def test_pitfall_29_a_refusal_that_does_not_end_keeps_what_came(meet: Callable[..., Any]) -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 99\r\n\r\nno such luck")
        await talk.until_gone()

    with pytest.raises(UpgradeRefusedError) as caught:
        meet(script, connect_timeout=0.3)
    assert caught.value.body == b"no such luck"


def test_pitfall_29_a_proxy_that_takes_the_request_and_says_nothing(meet: Callable[..., Any]) -> None:
    async def script(talk: Talk) -> None:
        await talk.until_gone()

    with pytest.raises(NoAnswerError, match="did not answer the upgrade"):
        meet(script, connect_timeout=0.3)


def test_a_server_that_never_shakes_hands_is_a_failed_connection(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        async def script(talk: Talk) -> None:
            await talk.until_gone()

        async with scripted(script, None) as server:
            api = api_for(server.port, authority, connect_timeout=0.3)
            with pytest.raises(ConnectFailedError) as caught:
                await api.upgrade("/exec", ARGV, [V4], Collected())
            assert caught.value.kind is ConnectFailure.TIMEOUT

    run(scenario())


@pytest.mark.parametrize("tls", [True, False])
def test_pitfall_6_the_status_is_read_though_our_write_failed(
    meet: Callable[..., Any], tls: bool, caplog: pytest.LogCaptureFixture
) -> None:
    output = random_bytes(200_000)

    async def script(talk: Talk) -> None:
        await talk.accept(V5)
        await talk.reader.readexactly(100)
        # The command ends without reading the rest of its input: unread bytes make this close a reset.
        await talk.send(frame(1, output) + frame(3, SUCCESS) + CLOSE)
        talk.writer.transport.abort()

    async def then(session: Session, seen: Collected) -> None:
        with pytest.raises(SessionClosedError):
            while True:
                await session.send(0, bytes(30_000_000))

    seen, _ = meet(script, then, tls=tls)
    assert "socket.send() raised" not in caplog.text, "a broken connection was written to on and on"
    assert seen.channels[3] == SUCCESS
    assert seen.channels[1] == output
    assert seen.ends == [CloseReceived(1000, "")]


@pytest.mark.parametrize("tls", [True, False])
def test_pitfall_9_what_came_while_the_sink_was_blocked_is_not_lost(meet: Callable[..., Any], tls: bool) -> None:
    output = random_bytes(100_000)

    async def script(talk: Talk) -> None:
        await talk.accept(V5)
        await talk.send(frame(1, b"first"))
        # The first ping while the sink is blocked; the next ones meet a connection that is gone.
        await talk.reader.readexactly(6)
        await talk.send(frame(1, output) + frame(3, SUCCESS) + CLOSE)
        talk.writer.transport.abort()

    async def then(session: Session, seen: Collected) -> None:
        await asyncio.wait_for(seen.arrived.wait(), 10)
        session.pause()
        # Some transports end at the failed write, some keep what they have until it is asked for.
        for _ in range(50):
            await asyncio.sleep(0 if seen.ends else 0.01)
        session.resume()

    seen, _ = meet(script, then, wire=Wire(timing=Timing(ping_after=0.05)), tls=tls)
    assert seen.channels == {1: b"first" + output, 3: SUCCESS}
    assert seen.ends == [CloseReceived(1000, "")]


def test_pitfall_9_a_peer_that_does_not_read_is_not_a_dead_peer(meet: Callable[..., Any]) -> None:
    gate = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.accept(V5)
        await asyncio.wait_for(gate.wait(), 20)
        await talk.send(frame(3, SUCCESS) + CLOSE)
        await talk.until_gone()

    async def then(session: Session, seen: Collected) -> None:
        sending = asyncio.ensure_future(session.send(0, bytes(64_000_000)))
        await asyncio.sleep(1.0)
        assert not sending.done()
        assert seen.ends == []
        gate.set()
        await seen.end()
        with pytest.raises(SessionClosedError):
            await sending

    timing = Timing(ping_after=0.05, pong_within=0.2)
    seen, _ = meet(script, then, wire=Wire(timing=timing))
    assert seen.ends == [CloseReceived(1000, "")]


def test_a_dead_peer_is_found_by_its_silence(meet: Callable[..., Any]) -> None:
    async def script(talk: Talk) -> None:
        await talk.accept()
        await talk.reader.read(1)
        await asyncio.sleep(30)

    seen, _ = meet(script, wire=Wire(timing=Timing(ping_after=0.05, pong_within=0.2)))
    assert kind_of(seen.ends[0]) is BreakKind.PING_TIMEOUT


def test_pitfall_8_a_paused_reader_holds_the_server_back_and_loses_nothing(meet: Callable[..., Any]) -> None:
    block = random_bytes(1_000_000)
    sent = 0

    async def script(talk: Talk) -> None:
        nonlocal sent
        await talk.accept()
        for _ in range(40):
            await talk.send(frame(1, block))
            sent += len(block)
        await talk.send(frame(3, SUCCESS) + CLOSE)
        await talk.until_gone()

    async def then(session: Session, seen: Collected) -> int:
        await asyncio.wait_for(seen.arrived.wait(), 10)
        session.pause()
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.2)
        held = sent
        session.resume()
        return held

    seen, held = meet(script, then)
    assert held < 40_000_000
    assert hashlib.sha256(seen.channels[1]).digest() == hashlib.sha256(block * 40).digest()
    assert seen.channels[3] == SUCCESS


async def test_a_read_inside_a_callback_gets_a_buffer_of_its_own() -> None:
    # Closing a TLS transport reads from it, inside whatever callback closed it.
    scratch = Scratch(4)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        first, second = Connection(scratch, ours), Connection(scratch, theirs)
        seen: list[bytes] = []

        class Nested:
            def feed(self, data: memoryview) -> None:
                if not seen:
                    seen.append(b"begun")
                    buffer = second.get_buffer(-1)
                    buffer[:4] = b"late"
                    second.buffer_updated(4)
                    assert second.get_buffer(-1).obj is not data.obj
                seen.append(bytes(data))

            def lost(self, loss: Loss) -> None:
                raise AssertionError

        first.consumer = second.consumer = Nested()
        first.get_buffer(-1)[:4] = b"soon"
        first.buffer_updated(4)
        assert seen == [b"begun", b"late", b"soon"]
        assert first.get_buffer(-1) is scratch.view
