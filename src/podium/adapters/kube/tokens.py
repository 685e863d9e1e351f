"""What stands in files or in the kubeconfig itself: tokens, passwords, client certificates.

Source: client-go `transport/token_source.go` and `transport/transport.go`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from podium.adapters.kube.access import Secret
from podium.adapters.kube.rotation import Material
from podium.domain.errors import ClusterError, UsageError

# client-go holds a token for a minute and takes the next one 10 s early.
_TOKEN_HOLDS = 50.0
# client-go reads certificate files at most once in a second.
_CERTIFICATE_HOLDS = 1.0


def bearer(token: Secret) -> tuple[tuple[str, Secret], ...]:
    """Return the header of a bearer token; raises ClusterError where it cannot stand in a header."""
    text = token.reveal()
    if any(char in text for char in "\r\n\0"):
        raise ClusterError("the bearer token holds line breaks: a header cannot carry it; get a new token")
    return (("Authorization", Secret(f"Bearer {text}")),)


def basic(username: str, password: Secret | None) -> tuple[tuple[str, Secret], ...]:
    """Return the header of a user name and password (RFC 7617)."""
    pair = f"{username}:{password.reveal() if password is not None else ''}".encode("utf-8", "surrogateescape")
    return (("Authorization", Secret(b"Basic " + base64.b64encode(pair))),)


class TokenFileSource:
    """A token that another program keeps fresh in a file; read again every minute."""

    def __init__(self, path: Path, spare: Secret | None, now: Callable[[], float]) -> None:
        self._path = path
        self._last = spare
        self._now = now

    async def fetch(self, *, refused: bool) -> Material:  # noqa: ARG002 - it is read afresh each time
        """Read the file; where that fails the last token holds. Raises ClusterError where there never was one."""
        try:
            text = self._path.read_bytes().strip()
            problem = "" if text else "it is empty"
        except OSError as error:
            text, problem = b"", error.strerror or "it cannot be read"
        if text:
            self._last = Secret(text)
        if self._last is None:
            raise ClusterError(f"no token in {self._path}: {problem}")
        return Material(headers=bearer(self._last), fresh_until=self._now() + _TOKEN_HOLDS)


class CertificateFilesSource:
    """A client certificate and its key in two files, which another program may replace."""

    def __init__(self, certificate: Path, key: Path, now: Callable[[], float]) -> None:
        self._certificate = certificate
        self._key = key
        self._now = now
        self._last: tuple[bytes, Secret] | None = None

    async def fetch(self, *, refused: bool) -> Material:  # noqa: ARG002 - they are read afresh each time
        """Read both; where that fails the last pair holds. Raises ClusterError where there never was one."""
        try:
            self._last = (
                certificate_pem(self._certificate.read_bytes(), str(self._certificate)),
                key_pem(self._key.read_bytes(), str(self._key)),
            )
        except (OSError, UsageError) as error:
            if self._last is None:
                raise ClusterError(_unreadable(error)) from None
        pair = self._last
        assert pair is not None
        return Material(certificate_pem=pair[0], key_pem=pair[1], fresh_until=self._now() + _CERTIFICATE_HOLDS)


def _unreadable(error: OSError | UsageError) -> str:
    if isinstance(error, OSError):
        return f"cannot read {error.filename}: {error.strerror}"
    return str(error)


def certificate_pem(data: bytes, where: str) -> bytes:
    """Return `data` where it holds a PEM certificate; raises UsageError naming `where`."""
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise UsageError(f"{where}: no PEM certificate in it")
    return data


def key_pem(data: bytes, where: str) -> Secret:
    """Return `data` where it holds an open PEM key; raises UsageError naming `where`."""
    if b"PRIVATE KEY-----" not in data:
        raise UsageError(f"{where}: no PEM private key in it")
    # OpenSSL would stop and ask for the passphrase on the terminal.
    if b"ENCRYPTED" in data:
        raise UsageError(f"{where}: this private key is encrypted; kubeconfigs need it without a passphrase")
    return Secret(data)
