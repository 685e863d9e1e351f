"""Proxies that write down what they are asked for, and connect to loopback whatever the name: CONNECT and socks5."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from support.authorities import Pair
from support.recording_server import server_context


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel asked for: to where, and with which credentials."""

    target: str
    credentials: str = ""


@dataclass(slots=True)
class RecordingProxy:
    """The proxy while it runs; `leads_to` is the loopback port behind every name."""

    port: int = 0
    leads_to: int = 0
    tunnels: list[Tunnel] = field(default_factory=list)

    def take(self) -> list[Tunnel]:
        """Return what was recorded, and forget it."""
        taken, self.tunnels = self.tunnels, []
        return taken


_Greet = Callable[[RecordingProxy, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def connect_proxy(leads_to: int, pair: Pair | None = None) -> contextlib.AbstractAsyncContextManager[RecordingProxy]:
    """Serve an HTTP proxy that takes CONNECT; with `pair` it is spoken to over TLS."""
    return _proxy(leads_to, _greet_connect, None if pair is None else server_context(pair))


def socks_proxy(leads_to: int) -> contextlib.AbstractAsyncContextManager[RecordingProxy]:
    """Serve a socks5 proxy (RFC 1928), with user name and password (RFC 1929) where the client offers them."""
    return _proxy(leads_to, _greet_socks)


@contextlib.asynccontextmanager
async def _proxy(leads_to: int, greet: _Greet, context: ssl.SSLContext | None = None) -> AsyncIterator[RecordingProxy]:
    proxy = RecordingProxy(leads_to=leads_to)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await greet(proxy, reader, writer)
            inward, outward = await asyncio.open_connection("127.0.0.1", proxy.leads_to)
            try:
                await asyncio.gather(_pump(reader, outward), _pump(inward, writer))
            finally:
                outward.transport.abort()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _greet_connect(proxy: RecordingProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    proxy.tunnels.append(Tunnel(head[0].split(" ")[1], headers.get("proxy-authorization", "")))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")


async def _greet_socks(proxy: RecordingProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _, count = await reader.readexactly(2)
    methods = await reader.readexactly(count)
    credentials = ""
    if 2 in methods:
        writer.write(b"\x05\x02")
        name = await reader.readexactly((await reader.readexactly(2))[1])
        password = await reader.readexactly((await reader.readexactly(1))[0])
        credentials = f"{name.decode()}:{password.decode()}"
        writer.write(b"\x01\x00")
    else:
        writer.write(b"\x05\x00")
    kind = (await reader.readexactly(4))[3]
    if kind == 3:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    else:
        host = ".".join(str(byte) for byte in await reader.readexactly(4))
    port = int.from_bytes(await reader.readexactly(2))
    proxy.tunnels.append(Tunnel(f"{host}:{port}", credentials))
    writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01" + (0).to_bytes(2))
