"""Tunnels through proxies that work, and through proxies that do not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import struct
from collections.abc import Callable
from typing import Any

import pytest

from adapters.kube.wire.conftest import Run
from adapters.kube.wire.servers import (
    CLOSE,
    V4,
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
from podium.adapters.kube.proxy import ProxyKind, parse_proxy
from podium.adapters.kube.session import BreakKind, Broken, Timing
from podium.adapters.kube.wire_errors import ConnectFailedError, ConnectFailure
from podium.domain.errors import UsageError
from support.authorities import Authority, Pair

pytestmark = pytest.mark.on(why="proxies of every temper, which no cluster stands behind: scripted ones do")
OUTPUT = random_bytes(300_000)


async def relay(talk: Talk, port: int, idle: float | None = None) -> None:
    """Carry bytes both ways until one side ends, or nothing passes for `idle` seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await asyncio.wait_for(source.read(65536), idle):
                    sink.write(data)
                    await sink.drain()
            sink.close()
        except TimeoutError:
            writer.transport.abort()
            talk.writer.transport.abort()

    try:
        await asyncio.gather(carry(talk.reader, writer), carry(reader, talk.writer))
    finally:
        writer.close()


def http_proxy(asked: list[Any], target: Callable[[], int], idle: float | None = None) -> Script:
    async def script(talk: Talk) -> None:
        asked.append(await talk.request())
        await talk.send(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        await relay(talk, target(), idle)

    return script


def socks_proxy(asked: list[Any], target: Callable[[], int]) -> Script:
    async def script(talk: Talk) -> None:
        _, count = await talk.reader.readexactly(2)
        methods = await talk.reader.readexactly(count)
        if 2 in methods:
            await talk.send(b"\x05\x02")
            await talk.reader.readexactly(1)
            user = await talk.reader.readexactly((await talk.reader.readexactly(1))[0])
            password = await talk.reader.readexactly((await talk.reader.readexactly(1))[0])
            asked.append((user, password))
            await talk.send(b"\x01\x00" if password == b"p@ss:word" else b"\x01\x01")
        else:
            await talk.send(b"\x05\x00")
        head = await talk.reader.readexactly(4)
        assert head == b"\x05\x01\x00\x03", "the name must travel as a name: DNS is the proxy's"
        name = await talk.reader.readexactly((await talk.reader.readexactly(1))[0])
        (port,) = struct.unpack("!H", await talk.reader.readexactly(2))
        asked.append((name, port))
        await talk.send(b"\x05\x00\x00\x03\x04test\x00\x50")
        await relay(talk, target())

    return script


async def exec_once(talk: Talk) -> None:
    await talk.accept(also=frame(1, OUTPUT) + CLOSE)
    await talk.until_gone()


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("kind", list(ProxyKind))
def test_an_exec_through_each_kind_of_proxy(
    run: Run, authority: Authority, server_pair: Pair, kind: ProxyKind, secure: bool
) -> None:
    async def scenario() -> None:
        asked: list[Any] = []
        async with scripted(exec_once, server_context(server_pair) if secure else None) as server:
            script = (socks_proxy if kind is ProxyKind.SOCKS5 else http_proxy)(asked, lambda: server.port)
            async with scripted(script, server_context(server_pair) if kind is ProxyKind.HTTPS else None) as proxy:
                url = f"{kind}://me:p%40ss%3Aword@localhost:{proxy.port}"
                api = api_for(server.port, authority, host="kube.test", proxy=url, scheme="https" if secure else "http")
                for _ in range(2):
                    seen = Collected()
                    await api.upgrade("/exec", [], [V4], seen)
                    await seen.end()
                    assert seen.channels == {1: OUTPUT}
        if kind is ProxyKind.SOCKS5:
            assert asked[:2] == [(b"me", b"p@ss:word"), (b"kube.test", server.port)]
        else:
            assert asked[0].line == f"CONNECT kube.test:{server.port} HTTP/1.1"
            token = base64.b64encode(b"me:p@ss:word").decode()
            assert asked[0].headers["proxy-authorization"] == f"Basic {token}"
            assert "authorization" not in asked[0].headers

    run(scenario())


def test_the_environment_names_the_proxy(run: Run, authority: Authority, server_pair: Pair) -> None:
    async def scenario() -> None:
        asked: list[Any] = []
        async with (
            scripted(exec_once, server_context(server_pair)) as server,
            scripted(http_proxy(asked, lambda: server.port), None) as proxy,
        ):
            wire = Wire(environ={"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
            api = api_for(server.port, authority, host="kube.test", proxy=None, wire=wire)
            seen = Collected()
            await api.upgrade("/exec", [], [V4], seen)
            await seen.end()
        assert asked[0].line.startswith("CONNECT kube.test:")

    run(scenario())


def meet_proxy(run: Run, authority: Authority, script: Script, scheme: str, tls: Pair | None = None) -> str:
    """Return the words of the failure to get through a proxy."""

    async def scenario() -> str:
        async with scripted(script, None if tls is None else server_context(tls)) as proxy:
            url = f"{scheme}://me:hunter2@127.0.0.1:{proxy.port}"
            api = api_for(6443, authority, host="kube.test", proxy=url, connect_timeout=5)
            with pytest.raises(ConnectFailedError) as caught:
                await api.upgrade("/exec", [], [V4], Collected())
            assert caught.value.kind is ConnectFailure.PROXY
            assert "hunter2" not in repr(caught.value)
            assert "kube.test:6443" in str(caught.value)
            return str(caught.value)

    words: str = run(scenario())
    return words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nno!", "HTTP 407 Proxy Auth"),
        (b"HTTP/1.0 403 Forbidden\r\n\r\n", "HTTP 403 Forbidden"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP 502"),
        (b"", "closed the connection"),
        (b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nwelcome", "bytes of its own"),
        (b"HTTP/1.1 200 OK\r\nX: " + bytes(70_000), "longer than 64 KiB"),
    ],
)
def test_pitfall_29_a_proxy_that_makes_no_tunnel(run: Run, authority: Authority, said: bytes, words: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(said)

    assert words in meet_proxy(run, authority, script, "http")


@pytest.mark.parametrize(
    ("method", "verdict", "reply", "words"),
    [
        (b"\x05\xff", b"", b"", "takes no user name"),
        (b"\x04\x00", b"", b"", "does not speak SOCKS 5"),
        (b"\x05\x02", b"\x01\x01", b"", "refused the user name"),
        (b"\x05\x02", b"\x01\x00", b"\x05\x02\x00\x01\0\0\0\0\0\0", "not allowed by its rules"),
        (b"\x05\x00", b"", b"\x05\x05\x00\x01\0\0\0\0\0\0", "connection refused"),
        (b"", b"", b"", "closed the connection"),
    ],
)
def test_pitfall_29_a_socks_proxy_that_makes_no_tunnel(
    run: Run, authority: Authority, method: bytes, verdict: bytes, reply: bytes, words: str
) -> None:
    async def script(talk: Talk) -> None:
        await talk.reader.readexactly(4)
        await talk.send(method)
        if verdict:
            await talk.reader.readexactly(12)
            await talk.send(verdict)
        if reply:
            await talk.reader.readexactly(4 + 1 + 9 + 2)
            await talk.send(reply)

    assert words in meet_proxy(run, authority, script, "socks5")


def test_a_tls_proxy_must_be_trusted(run: Run, authority: Authority) -> None:
    async def script(talk: Talk) -> None:
        await talk.until_gone()

    other = Authority("other").server("127.0.0.1")

    async def scenario() -> None:
        async with scripted(script, server_context(other)) as proxy:
            api = api_for(6443, authority, host="kube.test", proxy=f"https://127.0.0.1:{proxy.port}")
            with pytest.raises(ConnectFailedError, match="not trusted") as caught:
                await api.get("/")
            assert caught.value.kind is ConnectFailure.PROXY

    run(scenario())


def test_a_tunnel_to_an_untrusted_server_is_a_tls_failure(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        other = Authority("other").server("kube.test")
        async with (
            scripted(exec_once, server_context(other)) as server,
            scripted(http_proxy([], lambda: server.port), None) as proxy,
        ):
            api = api_for(server.port, authority, host="kube.test", proxy=f"http://127.0.0.1:{proxy.port}")
            with pytest.raises(ConnectFailedError) as caught:
                await api.get("/")
            assert caught.value.kind is ConnectFailure.TLS

    run(scenario())


def test_pitfall_33_a_proxy_with_an_idle_limit_is_outlived(run: Run, authority: Authority, server_pair: Pair) -> None:
    # 15 s and 9 s in life; here both are cut to a tenth of that or less, with the same room between them.
    async def scenario() -> None:
        async def script(talk: Talk) -> None:
            await talk.accept(also=frame(1, b"begun"))
            ended = asyncio.get_running_loop().time() + 1.6
            while (left := ended - asyncio.get_running_loop().time()) > 0:
                with contextlib.suppress(TimeoutError):
                    ping = await asyncio.wait_for(talk.reader.readexactly(6), left)
                    assert ping[0] == 0x89
                    await talk.send(b"\x8a\x00")
            await talk.send(frame(3, b"{}") + CLOSE)
            await talk.until_gone()

        async with (
            scripted(script, server_context(server_pair)) as server,
            scripted(http_proxy([], lambda: server.port, idle=0.8), None) as proxy,
        ):
            for ping_after, outlived in ((0.2, True), (60.0, False)):
                api = api_for(
                    server.port,
                    authority,
                    host="kube.test",
                    proxy=f"http://127.0.0.1:{proxy.port}",
                    wire=Wire(timing=Timing(ping_after=ping_after)),
                )
                seen = Collected()
                await api.upgrade("/exec", [], [V4], seen)
                end = await seen.end()
                assert (3 in seen.channels) is outlived
                if not outlived:
                    assert isinstance(end, Broken)
                    assert end.kind in (BreakKind.EOF, BreakKind.RESET)

    run(scenario())


def test_proxies_are_read_without_showing_who_we_are() -> None:
    proxy = parse_proxy("http://me:hunter2@[::1]:3128")
    assert (proxy.host, proxy.port, proxy.shown) == ("::1", 3128, "http://[::1]:3128")
    assert "hunter2" not in repr(proxy)
    assert parse_proxy("socks5h://p").port == 1080
    assert parse_proxy("p:1").kind is ProxyKind.HTTP
    for bad in ("gopher://p", "http://", "http://me:hunter2@p:port"):
        with pytest.raises(UsageError) as caught:
            parse_proxy(bad)
        assert "hunter2" not in str(caught.value)
