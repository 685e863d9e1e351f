"""Speak to an OpenID Connect issuer: one small HTTPS request at a time.

Issuers are met once an hour at most, so a connection serves one request (RFC 9112) and closes.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from podium.adapters.kube.proxy_env import proxy_for
from podium.domain.errors import ClusterError

_TIMEOUT = 30.0
_LIMIT = 1 << 20
_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class IssuerAnswer:
    """What the issuer said; the body may hold tokens."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issuer:
    """How an issuer is reached. `ca_pem` None means the system's authorities; proxies come from the environment."""

    ca_pem: bytes | None
    environ: Mapping[str, str] = field(repr=False)

    async def get(self, url: str) -> IssuerAnswer:
        """GET, following redirects; raises ClusterError where there is no answer."""
        for _ in range(_REDIRECTS):
            answer = await self._ask(url, "GET", (), b"")
            location = answer.headers.get("location", "")
            if answer.status not in {301, 302, 303, 307, 308} or "://" not in location:
                return answer
            url = location
        raise ClusterError(f"OIDC issuer {_origin(url)} redirects in a circle")

    async def post_form(self, url: str, form: bytes, authorization: str) -> IssuerAnswer:
        """POST a form, with an Authorization header where given; raises ClusterError where there is no answer."""
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", str(len(form)))]
        if authorization:
            headers.append(("Authorization", authorization))
        return await self._ask(url, "POST", tuple(headers), form)

    async def _ask(self, url: str, method: str, headers: tuple[tuple[str, str], ...], body: bytes) -> IssuerAnswer:
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ClusterError("the OIDC issuer is not an https URL")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close", "Accept: application/json"]
        head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers), "", ""]).encode()
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await self._exchange(parts, url, head + body)
        except TimeoutError:
            raise ClusterError(f"OIDC issuer {_origin(url)} gave no answer in {_TIMEOUT:.0f} s") from None
        except ssl.SSLCertVerificationError as error:
            raise ClusterError(
                f"OIDC issuer {_origin(url)} is not trusted ({error.verify_message}); check idp-certificate-authority"
            ) from None
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ClusterError(f"OIDC issuer {_origin(url)} cannot be reached: {_reason(error)}") from None

    async def _exchange(self, parts: SplitResult, url: str, request: bytes) -> IssuerAnswer:
        reader, writer = await self._connect(parts, url)
        try:
            writer.write(request)
            await writer.drain()
            return await _read_answer(reader)
        finally:
            writer.transport.abort()

    async def _connect(self, parts: SplitResult, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        context = self._tls() if parts.scheme == "https" else None
        proxy = proxy_for(url, self.environ)
        if not proxy:
            return await asyncio.open_connection(host, port, ssl=context, limit=_LIMIT)
        via = urlsplit(proxy)
        if via.scheme not in {"http", "https"}:
            raise ValueError("only http proxies are supported on the way to an issuer")
        outer = ssl.create_default_context() if via.scheme == "https" else None
        default_port = 443 if via.scheme == "https" else 80
        reader, writer = await asyncio.open_connection(via.hostname, via.port or default_port, ssl=outer, limit=_LIMIT)
        try:
            await _tunnel(reader, writer, via, f"{host}:{port}")
            if context is not None:
                await writer.start_tls(context, server_hostname=host)
        except BaseException:
            writer.transport.abort()
            raise
        return reader, writer

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=None if self.ca_pem is None else self.ca_pem.decode("ascii"))
        # As for clusters: private authorities often lack what the strict reading of RFC 5280 wants.
        context.verify_flags = (context.verify_flags & ~ssl.VERIFY_X509_STRICT) | ssl.VERIFY_X509_PARTIAL_CHAIN
        return context


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, via: SplitResult, target: str) -> None:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if via.username is not None:
        pair = f"{unquote(via.username)}:{unquote(via.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    status = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise ValueError("the proxy refused the tunnel")


async def _read_answer(reader: asyncio.StreamReader) -> IssuerAnswer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
        raise ValueError("what came back is not HTTP")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(min(int(headers["content-length"]), _LIMIT))
    else:
        body = await reader.read(_LIMIT)
    return IssuerAnswer(int(words[1]), headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) <= _LIMIT:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if size == 0:
            return body
        body += (await reader.readexactly(min(size, _LIMIT) + 2))[:-2]
    raise ValueError("the answer is too long")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) if isinstance(error, ValueError) else "the connection ended early"
