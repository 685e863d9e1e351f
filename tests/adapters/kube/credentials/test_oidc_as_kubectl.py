"""The oidc auth provider: when it refreshes, what it asks the issuer and what it writes back equals kubectl."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import yaml

from podium.adapters.kube.kubeconfig import load
from podium.domain.errors import ClusterError, UsageError
from support.authorities import Authority, Pair
from support.issuer import RecordingIssuer, jwt
from support.kubectl_oracle import Lab, b64
from support.recording_server import UNAUTHORIZED, Answer, Request, recording_server

FRESH = jwt(time.time() + 3600, "fresh")
STALE = jwt(time.time() - 60, "stale")
NEW = jwt(time.time() + 7200, "new")


@pytest.fixture
async def issuer(lab: Lab, authority: Authority, server_pair: Pair) -> AsyncIterator[RecordingIssuer]:
    async with recording_server(authority, server_pair) as server:
        yield RecordingIssuer(server, NEW)


def stanza(issuer: RecordingIssuer, authority: Authority, **changes: str | None) -> dict[str, object]:
    config: dict[str, str | None] = {
        "idp-issuer-url": f"{issuer.server.url}/realm/",
        "client-id": "cli ent",
        "client-secret": "se:cret",
        "idp-certificate-authority-data": b64(authority.pem),
        "id-token": STALE,
        "refresh-token": "refresh-1",
    }
    config |= {key.replace("_", "-"): value for key, value in changes.items()}
    settings = {key: value for key, value in config.items() if value is not None}
    return {"auth-provider": {"name": "oidc", "config": settings}}


def settings_in(path: Path) -> dict[str, str]:
    config = yaml.safe_load(path.read_text())
    found = config["users"][0]["user"]["auth-provider"]["config"]
    assert isinstance(found, dict)
    return found


def asked(request: Request) -> tuple[object, ...]:
    """What an issuer can tell of a request, headers of the transport apart."""
    form = sorted(parse_qsl(request.body.decode()))
    return (request.method, request.path, request.all("authorization"), form, request.all("content-type"))


async def test_a_token_that_holds_is_used_as_it_is(lab: Lab, issuer: RecordingIssuer, authority: Authority) -> None:
    lab.kubeconfig(stanza(issuer, authority, id_token=FRESH))
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.all("authorization") == [f"Bearer {FRESH}"]
    assert issuer.server.take() == []


@pytest.mark.parametrize("rotates", [False, True])
@pytest.mark.parametrize("ways", ["header", "form"])
@pytest.mark.parametrize("secret", ["se:cret", None])
async def test_a_refresh_asks_and_writes_as_kubectl(
    lab: Lab, issuer: RecordingIssuer, authority: Authority, rotates: bool, ways: str, secret: str | None
) -> None:
    issuer.rotates = rotates
    issuer.takes_header, issuer.takes_form = ways == "header", ways == "form"
    path = lab.kubeconfig(stanza(issuer, authority, client_secret=secret))
    original = path.read_bytes()
    ran = await lab.kubectl()
    assert ran.status == 0, ran.stderr
    their_request, their_questions, their_file = lab.server.take(), issuer.server.take(), settings_in(path)

    path.write_bytes(original)
    issuer.valid = "refresh-1"
    await lab.ours()
    our_request, our_questions, our_file = lab.server.take(), issuer.server.take(), settings_in(path)

    assert [request.identity for request in our_request] == [request.identity for request in their_request]
    assert [asked(request) for request in our_questions] == [asked(request) for request in their_questions]
    assert our_file == their_file
    assert our_file["id-token"] == NEW
    assert our_file["refresh-token"] == ("refresh-1+" if rotates else "refresh-1")


async def test_a_missing_id_token_is_fetched(lab: Lab, issuer: RecordingIssuer, authority: Authority) -> None:
    path = lab.kubeconfig(stanza(issuer, authority, id_token=None))
    await lab.ours()
    assert lab.server.take()[0].all("authorization") == [f"Bearer {NEW}"]
    assert settings_in(path)["id-token"] == NEW


async def test_the_issuers_authority_from_a_file_and_a_redirect(
    lab: Lab, issuer: RecordingIssuer, authority: Authority
) -> None:
    issuer.moved = True
    file = lab.write("idp.crt", authority.pem)
    user = stanza(issuer, authority, idp_certificate_authority_data=None, idp_certificate_authority=str(file))
    path = lab.kubeconfig(user)
    original = path.read_bytes()
    assert (await lab.kubectl()).status == 0
    theirs = [asked(request) for request in issuer.server.take()]
    path.write_bytes(original)
    await lab.ours()
    assert [asked(request) for request in issuer.server.take()] == theirs


async def test_an_issuer_under_another_authority_is_not_trusted(
    lab: Lab, issuer: RecordingIssuer, authority: Authority
) -> None:
    other = b64(Authority("other").pem)
    lab.kubeconfig(stanza(issuer, authority, idp_certificate_authority_data=other))
    assert (await lab.kubectl()).status != 0
    with pytest.raises(ClusterError, match="OIDC issuer https"):
        await lab.ours()
    assert issuer.server.take() == []


async def test_a_token_wins_over_the_provider(lab: Lab, issuer: RecordingIssuer, authority: Authority) -> None:
    lab.kubeconfig({**stanza(issuer, authority), "token": "plain"})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.all("authorization") == ["Bearer plain"]


async def test_a_certificate_goes_with_the_provider(
    lab: Lab, issuer: RecordingIssuer, authority: Authority, client_pair: Pair
) -> None:
    given = {"client-certificate-data": b64(client_pair.certificate), "client-key-data": b64(client_pair.key)}
    lab.kubeconfig({**stanza(issuer, authority, id_token=FRESH), **given})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert (ours.client, ours.all("authorization")) == ("alice", [f"Bearer {FRESH}"])


async def test_the_provider_with_a_plugin_is_refused(lab: Lab, issuer: RecordingIssuer, authority: Authority) -> None:
    plugin = {"command": "x", "apiVersion": "client.authentication.k8s.io/v1beta1"}
    lab.kubeconfig({**stanza(issuer, authority), "exec": plugin})
    assert (await lab.kubectl()).status != 0
    with pytest.raises(UsageError, match="keep one"):
        await lab.ours()


@pytest.mark.parametrize(
    "changes",
    [
        {"refresh_token": None},
        {"refresh_token": "spent"},
        {"id_token": "no.jwt"},
        {"client_id": None},
        {"idp_issuer_url": None},
    ],
    ids=str,
)
async def test_what_cannot_be_refreshed_is_one_line_without_secrets(
    lab: Lab,
    issuer: RecordingIssuer,
    authority: Authority,
    changes: dict[str, str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("podium.adapters.kube.oidc._ADOPT_TRIES", 2)
    lab.kubeconfig(stanza(issuer, authority, **changes))
    assert (await lab.kubectl()).status != 0
    with pytest.raises((ClusterError, UsageError), match='user "u"') as refused:
        await lab.ours()
    text = str(refused.value)
    assert "\n" not in text
    assert not any(secret in text for secret in ("spent", "refresh-1", "se:cret", STALE))
    assert lab.server.take() == []


async def test_all_else_in_the_file_stays_to_the_letter(
    lab: Lab, issuer: RecordingIssuer, authority: Authority
) -> None:
    text = f"""# mine, do not touch
apiVersion: v1
kind: Config
current-context: here   # the usual one
clusters:
- {{name: c, cluster: {{server: "{lab.server.url}", certificate-authority-data: {b64(authority.pem)}}}}}
contexts:
- context: {{cluster: c, user: ü}}
  name: here
users:
- name: ü
  user:
    auth-provider:
      name: oidc
      config:
        idp-issuer-url: {issuer.server.url}/realm
        client-id: c   # ours
        idp-certificate-authority-data: {b64(authority.pem)}
        refresh-token: |-
          refresh-1
        id-token: '{STALE}'
        extra: 0123
preferences: {{}}
"""
    issuer.rotates = True
    path = lab.write("kubeconfig", text)
    link = lab.folder / "link"
    link.symlink_to(path)
    lab.environ["KUBECONFIG"] = str(link)
    await lab.ours()
    expected = text.replace(f"'{STALE}'", f'"{NEW}"').replace("|-\n          refresh-1\n", '"refresh-1+"\n')
    assert path.read_text() == expected
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert link.is_symlink()
    assert sorted(entry.name for entry in lab.folder.iterdir() if not entry.name.startswith("home-")) == [
        "kubeconfig",
        "link",
    ]


async def test_it_is_written_to_the_file_it_came_from(lab: Lab, issuer: RecordingIssuer, authority: Authority) -> None:
    second = lab.kubeconfig(stanza(issuer, authority))
    first = lab.write("first", json.dumps({"current-context": "here", "users": [{"name": "other", "user": {}}]}))
    lab.environ["KUBECONFIG"] = f"{first}:{second}"
    before = first.read_bytes()
    await lab.ours()
    assert settings_in(second)["id-token"] == NEW
    assert first.read_bytes() == before


async def test_the_lock_of_another_program_is_waited_for(
    lab: Lab, issuer: RecordingIssuer, authority: Authority
) -> None:
    path = lab.kubeconfig(stanza(issuer, authority))
    lock = Path(f"{path}.lock")
    lock.touch()
    # kubectl gives up at once where the lock is taken.
    assert (await lab.kubectl()).status != 0
    assert issuer.server.take() != []
    assert settings_in(path)["id-token"] == STALE
    asking = asyncio.create_task(lab.ours())
    async with asyncio.timeout(10):
        while len(issuer.server.requests) < 2:
            await asyncio.sleep(0.01)
    assert settings_in(path)["id-token"] == STALE
    lock.unlink()
    assert (await asking).status == 200
    assert settings_in(path)["id-token"] == NEW
    assert not lock.exists()


async def test_where_it_cannot_be_written_the_run_goes_on_with_a_warning(
    lab: Lab, issuer: RecordingIssuer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.adapters.kube.write_back._LOCK_WAITS", 0.0)
    path = lab.kubeconfig(stanza(issuer, authority))
    Path(f"{path}.lock").touch()
    warned: list[str] = []
    config = load(None, replace(lab.surroundings(), warn=warned.append))
    credential = await config.resolve("here").credentials.current()
    assert credential.headers[0][1].reveal() == f"Bearer {NEW}"
    assert len(warned) == 1
    assert f"{path}.lock exists" in warned[0]
    assert NEW not in warned[0]


async def test_what_another_program_refreshed_is_taken_over(
    lab: Lab, issuer: RecordingIssuer, authority: Authority
) -> None:
    path = lab.kubeconfig(stanza(issuer, authority))
    config = load(None, lab.surroundings())
    path.write_text(path.read_text().replace(STALE, FRESH))
    credential = await config.resolve("here").credentials.current()
    assert credential.headers[0][1].reveal() == f"Bearer {FRESH}"
    assert issuer.server.take() == []


async def test_who_comes_second_with_a_rotating_refresh_token_takes_over_the_tokens_of_the_first(
    lab: Lab, issuer: RecordingIssuer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.adapters.kube.oidc._ADOPT_TRIES", 100)
    issuer.rotates = True
    path = lab.kubeconfig(stanza(issuer, authority))
    # Held, so that the first cannot write before the second is refused.
    lock = Path(f"{path}.lock")
    lock.touch()
    asking = [
        asyncio.create_task(load(None, lab.surroundings()).resolve("here").credentials.current()) for _ in range(2)
    ]
    async with asyncio.timeout(10):
        while len(issuer.grants) < 3:
            await asyncio.sleep(0.01)
    lock.unlink()
    found = await asyncio.gather(*asking)
    assert [credential.headers[0][1].reveal() for credential in found] == [f"Bearer {NEW}"] * 2
    assert settings_in(path)["refresh-token"] == "refresh-1+"


async def test_many_at_once_refresh_once(lab: Lab, issuer: RecordingIssuer, authority: Authority) -> None:
    issuer.rotates = True
    lab.kubeconfig(stanza(issuer, authority))
    credentials = load(None, lab.surroundings()).resolve("here").credentials
    found = await asyncio.gather(*(credentials.current() for _ in range(20)))
    assert len({id(credential) for credential in found}) == 1
    assert len(issuer.grants) == 1


async def test_a_401_refreshes_and_asks_once_more(lab: Lab, issuer: RecordingIssuer, authority: Authority) -> None:
    lab.kubeconfig(stanza(issuer, authority, id_token=FRESH))
    lab.server.answer = lambda request: (
        Answer() if request.all("authorization") == [f"Bearer {NEW}"] else Answer(401, UNAUTHORIZED)
    )
    assert (await lab.ours()).status == 200
    assert [request.all("authorization") for request in lab.server.take()] == [[f"Bearer {FRESH}"], [f"Bearer {NEW}"]]
