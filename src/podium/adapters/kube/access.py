"""How one cluster is reached, and as whom: plain values that the wire reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Secret:
    """Hold text or bytes that must never be shown: no repr, str, format or log reveals it."""

    __slots__ = ("_value",)

    def __init__(self, value: str | bytes) -> None:
        self._value = value if isinstance(value, bytes) else value.encode()

    def reveal(self) -> str:
        """Return the secret as text (UTF-8, undecodable bytes kept as surrogates)."""
        return self._value.decode("utf-8", "surrogateescape")

    def reveal_bytes(self) -> bytes:
        """Return the secret as bytes."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        # A pickle would be a copy of the secret in the clear.
        raise TypeError("a Secret cannot be pickled")


@dataclass(frozen=True, slots=True)
class Credential:
    """What identifies us on one connection and its requests.

    `generation` grows each time the credential changes; TLS sessions and pooled connections are
    keyed by it. `headers` holds Authorization for bearer and basic, and is empty for certificates.
    """

    generation: int
    headers: tuple[tuple[str, Secret], ...] = ()
    certificate_pem: bytes | None = None
    key_pem: Secret | None = None


class Credentials(Protocol):
    """Give the credential of one user, fresh."""

    async def current(self) -> Credential:
        """Return the credential to use now, refreshed first where it expired (one flight).

        Raises ClusterError where none can be had, UsageError where the kubeconfig is at fault.
        """
        ...

    async def renew(self, refused: Credential) -> Credential | None:
        """Return another credential after a 401 to `refused`, or None where nothing new is had."""
        ...


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How the server's certificate is judged.

    `ca_pem` None means the system's authorities. `server_name` is the name sent (SNI) and
    verified; "" means the server's host.
    """

    ca_pem: bytes | None = None
    server_name: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Access:
    """One context, resolved: where the cluster is, how it is verified, and who we are there.

    `server` is scheme://host:port/prefix without a closing slash. `proxy` is a URL, "" for none,
    None for whatever the environment's proxy variables say. `impersonate` holds Impersonate-*
    headers in the order they are sent; names repeat for groups and extras.
    """

    context: str
    cluster_name: str
    user_name: str
    server: str
    namespace: str
    tls: TlsSettings
    # It may carry a password.
    proxy: str | None = field(repr=False)
    credentials: Credentials
    impersonate: tuple[tuple[str, str], ...] = ()
