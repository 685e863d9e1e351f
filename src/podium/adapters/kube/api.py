"""The Kubernetes API of one cluster as one identity: requests, streams and upgrades over our own connections."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from podium.adapters.kube.access import Access, Credential
from podium.adapters.kube.connection import Connection
from podium.adapters.kube.dial import Dialer, Route
from podium.adapters.kube.handshake import build_request, build_target, make_key, upgrade_headers
from podium.adapters.kube.http import Response, StreamedAnswer, UpgradeAnswer, WholeAnswer, new_key_material
from podium.adapters.kube.proxy import parse_proxy
from podium.adapters.kube.proxy_env import proxy_for
from podium.adapters.kube.session import Receiver, Session, Timing
from podium.adapters.kube.tls import TlsContext, make_context
from podium.adapters.kube.wire_errors import (
    ConnectFailedError,
    ConnectFailure,
    NoAnswerError,
    UpgradeRefusedError,
)
from podium.domain.errors import UsageError

Query = Sequence[tuple[str, str]]
_Target = tuple[str, Query]
_Extra = Sequence[tuple[str, str]]
_T = TypeVar("_T")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Wire:
    """How connections behave. Bytes and seconds; `environ` None is the process's own."""

    timing: Timing = field(default_factory=Timing)
    receive_buffer: int = 256 * 1024
    pool: int = 4
    body_limit: int = 512 * 1024 * 1024
    environ: Mapping[str, str] | None = None


class Api:
    """One cluster, one identity, and a small pool of kept connections for plain requests."""

    def __init__(
        self,
        access: Access,
        *,
        user_agent: str,
        connect_timeout: float = 10.0,
        request_timeout: float | None = 30.0,
        wire: Wire | None = None,
    ) -> None:
        """Raises UsageError for a server or proxy that is no usable URL."""
        self._access = access
        self._wire = wire or Wire()
        self._connect_timeout = connect_timeout
        self._request_timeout = request_timeout
        route, self._prefix = _read_route(access, self._wire.environ)
        self._dialer = Dialer(route, access.tls, self._wire.receive_buffer)
        self._route = route
        self._headers = (
            ("Host", urlsplit(access.server).netloc.rpartition("@")[2]),
            ("User-Agent", user_agent),
            # Exec and logs answer 406 to JSON alone.
            ("Accept", "application/json, */*"),
            ("Accept-Encoding", "identity"),
            *access.impersonate,
        )
        self._context: tuple[int, TlsContext] | None = None
        self._slots = asyncio.Semaphore(self._wire.pool)
        self._idle: list[tuple[int, Connection]] = []
        self._closed = False

    async def get(self, path: str, query: Query = ()) -> Response:
        """Return the answer to a GET, whatever its status.

        Raises ConnectFailedError, NoAnswerError, and what the credentials raise.
        """
        return await self._request("GET", path, query, b"")

    async def post(self, path: str, body: bytes, query: Query = ()) -> Response:
        """Return the answer to a POST of JSON; never sent twice, but for a 401. Raises as `get` does."""
        return await self._request("POST", path, query, body)

    @asynccontextmanager
    async def stream(self, path: str, query: Query = ()) -> AsyncIterator[StreamedAnswer]:
        """Open a GET whose answer is read as it comes, on a connection of its own.

        Raises as `get` does; the iteration raises NoAnswerError where the answer breaks off.
        """

        opened: list[Connection] = []

        async def attempt(credential: Credential) -> StreamedAnswer:
            opened.append(await self._dial(credential))
            return await self._open_stream(opened[-1], self._build(credential, "GET", (path, query)))

        try:
            yield await self._with_renewal(attempt, lambda answer: answer.status == 401)
        finally:
            for connection in opened:
                connection.abort()

    async def upgrade(self, path: str, query: Query, protocols: Sequence[str], receiver: Receiver) -> Session:
        """Open a WebSocket and return its session; `connect_timeout` counts up to the 101.

        The receiver gets its first bytes in a later turn of the event loop than the one this returns in. Raises
        ConnectFailedError (nothing was written), NoAnswerError, UpgradeRefusedError.
        """

        async def attempt(credential: Credential) -> Session | UpgradeRefusedError:
            try:
                return await self._open_session(credential, path, query, (protocols, receiver))
            except UpgradeRefusedError as refused:
                return refused

        opened = await self._with_renewal(
            attempt, lambda got: isinstance(got, UpgradeRefusedError) and got.status == 401
        )
        if isinstance(opened, UpgradeRefusedError):
            raise opened
        asyncio.get_running_loop().call_soon(opened.begin)
        return opened

    async def close(self) -> None:
        """Drop the kept connections; sessions and streams belong to whoever opened them."""
        self._closed = True
        idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.abort()

    async def _with_renewal(
        self, attempt: Callable[[Credential], Awaitable[_T]], is_refused: Callable[[_T], bool]
    ) -> _T:
        credential = await self._access.credentials.current()
        got = await attempt(credential)
        if is_refused(got):
            renewed = await self._access.credentials.renew(credential)
            if renewed is not None:
                return await attempt(renewed)
        return got

    async def _request(self, method: str, path: str, query: Query, body: bytes) -> Response:
        async def attempt(credential: Credential) -> Response:
            request = self._build(credential, method, (path, query), body=body)
            async with self._slots:
                return await self._exchange(credential, request, method == "GET")

        return await self._with_renewal(attempt, lambda response: response.status == 401)

    async def _exchange(self, credential: Credential, request: bytes, again: bool) -> Response:
        connection = self._take_idle(credential)
        if connection is not None:
            answer = WholeAnswer(connection, self._wire.body_limit)
            try:
                return await self._ask(credential, connection, answer, request)
            except NoAnswerError:
                # A kept connection may have died unseen; what changes nothing is asked once more on a new one.
                if not again or answer.began or connection.loss is None:
                    raise
        connection = await self._dial(credential)
        return await self._ask(credential, connection, WholeAnswer(connection, self._wire.body_limit), request)

    async def _ask(
        self, credential: Credential, connection: Connection, answer: WholeAnswer, request: bytes
    ) -> Response:
        connection.consumer = answer
        connection.write(request)
        try:
            async with asyncio.timeout(self._request_timeout):
                response = await answer.done
        except TimeoutError:
            raise NoAnswerError(f"{self._where} gave no answer within {self._request_timeout:g} s") from None
        finally:
            if answer.reusable and connection.is_open and not self._closed:
                self._idle.append((credential.generation, connection))
            else:
                connection.abort()
        return response

    async def _open_stream(self, connection: Connection, request: bytes) -> StreamedAnswer:
        answer = StreamedAnswer(connection)
        connection.consumer = answer
        connection.write(request)
        try:
            async with asyncio.timeout(self._request_timeout):
                await answer.head
        except TimeoutError:
            raise NoAnswerError(f"{self._where} gave no answer within {self._request_timeout:g} s") from None
        return answer

    async def _open_session(
        self, credential: Credential, path: str, query: Query, opening: tuple[Sequence[str], Receiver]
    ) -> Session:
        protocols, receiver = opening
        key = make_key(new_key_material())
        request = self._build(credential, "GET", (path, query), upgrade_headers(key, protocols))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._connect_timeout
        connection = await self._dial(credential)
        answer = UpgradeAnswer(connection, key, protocols, (receiver, self._wire.timing))
        connection.consumer = answer
        connection.write(request)
        try:
            async with asyncio.timeout_at(deadline):
                return await answer.done
        except TimeoutError:
            connection.abort()
            raise answer.refusal or NoAnswerError(
                f"{self._where} did not answer the upgrade within {self._connect_timeout:g} s"
            ) from None
        except BaseException:
            connection.abort()
            raise

    async def _dial(self, credential: Credential) -> Connection:
        if self._closed:
            # A run that somebody still iterates over must not act on after its fleet was closed.
            raise ConnectFailedError(ConnectFailure.REFUSED, f"the fleet of {self._where} was closed")
        context = self._context_for(credential)
        try:
            async with asyncio.timeout(self._connect_timeout):
                connection = await self._dialer.dial(context)
        except TimeoutError:
            raise ConnectFailedError(
                ConnectFailure.TIMEOUT, f"no connection to {self._where} within {self._connect_timeout:g} s"
            ) from None
        if not connection.is_open:
            raise ConnectFailedError(ConnectFailure.REFUSED, f"{self._where} closed the connection at once")
        return connection

    @property
    def _where(self) -> str:
        return f"{self._route.host}:{self._route.port}"

    def _context_for(self, credential: Credential) -> TlsContext | None:
        if not self._route.secure:
            return None
        if self._context is None or self._context[0] != credential.generation:
            # A session must not outlive the credential it was made with.
            self._context = (credential.generation, make_context(self._access.tls, credential))
        return self._context[1]

    def _take_idle(self, credential: Credential) -> Connection | None:
        while self._idle:
            generation, connection = self._idle.pop()
            if generation == credential.generation and connection.is_open:
                return connection
            connection.abort()
        return None

    def _build(
        self, credential: Credential, method: str, target: _Target, extra: _Extra = (), body: bytes = b""
    ) -> bytes:
        headers = [*self._headers, *((name, value.reveal()) for name, value in credential.headers), *extra]
        if method == "POST":
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        return build_request(method, build_target(self._prefix, *target), headers, body)


def _read_route(access: Access, environ: Mapping[str, str] | None) -> tuple[Route, str]:
    parts = urlsplit(access.server)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in _PORTS or not parts.hostname or port == -1:
        raise UsageError(
            f"cluster {access.cluster_name!r}: the server must be https://host:port, check it in the kubeconfig"
        )
    url = proxy_for(access.server, os.environ if environ is None else environ) if access.proxy is None else access.proxy
    route = Route(
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        secure=parts.scheme == "https",
        name=access.tls.server_name or parts.hostname,
        proxy=parse_proxy(url) if url else None,
    )
    return route, parts.path.rstrip("/")
