"""A TLS server that writes down what clients send: headers, paths, names asked for, certificates shown."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from support.authorities import Authority, Pair

NOTHING = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}).encode()
UNAUTHORIZED = json.dumps(
    {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }
).encode()


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. Header names are in lower case; repeated ones stand in their order."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    server_name: str | None
    client: str | None

    def all(self, name: str) -> list[str]:
        """Return every value of one header."""
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def identity(self) -> dict[str, object]:
        """Return all of it that says who asks, in a form that two clients can be compared by."""
        return {
            "authorization": self.all("authorization"),
            "impersonate": sorted(
                (key, tuple(self.all(key)))
                for key in {key for key, _ in self.headers if key.startswith("impersonate-")}
            ),
            "client": self.client,
            "server_name": self.server_name,
            "path": self.path,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer."""

    status: int = 200
    body: bytes = NOTHING
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


@dataclass(slots=True)
class RecordingServer:
    """The server while it runs. `answer` may be replaced at any time."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    handshakes: int = 0
    answer: Callable[[Request], Answer] = field(default=lambda _: Answer())

    @property
    def url(self) -> str:
        """Its URL on loopback."""
        return f"https://127.0.0.1:{self.port}"

    def take(self) -> list[Request]:
        """Return what was recorded, and forget it."""
        taken, self.requests = self.requests, []
        return taken


@contextlib.asynccontextmanager
async def recording_server(
    authority: Authority, pair: Pair, *, demand: bool = False, plain: bool = False
) -> AsyncIterator[RecordingServer]:
    """Serve on loopback with `pair`; client certificates are taken, or demanded. `plain`: without TLS."""
    server = RecordingServer()
    names: weakref.WeakKeyDictionary[object, str | None] = weakref.WeakKeyDictionary()
    context = server_context(pair)
    context.load_verify_locations(cadata=authority.pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL

    def note_name(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        names[connection] = name

    context.sni_callback = note_name
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.handshakes += 1
        connection = writer.get_extra_info("ssl_object")
        server_name = None if connection is None else names.get(connection)
        try:
            await _serve(server, reader, writer, server_name, _common_name(connection))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=None if plain else context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    server: RecordingServer,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    server_name: str | None,
    client: str | None,
) -> None:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
        length = int(dict(headers).get("content-length", "0"))
        request = Request(method, path, headers, await reader.readexactly(length), server_name, client)
        server.requests.append(request)
        answer = server.answer(request)
        lines = [f"HTTP/1.1 {answer.status} Recorded", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        writer.write("\r\n".join([*lines, "", ""]).encode() + answer.body)
        await writer.drain()
        if dict(headers).get("connection", "").lower() == "close":
            return


def _common_name(connection: ssl.SSLObject | None) -> str | None:
    certificate = (None if connection is None else connection.getpeercert()) or {}
    names = [pair[1] for relative in certificate.get("subject", ()) for pair in relative if pair[0] == "commonName"]
    return str(names[0]) if names else None


def server_context(pair: Pair) -> ssl.SSLContext:
    """Return a server's TLS with one certificate, its key never on disk."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    descriptor = os.memfd_create("pair")
    try:
        os.write(descriptor, pair.certificate + pair.key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return context
