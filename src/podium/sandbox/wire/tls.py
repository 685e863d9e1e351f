"""Make the sandbox's certificates: one authority, one server, client certificates; keys live in memory."""

import datetime
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = datetime.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        """Keep the key out of logs."""
        return "KeyPair(...)"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority that signs for the sandbox alone."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """Return the authority's certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign_server(self, addresses: tuple[str, ...]) -> KeyPair:
        """Return a server certificate for localhost, the service names and these IP addresses."""
        names: list[x509.GeneralName] = [
            x509.DNSName(name) for name in ("localhost", "kubernetes", "kubernetes.default.svc")
        ]
        names.extend(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)
        return self._sign(
            _name("kube-apiserver", ()), ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(names)
        )

    def sign_client(self, common_name: str, organisations: tuple[str, ...]) -> KeyPair:
        """Return a client certificate for a user and the user's groups."""
        return self._sign(_name(common_name, organisations), ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def _sign(
        self, subject: x509.Name, usage: x509.ObjectIdentifier, names: x509.SubjectAlternativeName | None
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, self.certificate.subject, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        return KeyPair(
            signed.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )


def make_authority() -> Authority:
    """Make a fresh authority (ECDSA P-256, a week of life)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("podium-sandbox-ca", ())
    builder = _builder(subject, subject, key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def _name(common_name: str, organisations: tuple[str, ...]) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organisations]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
    builder = builder.serial_number(x509.random_serial_number())
    # an hour back: clients with a slow clock are not what the sandbox wants to show
    return builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + LIFE)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give a path to read the bytes from: the ssl module loads keys from files only. In memory where that is possible.

    Raises OSError.
    """
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("podium-sandbox")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{handle}"
        return
    handle, name = tempfile.mkstemp(prefix="podium-sandbox-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        yield name
    finally:
        Path(name).unlink()


def server_context(authority: Authority, addresses: tuple[str, ...]) -> ssl.SSLContext:
    """Return the server's TLS context; client certificates are asked for, and taken from this authority only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    pair = authority.sign_server(addresses)
    with _as_file(pair.certificate + pair.key) as name:
        context.load_cert_chain(name)
    context.load_verify_locations(cadata=authority.pem.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
