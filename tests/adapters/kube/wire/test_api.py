"""Plain requests and streams: the pool, renewals, timeouts, and what is asked twice."""

from __future__ import annotations

import asyncio
import socket

import pytest

from adapters.kube.wire.conftest import Run
from adapters.kube.wire.servers import CLOSE, V4, Collected, Fixed, Talk, api_for, frame, scripted, server_context
from podium.adapters.kube.access import Access, Credential, Secret, TlsSettings
from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.wire_errors import ConnectFailedError, ConnectFailure, NoAnswerError, UpgradeRefusedError
from podium.domain.errors import UsageError
from support.authorities import Authority, Pair


async def ok(talk: Talk) -> None:
    """Answer every request with its own first line."""
    while True:
        asked = await talk.request()
        size = int(asked.headers.get("content-length", "0"))
        body = await talk.reader.readexactly(size)
        await talk.answer("200 OK", asked.line.encode() + b"\n" + body)


def test_requests_share_a_kept_connection(run: Run, authority: Authority, server_pair: Pair) -> None:
    async def scenario() -> None:
        async with scripted(ok, server_context(server_pair)) as server:
            api = api_for(server.port, authority)
            first = await api.get("/api/v1/pods", [("labelSelector", "a=b,c!=d")])
            assert first.status == 200
            assert first.body == b"GET /api/v1/pods?labelSelector=a%3Db%2Cc%21%3Dd HTTP/1.1\n"
            posted = await api.post("/apis/x", b'{"a":1}')
            assert posted.body == b'POST /apis/x HTTP/1.1\n{"a":1}'
            await asyncio.gather(*(api.get("/") for _ in range(30)))
            assert len(server.talks) <= 4
            await api.close()

    run(scenario())


def test_the_pool_is_bounded(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()

        async def script(talk: Talk) -> None:
            while True:
                await talk.request()
                await gate.wait()
                await talk.answer("200 OK")

        async with scripted(script, None) as server:
            api = api_for(server.port, authority, scheme="http", wire=Wire(pool=2))
            asking = [asyncio.ensure_future(api.get("/")) for _ in range(10)]
            while len(server.talks) < 2:
                await asyncio.sleep(0.01)
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(server.talks) == 2
            gate.set()
            assert [response.status for response in await asyncio.gather(*asking)] == [200] * 10
            assert len(server.talks) == 2
            await api.close()

    run(scenario())


def test_headers_say_who_we_are_and_whom_we_stand_for(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        heads: list[list[str]] = []

        async def script(talk: Talk) -> None:
            raw = (await talk.reader.readuntil(b"\r\n\r\n")).decode()
            heads.append(raw.strip().split("\r\n"))
            await talk.answer("200 OK", b"", "Connection: close")

        async with scripted(script, None) as server:
            whom = (("Impersonate-User", "jane"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
            api = api_for(server.port, authority, scheme="http", impersonate=whom)
            await api.get("/")
            head = heads[0]
            assert "Accept-Encoding: identity" in head
            assert "Authorization: Bearer first" in head
            assert "User-Agent: podium/test" in head
            assert [line for line in head if line.startswith("Impersonate")] == [f"{n}: {v}" for n, v in whom]
            assert f"Host: 127.0.0.1:{server.port}" in head
            await api.close()

    run(scenario())


@pytest.mark.parametrize("renewed", [True, False])
@pytest.mark.parametrize("way", ["get", "post", "stream", "upgrade"])
def test_a_401_renews_once_and_asks_once_more(run: Run, authority: Authority, way: str, renewed: bool) -> None:
    async def scenario() -> None:
        tokens: list[str] = []

        async def script(talk: Talk) -> None:
            asked = await talk.request()
            tokens.append(asked.headers["authorization"])
            size = int(asked.headers.get("content-length", "0"))
            await talk.reader.readexactly(size)
            await talk.answer("401 Unauthorized", b"who?")

        after = Credential(2, (("Authorization", Secret("Bearer second")),)) if renewed else None
        credentials = Fixed(next=after)
        async with scripted(script, None) as server:
            api = api_for(server.port, authority, scheme="http", credentials=credentials)
            if way == "get":
                assert (await api.get("/")).status == 401
            elif way == "post":
                assert (await api.post("/", b"{}")).status == 401
            elif way == "stream":
                async with api.stream("/") as answer:
                    assert answer.status == 401
                    assert await answer.read() == b"who?"
            else:
                with pytest.raises(UpgradeRefusedError) as caught:
                    await api.upgrade("/", [], [V4], Collected())
                assert caught.value.body == b"who?"
            await api.close()
        assert tokens == ["Bearer first", "Bearer second"][: 2 if renewed else 1]
        assert credentials.renewals == 1

    run(scenario())


def test_a_renewed_upgrade_opens(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        async def script(talk: Talk) -> None:
            if talk.number == 0:
                await talk.request()
                await talk.answer("401 Unauthorized")
                return
            await talk.accept(also=frame(1, b"hi") + CLOSE)
            await talk.until_gone()

        async with scripted(script, None) as server:
            again = Fixed(next=Credential(2))
            api = api_for(server.port, authority, scheme="http", credentials=again)
            seen = Collected()
            await api.upgrade("/", [], [V4], seen)
            await seen.end()
            assert seen.channels == {1: b"hi"}

    run(scenario())


def test_a_kept_connection_is_not_shared_with_another_credential(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        async with scripted(ok, None) as server:
            credentials = Fixed()
            api = api_for(server.port, authority, scheme="http", credentials=credentials)
            await api.get("/")
            credentials.now = Credential(2, ())
            await api.get("/")
            assert len(server.talks) == 2
            await api.close()

    run(scenario())


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_kept_connection_that_died_unseen_is_retried_for_get_only(
    run: Run, authority: Authority, method: str
) -> None:
    async def scenario() -> None:
        async def script(talk: Talk) -> None:
            await talk.request()
            await talk.answer("200 OK")
            if talk.number == 0:
                # Takes the second request, and dies without a word.
                await talk.request()
            else:
                await talk.until_gone()

        async with scripted(script, None) as server:
            api = api_for(server.port, authority, scheme="http")
            await api.get("/")
            if method == "get":
                assert (await api.get("/")).status == 200
                assert len(server.talks) == 2
            else:
                with pytest.raises(NoAnswerError):
                    await api.post("/", b"")
                assert len(server.talks) == 1
            await api.close()

    run(scenario())


def test_a_fresh_connection_that_dies_is_not_retried(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        async def script(talk: Talk) -> None:
            await talk.request()

        async with scripted(script, None) as server:
            api = api_for(server.port, authority, scheme="http")
            with pytest.raises(NoAnswerError):
                await api.get("/")
            assert len(server.talks) == 1

    run(scenario())


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
def test_an_answer_that_does_not_come_ends_by_the_timeout(run: Run, authority: Authority, said: bytes) -> None:
    async def scenario() -> None:
        async def script(talk: Talk) -> None:
            await talk.request()
            await talk.send(said)
            await talk.until_gone()

        async with scripted(script, None) as server:
            api = api_for(server.port, authority, scheme="http", request_timeout=0.2)
            with pytest.raises(NoAnswerError, match=r"within 0\.2 s"):
                await api.get("/")

    run(scenario())


def test_half_an_answer_is_no_answer(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        async def script(talk: Talk) -> None:
            await talk.request()
            await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

        async with scripted(script, None) as server:
            api = api_for(server.port, authority, scheme="http")
            with pytest.raises(NoAnswerError):
                await api.get("/")
            async with api.stream("/") as answer:
                with pytest.raises(NoAnswerError):
                    await answer.read()

    run(scenario())


def test_a_stream_gives_chunks_as_they_come(run: Run, authority: Authority, server_pair: Pair) -> None:
    async def scenario() -> None:
        taken = asyncio.Event()

        async def script(talk: Talk) -> None:
            await talk.request()
            await talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            await taken.wait()
            await talk.send(b"6\r\nsecond\r\n0\r\n\r\n")
            await talk.until_gone()

        async with scripted(script, server_context(server_pair)) as server:
            api = api_for(server.port, authority)
            got: list[bytes] = []
            async with api.stream("/watch", [("watch", "true")]) as answer:
                assert (answer.status, answer.headers.get("transfer-encoding")) == (200, "chunked")
                async for chunk in answer:
                    got.append(chunk)
                    taken.set()
            assert got == [b"first", b"second"]

    run(scenario())


def test_a_stream_that_nobody_reads_holds_the_server_back(run: Run, authority: Authority) -> None:
    total = 30_000_000

    async def scenario() -> None:
        sent = 0

        async def script(talk: Talk) -> None:
            nonlocal sent
            await talk.request()
            await talk.send(f"HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n\r\n".encode())
            while sent < total:
                await talk.send(bytes(100_000))
                sent += 100_000
            await talk.until_gone()

        async with scripted(script, None) as server:
            api = api_for(server.port, authority, scheme="http")
            async with api.stream("/log") as answer:
                before = -1
                while before != sent:
                    before = sent
                    await asyncio.sleep(0.2)
                assert sent < total
                assert len(await answer.read()) == total

    run(scenario())


def test_an_answer_that_is_too_long_is_not_kept(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        async def script(talk: Talk) -> None:
            await talk.request()
            await talk.answer("200 OK", bytes(2000))
            await talk.until_gone()

        async with scripted(script, None) as server:
            api = api_for(server.port, authority, scheme="http", wire=Wire(body_limit=1000))
            with pytest.raises(NoAnswerError, match="longer than 1000 bytes"):
                await api.get("/")

    run(scenario())


def test_nothing_is_kept_after_the_close(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        gate = asyncio.Event()
        gone: list[bytes] = []

        async def script(talk: Talk) -> None:
            await talk.request()
            await gate.wait()
            await talk.answer("200 OK")
            gone.append(await talk.until_gone())

        async with scripted(script, None) as server:
            api = api_for(server.port, authority, scheme="http")
            asking = asyncio.ensure_future(api.get("/"))
            while not server.talks:
                await asyncio.sleep(0.01)
            await api.close()
            gate.set()
            assert (await asking).status == 200
            while not gone:
                await asyncio.sleep(0.01)

    run(scenario())


def test_sockets_are_bounded_and_awake(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        async def script(talk: Talk) -> None:
            await talk.accept()
            await talk.until_gone()

        async with scripted(script, None) as server:
            session = await api_for(server.port, authority, scheme="http").upgrade("/", [], [V4], Collected())
            sock = session._connection.socket
            # The kernel doubles what is asked, for its own bookkeeping, up to net.core.rmem_max.
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * 256 * 1024
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            session.abort()

    run(scenario())


def test_nothing_listens(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        async with scripted(ok, None) as server:
            port = server.port
        with pytest.raises(ConnectFailedError) as caught:
            await api_for(port, authority).get("/")
        assert caught.value.kind is ConnectFailure.REFUSED
        assert f"127.0.0.1:{port}: connection refused" in str(caught.value)

    run(scenario())


def test_a_name_that_nobody_knows(run: Run, authority: Authority) -> None:
    async def scenario() -> None:
        with pytest.raises(ConnectFailedError) as caught:
            await api_for(443, authority, host="no-such-cluster.invalid").get("/")
        assert caught.value.kind is ConnectFailure.DNS

    run(scenario())


@pytest.mark.parametrize("server", ["", "kube:6443", "ftp://kube", "https://", "https://kube:port"])
async def test_a_server_that_is_no_url_is_a_usage_error(server: str) -> None:
    access = Access("c", "prod", "u", server, "n", TlsSettings(), "", Fixed())
    with pytest.raises(UsageError, match="'prod'"):
        Api(access, user_agent="podium/test")
