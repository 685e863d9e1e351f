"""Servers to meet the wire with: scripted byte by byte, or the library `websockets`, over TLS on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from websockets import frames as oracle
from websockets.utils import accept_key

from podium.adapters.kube.access import Access, Credential, Secret, TlsSettings
from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.session import End
from support.authorities import Authority, Pair

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
CLOSE = oracle.Frame(oracle.Opcode.CLOSE, b"\x03\xe8").serialize(mask=False)


def frame(channel: int, data: bytes) -> bytes:
    """Return one binary message of a server."""
    return oracle.Frame(oracle.Opcode.BINARY, bytes((channel,)) + data).serialize(mask=False)


@dataclass
class Asked:
    """One request as it came: its first line, and its headers in lower case."""

    line: str
    headers: dict[str, str]


@dataclass
class Talk:
    """A server's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def request(self) -> Asked:
        """Read a request's head; raises IncompleteReadError where the client closed."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        return Asked(first, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)})

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        """Send a whole response."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        await self.send("\r\n".join(lines).encode() + body)

    async def accept(self, protocol: str = V4, also: bytes = b"") -> Asked:
        """Take an upgrade; `also` follows the 101 in the same write."""
        asked = await self.request()
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept_key(asked.headers['sec-websocket-key'])}",
            f"Sec-WebSocket-Protocol: {protocol}",
            "",
            "",
        ]
        await self.send("\r\n".join(lines).encode() + also)
        return asked

    def reset(self) -> None:
        """Make the close below a reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_gone(self) -> bytes:
        """Read whatever comes until the client is gone."""
        got = b""
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await self.reader.read(65536):
                got += data
        return got


Script = Callable[[Talk], Awaitable[None]]


@dataclass
class Scripted:
    """A running server."""

    port: int
    talks: list[Talk] = field(default_factory=list)


@asynccontextmanager
async def scripted(script: Script, context: ssl.SSLContext | None) -> AsyncIterator[Scripted]:
    """Serve each connection by `script`, which may break it in whatever way."""
    running: set[asyncio.Task[None]] = set()
    state = Scripted(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        talk = Talk(reader, writer, len(state.talks))
        state.talks.append(talk)
        try:
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
                await script(talk)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()
            running.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        # Transports end in later turns of the loop.
        for _ in range(3):
            await asyncio.sleep(0)


def server_context(pair: Pair, client_authority: Authority | None = None) -> ssl.SSLContext:
    """Return a server's TLS, which demands client certificates of `client_authority` where one is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pair"
        path.write_bytes(pair.certificate + pair.key)
        context.load_cert_chain(path)
    if client_authority is not None:
        context.load_verify_locations(cadata=client_authority.pem.decode())
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@dataclass
class Fixed:
    """Credentials that are renewed once."""

    now: Credential = field(default_factory=lambda: Credential(1, (("Authorization", Secret("Bearer first")),)))
    next: Credential | None = None
    renewals: int = 0

    async def current(self) -> Credential:
        """Return the credential."""
        return self.now

    async def renew(self, refused: Credential) -> Credential | None:
        """Return the next one."""
        assert refused == self.now
        self.renewals += 1
        if self.next is not None:
            self.now = self.next
        return self.next


def api_for(
    port: int,
    authority: Authority,
    *,
    host: str = "127.0.0.1",
    scheme: str = "https",
    credentials: Fixed | None = None,
    tls: TlsSettings | None = None,
    proxy: str | None = "",
    wire: Wire | None = None,
    connect_timeout: float = 10.0,
    request_timeout: float | None = 30.0,
    impersonate: tuple[tuple[str, str], ...] = (),
) -> Api:
    """Return an Api for a server on loopback."""
    access = Access(
        context="here",
        cluster_name="here",
        user_name="me",
        server=f"{scheme}://{host}:{port}",
        namespace="default",
        tls=tls or TlsSettings(authority.pem),
        proxy=proxy,
        credentials=credentials or Fixed(),
        impersonate=impersonate,
    )
    return Api(
        access,
        user_agent="podium/test",
        connect_timeout=connect_timeout,
        request_timeout=request_timeout,
        wire=wire,
    )


class Collected:
    """A receiver that keeps everything by channel."""

    def __init__(self) -> None:
        self.channels: dict[int, bytearray] = {}
        self.ends: list[End] = []
        self._ended = asyncio.Event()
        self.arrived = asyncio.Event()

    def received(self, channel: int, data: memoryview) -> None:
        """Keep bytes."""
        assert not self.ends
        assert len(data) > 0
        self.channels.setdefault(channel, bytearray()).extend(data)
        self.arrived.set()

    def ended(self, end: End) -> None:
        """Keep the end."""
        self.ends.append(end)
        self._ended.set()

    async def end(self, within: float = 20.0) -> End:
        """Wait for the end."""
        await asyncio.wait_for(self._ended.wait(), within)
        (end,) = self.ends
        return end


def random_bytes(count: int) -> bytes:
    """Return bytes that no pattern could stand in for."""
    return os.urandom(count)
