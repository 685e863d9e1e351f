"""From an address to a connection with TLS on it, through a proxy where one is set."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from podium.adapters.kube.access import Credential, TlsSettings
from podium.adapters.kube.connection import Connection, Scratch
from podium.adapters.kube.proxy import Proxy, ProxyKind, Tunnel, dig
from podium.adapters.kube.sockets import Resolver, connect
from podium.adapters.kube.tls import TlsContext, make_context
from podium.adapters.kube.wire_errors import ConnectFailedError, ConnectFailure

_SHUTDOWN = 1.0


@dataclass(frozen=True, slots=True)
class Route:
    """Where a server is and how it is reached. `name` is sent (SNI) and verified."""

    host: str
    port: int
    secure: bool
    name: str
    proxy: Proxy | None


class Dialer:
    """Make connections along one route."""

    def __init__(self, route: Route, settings: TlsSettings, receive_buffer: int) -> None:
        self._route = route
        self._settings = settings
        self._receive_buffer = receive_buffer
        self._resolver = Resolver()
        self._scratch = Scratch()
        self._proxy_context: TlsContext | None = None

    async def dial(self, context: TlsContext | None) -> Connection:
        """Return a new connection, TLS done; raises ConnectFailedError, and UsageError for unusable authorities."""
        route = self._route
        first = route if route.proxy is None else route.proxy
        sock = await connect(self._resolver, first.host, first.port, self._receive_buffer)
        connection = Connection(self._scratch, sock)
        try:
            if route.proxy is None:
                await self._secure_directly(connection, context)
            else:
                await self._secure_through(route.proxy, connection, context)
        except ssl.SSLError as error:
            raise _tls_failed(route.name, error) from None
        except OSError as error:
            why = error.strerror or str(error) or "connection reset"
            raise ConnectFailedError(
                ConnectFailure.TLS if route.secure else ConnectFailure.REFUSED,
                f"{route.host}:{route.port} broke the connection off before it stood: {why.lower()}",
            ) from None
        finally:
            # A transport that was made owns the socket; without one nobody else closes it.
            if not connection.is_made:
                sock.close()
        return connection

    async def _secure_directly(self, connection: Connection, context: TlsContext | None) -> None:
        loop = asyncio.get_running_loop()
        if context is None:
            await loop.create_connection(lambda: connection, sock=connection.socket)
            return
        await loop.create_connection(
            lambda: connection,
            sock=connection.socket,
            ssl=context,
            server_hostname=self._route.name,
            ssl_shutdown_timeout=_SHUTDOWN,
        )

    async def _secure_through(self, proxy: Proxy, connection: Connection, context: TlsContext | None) -> None:
        loop = asyncio.get_running_loop()
        outer = self._outer_context() if proxy.kind is ProxyKind.HTTPS else None
        tunnel = Tunnel()
        transport: asyncio.Transport | None = None
        try:
            try:
                transport, _ = await loop.create_connection(
                    lambda: tunnel,
                    sock=connection.socket,
                    ssl=outer,
                    server_hostname=None if outer is None else proxy.host,
                )
            except ssl.SSLError as error:
                raise ConnectFailedError(
                    ConnectFailure.PROXY, f"the proxy {proxy.shown}: {_tls_failed(proxy.host, error)}"
                ) from None
            await dig(tunnel, proxy, self._route.host, self._route.port)
            if context is None:
                transport.set_protocol(connection)
                connection.connection_made(transport)
                return
            inner = await loop.start_tls(
                transport,
                connection,
                context,
                server_hostname=self._route.name,
                ssl_shutdown_timeout=_SHUTDOWN,
            )
            if inner is None:
                raise ConnectionResetError
            connection.connection_made(inner)
        except BaseException:
            if transport is not None:
                transport.abort()
            raise

    def _outer_context(self) -> TlsContext:
        if self._proxy_context is None:
            # The client certificate is for the cluster alone. A proxy may be vouched for by either authority.
            self._proxy_context = make_context(TlsSettings(self._settings.ca_pem, "", self._settings.verify), _NOBODY)
            if self._settings.verify:
                self._proxy_context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return self._proxy_context


_NOBODY = Credential(0)


def _tls_failed(name: str, error: ssl.SSLError) -> ConnectFailedError:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"the certificate of {name} is not trusted: {error.verify_message.rstrip('.')}"
        what = "check certificate-authority, tls-server-name and the server's address in the kubeconfig"
        return ConnectFailedError(ConnectFailure.TLS, f"{why}; {what}")
    reason = (error.reason or error.strerror or "handshake failed").lower().replace("_", " ")
    return ConnectFailedError(ConnectFailure.TLS, f"TLS with {name} failed: {reason}")
