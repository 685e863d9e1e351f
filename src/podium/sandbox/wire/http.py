"""Serve HTTP/1.1 over TLS: requests in, answers, streams and taken-over connections out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

HEAD_LIMIT = 1 << 20
"""Bytes a request head may have, as net/http's DefaultMaxHeaderBytes."""
BODY_LIMIT = 3 << 20
"""Bytes a request body may have, as the API server's limit."""


class BadRequestError(Exception):
    """The peer does not speak HTTP/1.1."""


class DropError(Exception):
    """Raised by a handler to cut the connection without another byte."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The verified client certificate of a connection: common name and organisations."""

    common_name: str
    organisations: tuple[str, ...]


@dataclass(slots=True)
class Connection:
    """One accepted TLS connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: Peer | None
    _gone: asyncio.Task[None] | None = None

    def gone(self) -> asyncio.Task[None]:
        """Return the task that ends when the client has closed the connection."""
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._until_gone())
        return self._gone

    def forget(self) -> None:
        """Stop watching for the client's leave."""
        if self._gone is not None:
            self._gone.cancel()

    async def _until_gone(self) -> None:
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def send(self, data: bytes) -> None:
        """Write bytes and wait until the transport takes more; raises ConnectionError when it is gone."""
        if self.writer.is_closing():
            raise ConnectionResetError("the client has gone")
        self.writer.write(data)
        await self.writer.drain()

    def abort(self) -> None:
        """Cut the connection at once, without a TLS goodbye."""
        self.writer.transport.abort()


@dataclass(frozen=True, slots=True)
class Request:
    """One request: path and query are percent-decoded, header names are in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    connection: Connection

    def first(self, name: str) -> str | None:
        """Return the first value of a query parameter, or None."""
        return next((value for key, value in self.query if key == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a query parameter, in order."""
        return tuple(value for key, value in self.query if key == name)

    def flag(self, name: str) -> bool:
        """Tell whether a boolean query parameter is set, by the API server's rules ("0" and "false" are not)."""
        value = self.first(name)
        return value is not None and value.lower() not in ("false", "0")


Takeover = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. A body that is an iterator goes out in chunks; a takeover gets the whole connection instead."""

    status: int = 200
    body: bytes | AsyncIterator[bytes] = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    takeover: Takeover | None = None


Respond = Callable[[Request], Awaitable[Answer]]


@dataclass(slots=True)
class HttpServer:
    """Accept connections and hand each request to `respond`."""

    respond: Respond
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it (the callback of asyncio.start_server)."""
        task = asyncio.current_task()
        if task is not None:
            self.tasks.add(task)
        connection = Connection(reader, writer, peer_of(writer))
        try:
            while await self._serve_one(connection):
                pass
        except DropError:
            connection.abort()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, BadRequestError):
            pass
        except asyncio.CancelledError:
            connection.abort()
        finally:
            writer.close()
            connection.forget()
            if task is not None:
                self.tasks.discard(task)

    async def _serve_one(self, connection: Connection) -> bool:
        request = await read_request(connection)
        if request is None:
            return False
        answer = await self.respond(request)
        if answer.takeover is not None:
            await answer.takeover(connection)
            return False
        keep = request.headers.get("connection", "").lower() != "close"
        await write_answer(connection, answer, keep, request.method == "HEAD")
        return keep

    async def stop(self) -> None:
        """Cut every connection and wait for their tasks."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def peer_of(writer: asyncio.StreamWriter) -> Peer | None:
    """Return who the client's certificate names, or None where none was shown."""
    certificate = writer.get_extra_info("peercert")
    if not certificate:
        return None
    names = [pair for part in certificate.get("subject", ()) for pair in part]
    common = next((value for key, value in names if key == "commonName"), "")
    return Peer(common, tuple(value for key, value in names if key == "organizationName"))


async def read_request(connection: Connection) -> Request | None:
    """Read one request; None when the peer closed between requests. Raises BadRequestError."""
    try:
        head = await connection.reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    lines = head.decode("latin-1").split("\r\n")
    try:
        method, target, version = lines[0].split(" ")
    except ValueError:
        raise BadRequestError(lines[0]) from None
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequestError(version)
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    split = urlsplit(target)
    query = tuple(parse_qsl(split.query, keep_blank_values=True, encoding="utf-8", errors="surrogateescape"))
    body = await _read_body(connection, headers)
    return Request(method, unquote(split.path), query, headers, body, connection)


async def _read_body(connection: Connection, headers: Mapping[str, str]) -> bytes:
    if headers.get("expect", "").lower() == "100-continue":
        await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        parts: list[bytes] = []
        while True:
            size = int(await connection.reader.readuntil(b"\r\n"), 16)
            part = await connection.reader.readexactly(size + 2)
            if size == 0:
                return b"".join(parts)
            parts.append(part[:-2])
    length = int(headers.get("content-length", "0"))
    if length > BODY_LIMIT:
        raise BadRequestError("the body is too long")
    return await connection.reader.readexactly(length)


def head_bytes(answer: Answer, framing: tuple[tuple[str, str], ...]) -> bytes:
    """Render the status line and the headers of an answer."""
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    rows = [f"HTTP/1.1 {answer.status} {phrase}"]
    if not any(name.lower() == "date" for name, _ in answer.headers):
        rows.append(f"Date: {formatdate(usegmt=True)}")
    if answer.content_type != "":
        rows.append(f"Content-Type: {answer.content_type}")
    rows.extend(f"{name}: {value}" for name, value in (*answer.headers, *framing))
    return ("\r\n".join(rows) + "\r\n\r\n").encode("latin-1", "replace")


async def write_answer(connection: Connection, answer: Answer, keep: bool, bodiless: bool) -> None:
    """Write one answer; an iterator body is cut short as soon as the client has gone."""
    closing = () if keep else (("Connection", "close"),)
    if isinstance(answer.body, bytes):
        framing = (("Content-Length", str(len(answer.body))), *closing)
        await connection.send(head_bytes(answer, framing) + (b"" if bodiless else answer.body))
        return
    await connection.send(head_bytes(answer, (("Transfer-Encoding", "chunked"), *closing)))
    pump = asyncio.ensure_future(_pump(connection, answer.body))
    try:
        await asyncio.wait((pump, connection.gone()), return_when=asyncio.FIRST_COMPLETED)
        if not pump.done():
            raise ConnectionResetError("the client has gone")
        await pump
    finally:
        pump.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError, DropError):
            await pump


async def _pump(connection: Connection, body: AsyncIterator[bytes]) -> None:
    async for part in body:
        if part:
            await connection.send(b"%x\r\n%b\r\n" % (len(part), part))
    await connection.send(b"0\r\n\r\n")
