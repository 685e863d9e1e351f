"""Tunnels through http, https and socks5 proxies (RFC 9110 9.3.6, 1928, 1929)."""

from __future__ import annotations

import asyncio
import base64
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import cast
from urllib.parse import unquote, urlsplit

from podium.adapters.kube.access import Secret
from podium.adapters.kube.handshake import HEAD_LIMIT
from podium.adapters.kube.wire_errors import ConnectFailedError, ConnectFailure
from podium.domain.errors import UsageError


class ProxyKind(StrEnum):
    """How a proxy is spoken to."""

    HTTP = "http"
    HTTPS = "https"
    SOCKS5 = "socks5"


_PORTS = {ProxyKind.HTTP: 80, ProxyKind.HTTPS: 443, ProxyKind.SOCKS5: 1080}
_SOCKS_WORDS = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, its credentials apart from what may be shown."""

    kind: ProxyKind
    host: str
    port: int
    user: Secret | None = None
    password: Secret | None = None

    @property
    def shown(self) -> str:
        """The proxy's URL without its credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}"


def parse_proxy(url: str) -> Proxy:
    """Return the proxy that `url` names; raises UsageError, without the URL's credentials."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        kind = ProxyKind("socks5" if parts.scheme == "socks5h" else parts.scheme)
        port = parts.port
    except ValueError:
        raise UsageError(
            "the proxy's URL cannot be used: it must be http://, https:// or socks5://, a host and a port"
        ) from None
    if not parts.hostname:
        raise UsageError("the proxy's URL names no host")
    user = None if parts.username is None else Secret(unquote(parts.username))
    password = None if parts.password is None else Secret(unquote(parts.password))
    return Proxy(kind, parts.hostname, _PORTS[kind] if port is None else port, user, password)


class Tunnel(asyncio.Protocol):
    """The bytes of a tunnel being dug: written and read in turn, before anything else flows."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep bytes until they are asked for."""
        self._bytes += data
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Note the end."""
        self._ended = True
        self._wake()

    def write(self, data: bytes) -> None:
        """Send."""
        assert self.transport is not None
        self.transport.write(data)

    async def exactly(self, count: int) -> bytes:
        """Return the next `count` bytes; raises EOFError."""
        while len(self._bytes) < count:
            await self._more()
        return self._take(count)

    async def head(self) -> bytes:
        """Return an HTTP head, its empty line included; raises EOFError, or ValueError beyond 64 KiB."""
        while (end := self._bytes.find(b"\r\n\r\n")) < 0:
            if len(self._bytes) > HEAD_LIMIT:
                raise ValueError("its answer is longer than 64 KiB")
            await self._more()
        return self._take(end + 4)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was sent beyond the answers."""
        return not self._bytes and not self._ended

    def _take(self, count: int) -> bytes:
        taken = bytes(self._bytes[:count])
        del self._bytes[:count]
        return taken

    async def _more(self) -> None:
        if self._ended:
            raise EOFError
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def dig(tunnel: Tunnel, proxy: Proxy, host: str, port: int) -> None:
    """Make `proxy` carry the tunnel to host and port, its DNS asked at the proxy.

    Raises ConnectFailedError of kind proxy, in the proxy's words.
    """
    try:
        if proxy.kind is ProxyKind.SOCKS5:
            why = await _socks5(tunnel, proxy, host, port)
        else:
            why = await _connect(tunnel, proxy, host, port)
        if why is None and not tunnel.is_clean:
            why = "it sent bytes of its own into the tunnel"
    except EOFError:
        why = "it closed the connection"
    except ValueError as error:
        why = str(error)
    if why is not None:
        raise ConnectFailedError(
            ConnectFailure.PROXY, f"the proxy {proxy.shown} made no tunnel to {host}:{port}: {why}"
        )


async def _connect(tunnel: Tunnel, proxy: Proxy, host: str, port: int) -> str | None:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.user is not None:
        pair = proxy.user.reveal_bytes() + b":" + (b"" if proxy.password is None else proxy.password.reveal_bytes())
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}")
    tunnel.write("\r\n".join([*lines, "", ""]).encode())
    first = (await tunnel.head()).split(b"\r\n", 1)[0].decode("latin-1")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1."):
        return "it does not speak HTTP"
    return None if rest[:1] == "2" else f"HTTP {rest[:120]}"


async def _socks5(tunnel: Tunnel, proxy: Proxy, host: str, port: int) -> str | None:
    tunnel.write(b"\x05\x01\x00" if proxy.user is None else b"\x05\x02\x00\x02")
    version, method = await tunnel.exactly(2)
    if version != 5:
        return "it does not speak SOCKS 5"
    if method == 2 and proxy.user is not None:
        user = proxy.user.reveal_bytes()
        password = b"" if proxy.password is None else proxy.password.reveal_bytes()
        if len(user) > 255 or len(password) > 255:
            return "SOCKS 5 takes at most 255 bytes of user name and of password"
        tunnel.write(b"\x01" + bytes((len(user),)) + user + bytes((len(password),)) + password)
        if (await tunnel.exactly(2))[1] != 0:
            return "it refused the user name and password"
    elif method != 0:
        return "it wants a user name and password" if proxy.user is None else "it takes no user name and password"
    name = host.encode("idna") if not host.isascii() else host.encode()
    if len(name) > 255:
        return "the host's name is too long"
    tunnel.write(b"\x05\x01\x00\x03" + bytes((len(name),)) + name + struct.pack("!H", port))
    version, reply, _, kind = await tunnel.exactly(4)
    if reply != 0:
        return _SOCKS_WORDS.get(reply, f"error {reply}")
    size = {1: 4, 4: 16}.get(kind)
    if size is None:
        size = (await tunnel.exactly(1))[0]
    await tunnel.exactly(size + 2)
    return None
