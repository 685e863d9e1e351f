"""Certificates judged as Go judges them, keys that touch no disk, sessions that are resumed."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from adapters.kube.wire.conftest import Run
from adapters.kube.wire.servers import (
    CLOSE,
    V4,
    Collected,
    Fixed,
    Talk,
    api_for,
    frame,
    scripted,
    server_context,
)
from podium.adapters.kube.access import Credential, Secret, TlsSettings
from podium.adapters.kube.tls import TlsContext, make_context
from podium.adapters.kube.wire_errors import ConnectFailedError, ConnectFailure
from podium.domain.errors import UsageError
from support.authorities import Authority, Pair


async def exec_once(talk: Talk) -> None:
    """One exec that says whether its TLS session was resumed, as the server sees it."""
    stream = talk.writer.get_extra_info("ssl_object")
    await talk.accept(also=frame(1, b"resumed" if stream.session_reused else b"full") + CLOSE)
    await talk.until_gone()


async def handshake(api: object, times: int) -> list[bytes]:
    heard = []
    for _ in range(times):
        seen = Collected()
        await api.upgrade("/exec", [], [V4], seen)  # type: ignore[attr-defined]
        await seen.end()
        heard.append(bytes(seen.channels[1]))
    return heard


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(run: Run, authority: Authority, server_pair: Pair, version: ssl.TLSVersion) -> None:
    async def scenario() -> None:
        context = server_context(server_pair)
        context.maximum_version = version
        async with scripted(exec_once, context) as server:
            assert await handshake(api_for(server.port, authority), 4) == [b"full", b"resumed", b"resumed", b"resumed"]

    run(scenario())


def test_a_session_ends_with_its_credential(run: Run, authority: Authority, server_pair: Pair) -> None:
    async def scenario() -> None:
        async with scripted(exec_once, server_context(server_pair)) as server:
            credentials = Fixed()
            api = api_for(server.port, authority, credentials=credentials)
            assert await handshake(api, 2) == [b"full", b"resumed"]
            credentials.now = Credential(2, ())
            assert await handshake(api, 2) == [b"full", b"resumed"]

    run(scenario())


def test_a_server_that_forgot_the_session_is_met_anew(run: Run, authority: Authority, server_pair: Pair) -> None:
    async def scenario() -> None:
        async with scripted(exec_once, server_context(server_pair)) as server:
            api = api_for(server.port, authority)
            assert await handshake(api, 2) == [b"full", b"resumed"]
            # Another server with other ticket keys, met with the old ticket.
            async with scripted(exec_once, server_context(server_pair)) as other:
                elsewhere = api_for(other.port, authority)
                elsewhere._context = api._context
                assert await handshake(elsewhere, 2) == [b"full", b"resumed"]

    run(scenario())


def test_a_client_certificate_is_shown_and_resumed(run: Run, authority: Authority, server_pair: Pair) -> None:
    async def scenario() -> None:
        pair = authority.client("alice")
        names: list[str] = []

        async def script(talk: Talk) -> None:
            (common,) = [v for rdn in talk.writer.get_extra_info("peercert")["subject"] for k, v in rdn]
            names.append(common)
            await exec_once(talk)

        async with scripted(script, server_context(server_pair, authority)) as server:
            credentials = Fixed(Credential(1, (), pair.certificate, Secret(pair.key)))
            heard = await handshake(api_for(server.port, authority, credentials=credentials), 2)
            assert heard == [b"full", b"resumed"]
            assert names == ["alice", "alice"]

    run(scenario())


def test_keys_touch_no_disk(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    load = ssl.SSLContext.load_cert_chain

    def spy(self: ssl.SSLContext, certfile: str, keyfile: str | None = None, password: object = None) -> None:
        opened.append(str(Path(certfile).readlink()))
        load(self, certfile, keyfile, password)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
    before = list(Path("/proc/self/fd").iterdir())
    pair = authority.client("alice")
    make_context(TlsSettings(authority.pem), Credential(1, (), pair.certificate, Secret(pair.key)))
    assert opened == ["/memfd:podium (deleted)"]
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)


def test_without_memory_files_a_client_certificate_is_refused(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    pair = authority.client("alice")
    with pytest.raises(UsageError, match="memfd_create"):
        make_context(TlsSettings(authority.pem), Credential(1, (), pair.certificate, Secret(pair.key)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", ["other key", "no key", "no certificate", "encrypted key"])
def test_an_unusable_pair_says_so_without_showing_it(authority: Authority, broken: str) -> None:
    pair, other = authority.client("alice"), authority.client("bob")
    locked = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGb\n-----END ENCRYPTED PRIVATE KEY-----\n"
    certificate, key = {
        "other key": (pair.certificate, other.key),
        "no key": (pair.certificate, b""),
        "no certificate": (b"", pair.key),
        "encrypted key": (pair.certificate, locked),
    }[broken]
    with pytest.raises(UsageError) as caught:
        make_context(TlsSettings(authority.pem), Credential(1, (), certificate, Secret(key)))
    assert "BEGIN" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_unreadable_authority_is_a_usage_error() -> None:
    for pem in (b"", b"no pem", b"\xff\xfe"):
        with pytest.raises(UsageError, match="certificate authority"):
            make_context(TlsSettings(pem), Credential(1))


def test_strictness_that_go_lacks_is_off(authority: Authority) -> None:
    context = make_context(TlsSettings(authority.pem), Credential(1))
    assert isinstance(context, TlsContext)
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert not context.hostname_checks_common_name


@pytest.mark.parametrize(
    ("settings", "host", "works"),
    [
        (TlsSettings(None), "127.0.0.1", False),
        (TlsSettings(None, verify=False), "127.0.0.1", True),
        (TlsSettings(b"ca"), "127.0.0.1", True),
        (TlsSettings(b"ca"), "localhost", True),
        (TlsSettings(b"ca", "kube.test"), "127.0.0.1", True),
        (TlsSettings(b"ca", "other.test"), "127.0.0.1", False),
        (TlsSettings(b"ca", "10.0.0.1"), "127.0.0.1", False),
    ],
)
def test_who_is_trusted(
    run: Run, authority: Authority, server_pair: Pair, settings: TlsSettings, host: str, works: bool
) -> None:
    async def scenario() -> None:
        sent: list[str | None] = []
        context = server_context(server_pair)
        context.sni_callback = lambda _stream, name, _context: sent.append(name)
        ca = None if settings.ca_pem is None else authority.pem
        tls = TlsSettings(ca, settings.server_name, settings.verify)
        async with scripted(exec_once, context) as server:
            api = api_for(server.port, authority, tls=tls, host=host)
            if works:
                assert await handshake(api, 1) == [b"full"]
            else:
                with pytest.raises(ConnectFailedError, match="not trusted") as caught:
                    await handshake(api, 1)
                assert caught.value.kind is ConnectFailure.TLS
        named = settings.server_name or host
        assert sent == [None if named[0].isdigit() else named]

    run(scenario())


def test_an_intermediate_may_be_the_anchor(run: Run) -> None:
    # As in crypto/x509, whatever stands in certificate-authority-data is trusted, a leaf as well.
    alone = Authority("alone").server("127.0.0.1")

    async def scenario() -> None:
        async with scripted(exec_once, server_context(alone)) as server:
            api = api_for(server.port, Authority(), tls=TlsSettings(alone.certificate))
            assert await handshake(api, 1) == [b"full"]

    run(scenario())
