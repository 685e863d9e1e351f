"""Who we say we are equals who kubectl says it is: each way to authenticate, and their order of precedence."""

from __future__ import annotations

import os

import pytest

from podium.adapters.kube.kubeconfig_entries import Overrides
from podium.domain.errors import PodiumError
from support.authorities import Pair
from support.kubectl_oracle import Lab, b64


async def test_a_token(lab: Lab) -> None:
    lab.kubeconfig({"token": "s3cret"})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.all("authorization") == ["Bearer s3cret"]


async def test_a_token_file_wins_over_a_token(lab: Lab) -> None:
    lab.write("tokens/one", "from-file\n")
    lab.kubeconfig({"token": "inline", "tokenFile": "tokens/one"})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.all("authorization") == ["Bearer from-file"]


async def test_an_unreadable_token_file_leaves_the_token(lab: Lab) -> None:
    lab.kubeconfig({"token": "inline", "tokenFile": "tokens/none"})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.all("authorization") == ["Bearer inline"]


async def test_a_password(lab: Lab) -> None:
    lab.kubeconfig({"username": "bob", "password": "pä:ss"})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.all("authorization")[0].startswith("Basic ")


async def test_a_client_certificate_in_data(lab: Lab, client_pair: Pair) -> None:
    lab.kubeconfig({"client-certificate-data": b64(client_pair.certificate), "client-key-data": b64(client_pair.key)})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.client == "alice"


async def test_a_client_certificate_in_files_beside_the_kubeconfig(lab: Lab, client_pair: Pair) -> None:
    lab.write("pki/alice.crt", client_pair.certificate)
    lab.write("pki/alice.key", client_pair.key)
    lab.kubeconfig({"client-certificate": "pki/alice.crt", "client-key": "pki/alice.key"})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.client == "alice"


async def test_a_certificate_file_with_a_key_in_data(lab: Lab, client_pair: Pair) -> None:
    lab.write("alice.crt", client_pair.certificate)
    lab.kubeconfig({"client-certificate": "alice.crt", "client-key-data": b64(client_pair.key)})
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.client == "alice"


async def test_a_certificate_goes_with_a_token(lab: Lab, client_pair: Pair) -> None:
    lab.kubeconfig(
        {
            "client-certificate-data": b64(client_pair.certificate),
            "client-key-data": b64(client_pair.key),
            "token": "both",
        }
    )
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert (ours.client, ours.all("authorization")) == ("alice", ["Bearer both"])


async def test_keys_are_never_written_to_disk(lab: Lab, client_pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.kubeconfig({"client-certificate-data": b64(client_pair.certificate), "client-key-data": b64(client_pair.key)})
    lab.environ["TMPDIR"] = str(lab.folder / "tmp")
    written: list[str] = []
    real = os.open
    flags = os.O_WRONLY | os.O_RDWR

    def watch(path: str, mode: int, *rest: int, **named: int) -> int:
        if mode & flags:
            written.append(str(path))
        return real(path, mode, *rest, **named)

    monkeypatch.setattr(os, "open", watch)
    before = {path for path in lab.folder.rglob("*") if "home-" not in str(path)}
    await lab.ours()
    assert {path for path in lab.folder.rglob("*") if "home-" not in str(path)} == before
    assert written == []


async def test_nobody_is_anonymous(lab: Lab) -> None:
    lab.kubeconfig({})
    await lab.ours()
    assert lab.server.take()[0].all("authorization") == []


async def test_a_token_file_given_by_flag_wins(lab: Lab) -> None:
    lab.kubeconfig({"token": "inline"})
    path = lab.write("other", "flag")
    await lab.ours(Overrides(token_file=str(path)))
    assert lab.server.take()[0].all("authorization") == ["Bearer flag"]


@pytest.mark.parametrize(
    "user",
    [
        {"token": "t", "username": "u", "password": "p"},
        {"client-certificate-data": "Tk9QRQ=="},
        {"client-certificate": "absent.crt", "client-key": "absent.key"},
        {"tokenFile": "absent"},
        {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1"}},
        {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1"}},
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1"}},
        {"auth-provider": {"name": "gcp", "config": {}}},
        {"auth-provider": {"name": "oidc", "config": {"client-id": "x"}}},
        {"as-groups": ["g"], "token": "t"},
        {"as-uid": "1", "token": "t"},
    ],
    ids="+".join,
)
async def test_what_kubectl_refuses_we_refuse_in_one_line(lab: Lab, user: dict[str, object]) -> None:
    lab.kubeconfig(user)
    assert (await lab.kubectl()).status != 0
    assert lab.server.take() == []
    with pytest.raises(PodiumError) as refused:
        await lab.ours()
    assert lab.server.take() == []
    assert "\n" not in str(refused.value)
