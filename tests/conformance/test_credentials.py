"""Who we are to a cluster: certificates, tokens that are refused under way, plugins, and acting as somebody else."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.session import CloseReceived, End
from podium.adapters.kube.surroundings import Surroundings
from podium.sandbox import Settings
from podium.sandbox.settings import Rule, User
from support.places import Place, eventually
from support.realms import (
    LISTS,
    RIG,
    Grant,
    RealRealm,
    SandboxRealm,
    manifest,
    real_realm,
    sandbox_realm,
    seen,
    sleeping,
)

pytestmark = pytest.mark.on("sandbox", "real")
Master = RealRealm | SandboxRealm
PODS = 3


@pytest.fixture(
    scope="module",
    params=["sandbox", *(pytest.param(name, marks=pytest.mark.cluster) for name in ("real-a", "real-b"))],
)
def realm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """A cluster of which we are master, with three pods in a namespace of our own."""
    home = tmp_path_factory.mktemp("home")
    if request.param == "sandbox":
        with sandbox_realm(home, Settings(pods=0), "own") as made:
            for number in range(PODS):
                made.call(lambda n=number: made.sandbox.world.add_pod("own", f"p{n}", containers=("main",)))
            yield made
        return
    with real_realm(request.param, home, manifest(*(sleeping(f"p{number}", "p") for number in range(PODS)))) as real:
        yield real


@pytest.fixture(scope="module")
def user(realm: Master) -> Place:
    """A service account that may exec."""
    return realm.account("runner", *rights(realm))


def rights(realm: Master) -> tuple[Grant, Grant]:
    own = realm.place.namespace
    return Grant("pods", LISTS, own), Grant("pods/exec", ("get", "create"), own)


def cluster_of(place: Place) -> dict[str, Any]:
    config = yaml.safe_load(place.kubeconfig.read_text())
    stanza = next(one["cluster"] for one in config["clusters"] if one["name"] == place.context)
    assert isinstance(stanza, dict)
    return stanza


def token_of(place: Place) -> str:
    return str(yaml.safe_load(place.kubeconfig.read_text())["users"][0]["user"]["token"])


def as_user(realm: Master, folder: Path, name: str, stanza: dict[str, Any]) -> Place:
    return seen(realm.place, folder, (name, stanza), cluster_of(realm.place), "")


def test_a_client_certificate_in_files(realm: Master, tmp_path: Path) -> None:
    if isinstance(realm, SandboxRealm):
        pair = realm.sandbox.client_certificate("carol", ("system:masters",))
        certificate, key, name = pair.certificate, pair.key, "carol"
    else:
        folder = RIG / "pki" / realm.place.name.removeprefix("real-")
        certificate, key = (folder / "admin.crt").read_bytes(), (folder / "admin.key").read_bytes()
        name = "podium-rig-admin"
    (tmp_path / "own.crt").write_bytes(certificate)
    (tmp_path / "own.key").write_bytes(key)
    place = as_user(realm, tmp_path, "own", {"client-certificate": "own.crt", "client-key": "own.key"})
    result = place.exec("--all", "--", "hostname")
    assert result["counts"]["succeeded"] == PODS
    assert (
        result["run"]["who"]
        == name
        == place.kubectl("auth", "whoami", "-o", "json").json["status"]["userInfo"]["username"]
    )


def test_a_token_nobody_knows_is_exit_4(realm: Master, tmp_path: Path) -> None:
    place = as_user(realm, tmp_path, "stranger", {"token": "never-made"})
    ours = place.podium("exec", "--all", "--", "hostname")
    assert place.kubectl("get", "pods").code == 1
    assert ours.code == 4
    assert "does not accept these credentials (401" in ours.err
    assert "never-made" not in ours.err


class Whole:
    """Keeps what a session brings."""

    def __init__(self) -> None:
        self.stdout = b""
        self.end: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    def received(self, channel: int, data: memoryview) -> None:
        """Keep stdout."""
        if channel == 1:
            self.stdout += data

    def ended(self, end: End) -> None:
        """Keep the end."""
        self.end.set_result(end)


async def test_a_token_file_is_read_again_once_the_old_token_is_refused(
    realm: Master, user: Place, tmp_path: Path
) -> None:
    """The list goes with the old token, the exec meets its refusal: 401, read again, and the same request once more."""
    old, new = await asyncio.to_thread(two_tokens, realm, user)
    file = tmp_path / "token"
    file.write_text(old)
    place = as_user(realm, tmp_path, "rotating", {"tokenFile": "token"})
    access = load(str(place.kubeconfig), Surroundings({})).resolve(place.context)
    agent = f"podium/rotation-{place.namespace}"
    api = Api(access, user_agent=agent, wire=Wire(environ={}))
    pods = f"/api/v1/namespaces/{place.namespace}/pods"
    try:
        assert (await api.get(pods)).status == 200
        await asyncio.to_thread(revoke, realm, tmp_path, old)
        file.write_text(new)
        whole = Whole()
        query = [("container", "main"), ("stdout", "true"), ("command", "echo"), ("command", "hello")]
        async with asyncio.timeout(30):
            session = await api.upgrade(f"{pods}/p0/exec", query, ("v4.channel.k8s.io",), whole)
            assert isinstance(await whole.end, CloseReceived)
        session.abort()
        assert whole.stdout == b"hello\n"
    finally:
        await api.close()
    await asyncio.to_thread(
        eventually, lambda: [one.status for one in realm.asked(agent) if "/exec" in one.path] == [401, 101], 20
    )


def two_tokens(realm: Master, user: Place) -> tuple[str, str]:
    """Two tokens of one account, of which the first can be taken back."""
    if isinstance(realm, SandboxRealm):
        old = User(realm.user_name("runner"), "token-old", realm.rules[realm.user_name("runner")])
        realm.call(lambda: realm.sandbox.api.authority.add(old))
        return "token-old", token_of(user)
    assert realm.place.kubectl("create", "secret", "generic", "bound").code == 0
    flags = ("--duration=10m", "--bound-object-kind=Secret", "--bound-object-name=bound")
    return realm.token("runner", *flags), realm.token("runner", "--duration=10m")


def revoke(realm: Master, folder: Path, token: str) -> None:
    """Take a token back, and wait until the API server refuses it: it remembers good ones for ten seconds."""
    if isinstance(realm, SandboxRealm):
        realm.call(lambda: realm.sandbox.api.authority.revoke(token))
        return
    assert realm.place.kubectl("delete", "secret", "bound").code == 0
    before = as_user(realm, folder, "before", {"token": token})
    eventually(
        lambda: "Unauthorized" in before.kubectl("get", "pods").err + before.kubectl("auth", "whoami").err, 60, 1.0
    )


PLUGIN = """
import json, os, sys
folder = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, "runs"), "a") as file:
    file.write("run\\n")
with open(os.path.join(folder, "runs")) as file:
    number = len(file.readlines())
with open(os.path.join(folder, "tokens")) as file:
    tokens = file.read().split()
status = {"token": tokens[min(number, len(tokens)) - 1]}
status.update(json.loads(os.environ["MORE"]))
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
"""


@dataclass(frozen=True)
class Plugin:
    """A credential plugin that hands out the given tokens in turn, and the place seen through it."""

    place: Place
    folder: Path

    @property
    def runs(self) -> int:
        """How often it ran since last asked."""
        file = self.folder / "runs"
        count = len(file.read_text().splitlines()) if file.exists() else 0
        file.unlink(missing_ok=True)
        return count


def plugin(realm: Master, folder: Path, *tokens: str, mode: str = "Never", **more: object) -> Plugin:
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "tokens").write_text("\n".join(tokens))
    stanza = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(folder / "plugin.py")],
        "env": [{"name": "MORE", "value": json.dumps(more)}],
        "interactiveMode": mode,
    }
    return Plugin(as_user(realm, folder, "plugged", {"exec": stanza}), folder)


def test_a_plugin_runs_once_for_a_run(realm: Master, user: Place, tmp_path: Path) -> None:
    made = plugin(realm, tmp_path, token_of(user), expirationTimestamp="2099-01-01T00:00:00Z")
    result = made.place.exec("--all", "--", "hostname")
    assert result["counts"]["succeeded"] == PODS
    assert result["run"]["who"] == realm.user_name("runner")
    assert made.runs == 1


def test_a_plugins_token_that_is_refused_is_asked_for_again_once(realm: Master, user: Place, tmp_path: Path) -> None:
    good = plugin(realm, tmp_path, "refused", token_of(user))
    assert good.place.exec("--all", "--", "hostname")["counts"]["succeeded"] == PODS
    assert good.runs == 2
    bad = plugin(realm, tmp_path, "refused", "refused-too")
    assert bad.place.podium("exec", "--all", "--", "hostname").code == 4
    assert bad.runs == 2, "one renewal, whoever asks"


def test_an_expired_credential_of_a_plugin_does_not_run_it_for_each_pod(
    realm: Master, user: Place, tmp_path: Path
) -> None:
    made = plugin(realm, tmp_path, token_of(user), expirationTimestamp="2020-01-01T00:00:00Z")
    assert made.place.exec("--all", "--", "hostname")["counts"]["succeeded"] == PODS
    assert made.runs <= 2


def test_a_plugin_that_must_ask_is_refused_without_a_terminal(realm: Master, user: Place, tmp_path: Path) -> None:
    must = plugin(realm, tmp_path, token_of(user), mode="Always")
    assert must.place.kubectl("get", "pods").code == 1
    ours = must.place.podium("exec", "--all", "--", "hostname")
    assert ours.code in (2, 4)
    assert "must ask on stdin" in ours.err
    assert must.runs == 0
    may = plugin(realm, tmp_path, token_of(user), mode="IfAvailable")
    assert may.place.exec("--all", "--", "hostname")["counts"]["succeeded"] == PODS


def test_acting_as_somebody_else_leaves_our_own_rights_at_home(realm: Master) -> None:
    """We are master here, the other one may only list: other clients run this with the caller's full rights."""
    lister = realm.account("lister", rights(realm)[0])
    name = realm.user_name("lister")
    result = realm.place.exec("--as", name, "p0", "--", "touch", "/tmp/by-mistake")
    (target,) = result["targets"]
    assert (target["outcome"], target["reason"]) == ("rejected", "forbidden")
    assert f'User "{name}" cannot get resource "pods/exec"' in target["detail"]
    assert result["run"]["who"] == name
    assert realm.place.exec("p0", "--", "ls", "/tmp/by-mistake")["targets"][0]["exit_code"] != 0
    assert lister.kubectl("exec", "p0", "--", "touch", "/tmp/by-mistake").code == 1
    runner = realm.account("other", *rights(realm))
    assert realm.place.exec("--as", realm.user_name("other"), "p0", "--", "hostname")["counts"]["succeeded"] == 1
    assert runner.kubectl("exec", "p0", "--", "hostname").code == 0
    if isinstance(realm, RealRealm):
        agent = f"run/{result['run']['id']}"
        eventually(lambda: any("/exec" in one.path for one in realm.asked(agent)), 20)
        assert {(one.user, one.acting) for one in realm.asked(agent)} == {(name, "podium-rig-admin")}


def test_a_groups_rights_are_had_by_acting_in_it(realm: Master) -> None:
    group = f"ops-{realm.place.namespace}"
    grant_group(realm, group)
    alone = realm.place.podium("exec", "--as", "dora", "p0", "--", "hostname")
    assert alone.code == 4
    assert 'User "dora" cannot list resource "pods"' in alone.err
    eventually(
        lambda: realm.place.podium("exec", "--as", "dora", "--as-group", group, "p0", "--", "hostname").code == 0, 20
    )


def grant_group(realm: Master, group: str) -> None:
    if isinstance(realm, SandboxRealm):
        rules = (Rule(LISTS, ("pods",)), Rule(("get", "create"), ("pods/exec",)))
        realm.call(lambda: realm.sandbox.api.authority.set_rules(group, rules))
        return
    own, version = realm.place.namespace, "rbac.authorization.k8s.io/v1"
    meta = {"name": "ops", "namespace": own}
    rules_of = [
        {"apiGroups": [""], "resources": [grant.resource], "verbs": list(grant.verbs)} for grant in rights(realm)
    ]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ops"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}
    realm.create(
        {"apiVersion": version, "kind": "Role", "metadata": meta, "rules": rules_of},
        {"apiVersion": version, "kind": "RoleBinding", "metadata": meta, "roleRef": reference, "subjects": [subject]},
    )


def test_who_may_not_act_as_others_does_nothing_as_himself(realm: Master, user: Place) -> None:
    refused = user.podium("exec", "--as", "dora", "p0", "--", "touch", "/tmp/as-myself")
    assert refused.code == 4
    assert re.search(r"cannot impersonate\S* resource", refused.err), refused.err
    assert user.kubectl("exec", "p0", "--as", "dora", "--", "touch", "/tmp/as-myself").code == 1
    assert user.exec("p0", "--", "ls", "/tmp/as-myself")["targets"][0]["exit_code"] != 0


def test_a_certificate_that_is_no_longer_trusted_is_told_before_anything_is_sent(
    realm: Master, user: Place, tmp_path: Path
) -> None:
    from support.authorities import Authority

    other = base64.b64encode(Authority("other").pem).decode()
    cluster = {**cluster_of(user), "certificate-authority-data": other}
    place = seen(realm.place, tmp_path, ("wary", {"token": token_of(user)}), cluster, "")
    done = place.podium("exec", "--all", "--", "hostname")
    assert done.code == 4
    assert "certificate" in done.err
    assert place.kubectl("get", "pods").code == 1
