"""Which of a user's credentials count: client-go's order of precedence, and its refusals.

Source: client-go `tools/clientcmd/validation.go`, `client_config.go`, `transport/round_trippers.go`,
`rest/transport.go`.
A client certificate goes with anything. Of the rest: tokenFile over token, a token over plugin and auth provider; a
plugin runs only where there is no certificate, token or password; nothing is sent over plain HTTP.
"""

from __future__ import annotations

from pathlib import Path

from podium.adapters.kube.access import Credentials, Secret
from podium.adapters.kube.kubeconfig_entries import ClusterEntry, UserEntry
from podium.adapters.kube.oidc import OidcSource
from podium.adapters.kube.plugins import PluginSource
from podium.adapters.kube.rotation import FixedSource, JoinedSource, Material, RotatingCredentials, Source
from podium.adapters.kube.surroundings import Surroundings
from podium.adapters.kube.tokens import (
    CertificateFilesSource,
    TokenFileSource,
    basic,
    bearer,
    certificate_pem,
    key_pem,
)
from podium.domain.errors import ClusterError, UsageError


def credentials_for(
    user: UserEntry, cluster: ClusterEntry, ca_pem: bytes | None, surroundings: Surroundings
) -> Credentials:
    """Return the credentials of a user towards a cluster; raises UsageError where the stanza contradicts itself."""
    check(user)
    if not cluster.server.startswith("https://"):
        return RotatingCredentials(FixedSource(), surroundings.now)
    sources = [source for source in (_certificate(user, surroundings), _header(user, surroundings)) if source]
    if user.auth_provider is not None:
        provider = OidcSource.of(user, surroundings)
        if _header(user, surroundings) is None:
            sources.append(provider)
    if user.exec_plugin is not None and not sources:
        sources.append(PluginSource(user.name, user.exec_plugin, cluster, ca_pem or b"", surroundings))
    if not sources:
        return RotatingCredentials(FixedSource(), surroundings.now)
    source = sources[0] if len(sources) == 1 else JoinedSource(tuple(sources))
    return RotatingCredentials(source, surroundings.now, f' of user "{user.name}"{_origin(user)}')


def check(user: UserEntry) -> None:
    """Raise UsageError where a user stanza contradicts itself, as kubectl does."""
    has_certificate = bool(user.certificate_file or user.certificate_data)
    has_basic = bool(user.username or user.password)
    problem = ""
    if user.certificate_file and user.certificate_data:
        problem = "client-certificate and client-certificate-data are both given; keep one"
    elif has_certificate and user.key_file and user.key_data:
        problem = "client-key and client-key-data are both given; keep one"
    elif has_certificate and not (user.key_file or user.key_data):
        problem = "a client certificate without client-key or client-key-data"
    elif has_basic and (user.token or user.token_file):
        problem = "a password and a token are both given; keep one"
    elif user.exec_plugin is not None and user.auth_provider is not None:
        problem = "exec and auth-provider are both given; keep one"
    if problem:
        raise UsageError(f'user "{user.name}"{_origin(user)}: {problem}')


def _origin(user: UserEntry) -> str:
    return f" in {user.origin}" if user.origin is not None else ""


def _certificate(user: UserEntry, surroundings: Surroundings) -> Source | None:
    if not (user.certificate_file or user.certificate_data):
        return None
    if user.certificate_file and user.key_file:
        for name in (user.certificate_file, user.key_file):
            _readable(name, user)
        return CertificateFilesSource(Path(user.certificate_file), Path(user.key_file), surroundings.now)
    where = f'user "{user.name}"{_origin(user)}'
    certificate = user.certificate_data or _readable(user.certificate_file, user)
    key = user.key_data.reveal_bytes() if user.key_data is not None else _readable(user.key_file, user)
    return FixedSource(
        Material(
            certificate_pem=certificate_pem(certificate, f"{where}: client certificate"),
            key_pem=key_pem(key, f"{where}: client key"),
        )
    )


def _readable(name: str, user: UserEntry) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f'user "{user.name}"{_origin(user)}: cannot read {name}: {error.strerror}') from None


def _header(user: UserEntry, surroundings: Surroundings) -> Source | None:
    if user.token_file:
        return TokenFileSource(Path(user.token_file), user.token, surroundings.now)
    if user.token is not None:
        return FixedSource(Material(headers=_bearer(user.token, user)))
    if user.username or user.password:
        return FixedSource(Material(headers=basic(user.username, user.password)))
    return None


def _bearer(token: Secret, user: UserEntry) -> tuple[tuple[str, Secret], ...]:
    try:
        return bearer(token)
    except ClusterError as error:
        raise UsageError(f'user "{user.name}"{_origin(user)}: {error}') from None
