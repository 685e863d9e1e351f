"""TLS as Go's verifier would have it, keys kept off the disk, and sessions resumed."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator
from typing import cast

from podium.adapters.kube.access import Credential, TlsSettings
from podium.domain.errors import UsageError

# A ticket is renewed before the server forgets the key it was sealed with.
_RENEW_AFTER = 300.0


class TlsStream(ssl.SSLObject):
    """An SSLObject that remembers where its ciphertext comes in, for what is read after a connection was lost."""

    incoming: ssl.MemoryBIO


class TlsContext(ssl.SSLContext):
    """An SSLContext for one server and one credential that resumes its last session.

    asyncio and uvloop both call `wrap_bio`, and neither lets a session through, so it is put in here.
    """

    sslobject_class = TlsStream
    _session: ssl.SSLSession | None = None
    _taken: float = 0.0

    # The signature is ssl.SSLContext's.
    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> TlsStream:
        """Begin TLS, resuming where a session is known."""
        stream = cast(
            "TlsStream",
            super().wrap_bio(incoming, outgoing, server_side, server_hostname, session or self._session),
        )
        stream.incoming = incoming
        return stream

    def learn(self, stream: ssl.SSLObject, now: float) -> None:
        """Keep the session of `stream` if it has a ticket; call it after data came, for tickets follow the handshake.

        `now` is in seconds on any monotonic clock.
        """
        if self._session is not None and stream.session_reused and now - self._taken < _RENEW_AFTER:
            return
        session = stream.session
        if session is not None and session.has_ticket:
            self._session = session
            self._taken = now


def make_context(settings: TlsSettings, credential: Credential) -> TlsContext:
    """Return the context for one cluster and one credential.

    Raises UsageError where the authorities or the client certificate and key cannot be used.
    """
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _verify_as_go(context, settings)
    if credential.certificate_pem is not None:
        key = credential.key_pem
        _load_pair(context, credential.certificate_pem, b"" if key is None else key.reveal_bytes())
    return context


def _verify_as_go(context: TlsContext, settings: TlsSettings) -> None:
    # crypto/x509 takes any certificate of the pool as an anchor, wants no RFC 5280 strictness of it (cluster
    # authorities often lack a key identifier), and ignores the common name.
    context.verify_flags = (context.verify_flags & ~ssl.VERIFY_X509_STRICT) | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return
    if settings.ca_pem is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return
    try:
        context.load_verify_locations(cadata=settings.ca_pem.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise UsageError(
            "the cluster's certificate authority cannot be read: it must be one or more PEM certificates"
        ) from None


def _load_pair(context: TlsContext, certificate: bytes, key: bytes) -> None:
    with _in_memory(certificate.rstrip() + b"\n" + key) as path:
        try:
            context.load_cert_chain(path, password=_refuse_password)
        except (ssl.SSLError, ValueError, OSError):
            # OpenSSL's own words could quote the material.
            raise UsageError(
                "the client certificate and key cannot be used: they must be PEM, belong together, and the key must "
                "have no passphrase"
            ) from None


def _refuse_password() -> str:
    raise ValueError("the key is encrypted")


@contextlib.contextmanager
def _in_memory(material: bytes) -> Iterator[str]:
    """Yield a path to `material` that no disk holds; raises UsageError where the system has no such thing."""
    create = getattr(os, "memfd_create", None)
    if create is None:
        raise UsageError(
            "client certificates need memfd_create, which this system lacks: keys are never written to disk, so use a "
            "token or an exec credential plugin here"
        )
    descriptor = create("podium", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(material)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
