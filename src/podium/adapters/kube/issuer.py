"""Speak to an OpenID Connect issuer: one request a connection, over the same connections as the clusters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from podium.adapters.kube.access import Credential, TlsSettings
from podium.adapters.kube.dial import Dialer, Route
from podium.adapters.kube.handshake import build_request
from podium.adapters.kube.http import Response, WholeAnswer
from podium.adapters.kube.proxy import parse_proxy
from podium.adapters.kube.proxy_env import proxy_for
from podium.adapters.kube.tls import make_context
from podium.domain.errors import ClusterError

_TIMEOUT = 30.0
_LIMIT = 1 << 20
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Issuer:
    """How an issuer is reached. `ca_pem` None means the system's authorities; proxies come from the environment."""

    ca_pem: bytes | None
    environ: Mapping[str, str] = field(repr=False)

    async def get(self, url: str) -> Response:
        """GET, following redirects; raises ClusterError where there is no answer."""
        for _ in range(_REDIRECTS):
            answer = await self._ask(url, "GET", (), b"")
            location = answer.headers.get("location") or ""
            if answer.status not in _MOVED or "://" not in location:
                return answer
            url = location
        raise ClusterError(f"OIDC issuer {_origin(urlsplit(url))} redirects in a circle")

    async def post_form(self, url: str, form: bytes, authorization: str) -> Response:
        """POST a form, with an Authorization header where given; raises ClusterError where there is no answer."""
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", str(len(form)))]
        if authorization:
            headers.append(("Authorization", authorization))
        return await self._ask(url, "POST", headers, form)

    async def _ask(self, url: str, method: str, headers: Sequence[tuple[str, str]], body: bytes) -> Response:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ClusterError("the OIDC issuer's address is no https URL; check idp-issuer-url")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        common = [("Host", parts.netloc), ("Accept", "application/json"), ("Connection", "close")]
        request = build_request(method, path, [*common, *headers], body)
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await self._exchange(url, parts, request)
        except TimeoutError:
            raise ClusterError(f"OIDC issuer {_origin(parts)} gave no answer within {_TIMEOUT:g} s") from None
        except ClusterError as error:
            raise ClusterError(f"OIDC issuer {_origin(parts)}: {error}") from None

    async def _exchange(self, url: str, parts: SplitResult, request: bytes) -> Response:
        secure = parts.scheme == "https"
        proxy = proxy_for(url, self.environ)
        host = parts.hostname or ""
        route = Route(
            host=host,
            port=_PORTS[parts.scheme] if parts.port is None else parts.port,
            secure=secure,
            name=host,
            proxy=parse_proxy(proxy) if proxy else None,
        )
        settings = TlsSettings(ca_pem=self.ca_pem)
        context = make_context(settings, Credential(0)) if secure else None
        connection = await Dialer(route, settings, 64 * 1024).dial(context)
        try:
            answer = WholeAnswer(connection, _LIMIT)
            connection.consumer = answer
            connection.write(request)
            return await answer.done
        finally:
            connection.abort()


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
