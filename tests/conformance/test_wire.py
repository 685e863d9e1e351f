"""Our sessions against each cluster's own exec: slow sinks, silence, stdin and its end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import pytest

from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.kubeconfig_entries import Overrides
from podium.adapters.kube.session import CloseReceived, End, Session, Timing
from podium.adapters.kube.surroundings import Surroundings
from support.places import Place

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
PROTOCOLS = pytest.mark.parametrize("protocol", [V4, V5], ids=["v4", "v5"])


class Sink:
    """Hashes what comes on stdout, and keeps the Status."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self.status = b""
        self.end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.news = asyncio.Event()

    def received(self, channel: int, data: memoryview) -> None:
        if channel == 1:
            self.digest.update(data)
            self.size += len(data)
        elif channel == 3:
            self.status += data
        self.news.set()

    def ended(self, end: End) -> None:
        self.end.set_result(end)
        self.news.set()


Then = Callable[[Session, Sink], Awaitable[None]]


def converse(
    place: Place, argv: list[str], protocol: str, then: Then, timing: Timing | None = None, in_order: bool = True
) -> Sink:
    """Run `argv` in the pod `solo`, its session in the hands of `then`, to its end."""

    async def scenario() -> Sink:
        config = load(str(place.kubeconfig), Surroundings(place.environment))
        (access,) = [config.resolve(place.context, Overrides())]
        api = Api(access, user_agent="podium/conformance", wire=Wire(timing=timing or Timing(), environ={}))
        sink = Sink()
        query: list[tuple[str, str]] = [("stdout", "true"), ("stderr", "true")]
        if protocol == V5:
            query.append(("stdin", "true"))
        query += [("command", word) for word in argv]
        path = f"/api/v1/namespaces/{place.namespace}/pods/solo/exec"
        session = await api.upgrade(path, query, [protocol], sink)
        assert session.protocol == protocol
        try:
            async with asyncio.timeout(60):
                await then(session, sink)
                end = await sink.end
        finally:
            session.abort()
            await api.close()
        assert isinstance(end, CloseReceived) or not in_order, end
        return sink

    return asyncio.run(scenario())


def lines(last: int) -> bytes:
    return "".join(f"{n}\n" for n in range(1, last + 1)).encode()


def whole(sink: Sink, expected: bytes) -> bool:
    return (sink.size, sink.digest.digest()) == (len(expected), hashlib.sha256(expected).digest())


@PROTOCOLS
@pytest.mark.on("sandbox", "real")
def test_pitfall_8_a_throttled_reader_loses_nothing(place: Place, protocol: str) -> None:
    async def throttled(session: Session, sink: Sink) -> None:
        while not sink.end.done():
            sink.news.clear()
            session.pause()
            await asyncio.sleep(0.02)
            session.resume()
            await sink.news.wait()

    sink = converse(place, ["seq", "1", "700000"], protocol, throttled)
    assert whole(sink, lines(700_000))
    assert b'"Success"' in sink.status


@PROTOCOLS
@pytest.mark.on("sandbox", "real")
def test_pitfall_9_blocked_sink_outlives_many_pong_times(place: Place, protocol: str) -> None:
    async def blocked(session: Session, sink: Sink) -> None:
        await sink.news.wait()
        session.pause()
        # 70 s and 20 s in life: here the sink is blocked for three times as long as a pong may take.
        await asyncio.sleep(6.0)
        assert not sink.end.done()
        session.resume()

    timing = Timing(ping_after=0.1, pong_within=2.0)
    sink = converse(place, ["sh", "-c", "seq 1 400000; sleep 1"], protocol, blocked, timing)
    assert whole(sink, lines(400_000))
    assert b'"Success"' in sink.status


@PROTOCOLS
@pytest.mark.on("sandbox", "real")
def test_pitfall_33_the_server_answers_our_pings(place: Place, protocol: str) -> None:
    async def silent(_session: Session, _sink: Sink) -> None:
        return

    sink = converse(place, ["sleep", "3"], protocol, silent, Timing(ping_after=0.2, pong_within=2.0))
    assert b'"Success"' in sink.status


@pytest.mark.on("sandbox", "real")
def test_pitfall_6_stdin_ends_by_the_half_close(place: Place) -> None:
    sent = lines(150_000)

    async def feed(session: Session, _sink: Sink) -> None:
        await session.send(0, sent)
        await session.half_close(0)

    sink = converse(place, ["sha256sum"], V5, feed)
    expected = f"{hashlib.sha256(sent).hexdigest()}  -\n".encode()
    assert whole(sink, expected)


@PROTOCOLS
@pytest.mark.on("sandbox", "real")
def test_pitfall_31_close_is_bounded_while_the_command_runs(place: Place, protocol: str) -> None:
    async def close(session: Session, sink: Sink) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await session.close()
        assert loop.time() - began < 5
        assert sink.end.done()

    converse(place, ["sleep", "20"], protocol, close, in_order=False)
