"""Clients for the sandbox's tests: plain HTTP on a socket, exec by `websockets`; nothing of podium's client."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import websockets

from podium.sandbox import Sandbox
from podium.sandbox.world.pods import Pod

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
PATIENCE = 30.0


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])


@dataclass
class Ended:
    """What an exec gave: its frames by channel, its Status, how it closed."""

    protocol: str | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    status: dict[str, Any] | None = None
    close_code: int | None = None
    first: bytes | str | None = None
    messages: list[bytes | str] = field(default_factory=list)
    refused: Reply | None = None

    @property
    def exit_code(self) -> int | None:
        if self.status is None:
            return None
        if self.status["status"] == "Success":
            return 0
        causes = self.status.get("details", {}).get("causes", [])
        return int(causes[0]["message"]) if causes and causes[0].get("reason") == "ExitCode" else None


def context(sandbox: Sandbox, certificate: tuple[str, str] | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=sandbox.ca_pem)
    if certificate is not None:
        made.load_cert_chain(*certificate)
    return made


@dataclass
class Client:
    """One identity."""

    sandbox: Sandbox
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None

    def _headers(self) -> dict[str, str]:
        token = self.sandbox.admin_token if self.token is None else self.token
        return {**({"Authorization": f"Bearer {token}"} if token else {}), **self.headers}

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        tls = self.tls or context(self.sandbox)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.sandbox.port, ssl=tls)
        try:
            yield reader, writer
        finally:
            writer.close()
            try:
                async with asyncio.timeout(2):
                    await writer.wait_closed()
            except (OSError, TimeoutError):
                writer.transport.abort()

    async def ask(
        self, path: str, method: str = "GET", body: object = None, headers: dict[str, str] | None = None
    ) -> Reply:
        async with asyncio.timeout(PATIENCE), self.connect() as (reader, writer):
            await self.send(writer, path, method, body, headers)
            return await read_reply(reader)

    async def send(
        self,
        writer: asyncio.StreamWriter,
        path: str,
        method: str = "GET",
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        rows = {"Host": "sandbox", **self._headers(), "Content-Length": str(len(data)), **(headers or {})}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in rows.items())
        writer.write(head.encode() + b"\r\n" + data)
        await writer.drain()

    @asynccontextmanager
    async def watch(self, path: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        async with self.connect() as (reader, writer):
            await self.send(writer, path)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head, head
            yield events_of(reader)

    def exec_url(self, pod: Pod, argv: Sequence[str], query: Sequence[tuple[str, str]]) -> str:
        words = urlencode([*query, *(("command", word) for word in argv)])
        return f"wss://127.0.0.1:{self.sandbox.port}/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/exec?{words}"

    @asynccontextmanager
    async def session(
        self,
        pod: Pod,
        argv: Sequence[str],
        protocols: Sequence[str] = (V4,),
        *,
        stdin: bool = False,
        container: str = "",
    ) -> AsyncIterator[websockets.ClientConnection]:
        query = [("stdout", "true"), ("stderr", "true"), ("container", container or pod.template.containers[0].name)]
        if stdin:
            query.append(("stdin", "true"))
        async with websockets.connect(
            self.exec_url(pod, argv, query),
            ssl=self.tls or context(self.sandbox),
            subprotocols=[websockets.Subprotocol(name) for name in protocols],
            additional_headers=self._headers(),
            ping_interval=None,
            compression=None,
            close_timeout=1,
            max_size=None,
        ) as found:
            yield found

    async def exec(
        self,
        pod: Pod,
        argv: Sequence[str],
        protocols: Sequence[str] = (V4,),
        *,
        stdin: bytes | None = None,
        container: str = "",
        patience: float = PATIENCE,
    ) -> Ended:
        """Run a command to its end; on v5 stdin is ended after its bytes."""
        ended = Ended()
        try:
            async with asyncio.timeout(patience):
                async with self.session(pod, argv, protocols, stdin=stdin is not None, container=container) as session:
                    ended.protocol = session.subprotocol
                    await asyncio.gather(_feed(session, stdin), _collect(session, ended))
                    ended.close_code = session.close_code
        except websockets.InvalidStatus as error:
            answer = error.response
            ended.refused = Reply(answer.status_code, dict(answer.headers), bytes(answer.body or b""))
        return ended


async def _feed(session: websockets.ClientConnection, stdin: bytes | None) -> None:
    if stdin is None:
        return
    try:
        for at in range(0, len(stdin), 30_000):
            await session.send(b"\0" + stdin[at : at + 30_000])
        if session.subprotocol == V5:
            await session.send(b"\xff\0")
    except websockets.ConnectionClosed:
        pass


async def _collect(session: websockets.ClientConnection, ended: Ended) -> None:
    try:
        while True:
            message = await session.recv()
            ended.messages.append(message)
            if ended.first is None:
                ended.first = message
            data = message.encode() if isinstance(message, str) else message
            match data[0]:
                case 1:
                    ended.stdout += data[1:]
                case 2:
                    ended.stderr += data[1:]
                case 3 if len(data) > 1:
                    ended.status = json.loads(data[1:])
    except websockets.ConnectionClosed:
        return


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join([part async for part in chunks_of(reader)])
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Reply(int(lines[0].split(" ")[1]), headers, body)


async def chunks_of(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        size = int(await reader.readuntil(b"\r\n"), 16)
        part = (await reader.readexactly(size + 2))[:-2]
        if size == 0:
            return
        yield part


async def events_of(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """Yield a watch's events; it ends when the server ends the stream."""
    rest = b""
    async for part in chunks_of(reader):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield json.loads(line)


async def next_event(events: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        return await anext(events)


async def until(condition: Any, patience: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(patience):
        while not condition():
            await asyncio.sleep(0.01)
