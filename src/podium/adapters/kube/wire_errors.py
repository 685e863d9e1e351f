"""What can go wrong on the wire, told apart by what it proves: nothing written, no answer, or a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from podium.domain.errors import ClusterError


class ConnectFailure(StrEnum):
    """Why a connection did not come about."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    DNS = "dns"
    TLS = "tls"
    PROXY = "proxy"


class ConnectFailedError(ClusterError):
    """No byte of the request was written: the cluster cannot have acted on it."""

    def __init__(self, kind: ConnectFailure, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class NoAnswerError(ClusterError):
    """The request was written, and broke or timed out before an HTTP answer: it may have been acted on."""


class Headers:
    """Response headers, asked by name whatever its case."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        pairs: dict[str, str] = {}
        for name, value in items:
            key = name.lower()
            pairs[key] = f"{pairs[key]}, {value}" if key in pairs else value
        self._items: Mapping[str, str] = MappingProxyType(pairs)

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value, repeated ones joined by a comma (RFC 9110 5.3)."""
        return self._items.get(name.lower(), default)

    def items(self) -> Iterable[tuple[str, str]]:
        """Yield name in lower case and value."""
        return self._items.items()

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._items)})"


class UpgradeRefusedError(ClusterError):
    """The server answered an upgrade with something other than 101; its own words stand in `body`."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        super().__init__(f"the server answered the upgrade with HTTP {status}")
        self.status = status
        self.headers = headers
        self.body = body


class SessionClosedError(ClusterError):
    """The session has ended: nothing more can be sent. Its Receiver was told how, or is about to be."""
