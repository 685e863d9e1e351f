"""What one may do decides what happens: get, create, both, by namespace; on the rules of 1.36 and of 1.34 and older.

The realms: `sandbox` and `real-a` check `create` beside `get` (from 1.35), `sandbox-old` and `real-b` do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from podium.sandbox import Settings
from support.places import Place, eventually
from support.realms import (
    HOLLOW,
    LISTS,
    Grant,
    RealRealm,
    SandboxRealm,
    cluster_command,
    manifest,
    real_realm,
    sandbox_realm,
    sleeping,
)

pytestmark = pytest.mark.on("sandbox", "real")

Master = RealRealm | SandboxRealm
PODS = 3
REAL = [pytest.param(name, marks=pytest.mark.cluster) for name in ("real-a", "real-b")]
WHATEVER_THE_RULE = pytest.mark.parametrize("realm", ["sandbox", *REAL], indirect=True, scope="module")


@pytest.fixture(
    scope="module",
    params=["sandbox", "sandbox-old", *REAL],
)
def realm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """A cluster of which we are master, with three pods in a namespace of our own."""
    home = tmp_path_factory.mktemp("home")
    name: str = request.param
    if name.startswith("sandbox"):
        version = "v1.36.3" if name == "sandbox" else "v1.34.0"
        with sandbox_realm(home, Settings(pods=0, version=version), "own") as found:
            for number in range(PODS):
                found.call(lambda n=number: found.sandbox.world.add_pod("own", f"p{n}", containers=("main",)))
            yield found
        return
    with real_realm(name, home, manifest(*(sleeping(f"p{number}", "p") for number in range(PODS)))) as real:
        yield real


def creates_too(realm: Master) -> bool:
    """Whether this API server checks `create` as well."""
    if isinstance(realm, SandboxRealm):
        return realm.sandbox.settings.version >= "v1.35"
    return realm.place.name == "real-a"


def only(result: dict[str, Any]) -> dict[str, Any]:
    (target,) = result["targets"]
    assert isinstance(target, dict)
    return target


def lists(realm: Master) -> Grant:
    return Grant("pods", LISTS, realm.place.namespace)


def execs(realm: Master, *verbs: str) -> Grant:
    return Grant("pods/exec", verbs, realm.place.namespace)


@WHATEVER_THE_RULE
def test_pitfall_28_get_and_create_are_enough_everywhere(realm: Master) -> None:
    user = realm.account("both", lists(realm), execs(realm, "get", "create"))
    assert only(user.exec("p0", "--", "echo", "hello"))["stdout"] == "hello\n"
    assert only(user.exec("-i", "p0", "--", "cat", stdin=b"in"))["stdout"] == "in"
    assert user.kubectl("exec", "p0", "--", "echo", "hello").out == "hello\n"


def test_pitfall_28_get_alone_is_enough_up_to_1_34(realm: Master) -> None:
    user = realm.account("getter", lists(realm), execs(realm, "get"))
    ours = user.exec("p0", "--", "echo", "hello")
    theirs = user.kubectl("exec", "p0", "--", "echo", "hello")
    if not creates_too(realm):
        assert (only(ours)["outcome"], theirs.code) == ("succeeded", 0)
        return
    assert (only(ours)["outcome"], only(ours)["reason"], ours["exit_status"]) == ("rejected", "forbidden", 1)
    assert "needs `create` on pods/exec" in only(ours)["detail"]
    assert theirs.code == 1


def test_pitfall_28_create_alone_is_refused_in_the_servers_words_with_the_role(realm: Master) -> None:
    """kubectl gets through here by falling back to SPDY: docs/reference/differs-from-kubectl.md."""
    user = realm.account("creator", lists(realm), execs(realm, "create"))
    ours = user.podium("exec", "p0", "--", "echo", "hello")
    assert ours.code == 1
    name = f"system:serviceaccount:{user.namespace}:creator"
    told = f'User "{name}" cannot get resource "pods/exec" in API group "" in the namespace "{user.namespace}"'
    assert told in ours.err
    assert "podium doctor" in ours.err
    assert f"--role exec -n {user.namespace}" in ours.err
    if isinstance(realm, RealRealm):
        assert user.kubectl("exec", "p0", "--", "echo", "hello").out == "hello\n"
    assert "create without get on pods/exec: kubectl gets through by SPDY" in user.podium("doctor").out
    role = user.podium("doctor", "--role", "exec")
    assert role.code == 0, role.err
    realm.apply(role.out)
    eventually(lambda: user.podium("exec", "p0", "--", "echo", "hello").code == 0, 30)


@WHATEVER_THE_RULE
def test_pitfall_28_the_printed_role_is_all_that_exec_needs(realm: Master) -> None:
    user = realm.account("nobody")
    refused = user.podium("exec", "p0", "--", "echo", "hello")
    assert refused.code == 4, refused.err
    assert 'cannot list resource "pods"' in refused.err
    examined = user.podium("doctor", "-o", "json")
    assert examined.code == 1
    (cluster,) = examined.json["clusters"]
    assert not any(right["allowed"] for right in cluster["rights"])
    realm.apply(user.podium("doctor", "--role", "exec").out)
    eventually(lambda: user.podium("exec", "p0", "--", "echo", "hello").code == 0, 30)
    assert user.podium("doctor", "--role", "exec").out == "", "nothing is missing any more"
    again = user.exec("--all", "--", "hostname")
    assert again["counts"]["succeeded"] == PODS


@WHATEVER_THE_RULE
def test_pitfall_28_rights_in_one_namespace_of_two(realm: Master) -> None:
    other = second_namespace(realm)
    wide = (Grant("pods", LISTS, ""), Grant("namespaces", ("list",), ""))
    user = realm.account("local", *wide, execs(realm, "get", "create"))
    result = user.exec("-n", f"{user.namespace},{other}", "--all", "--", "hostname")
    ended = {(one["namespace"], one["outcome"]) for one in result["targets"]}
    assert ended == {(user.namespace, "succeeded"), (other, "rejected")}
    assert result["exit_status"] == 1
    assert f'in the namespace "{other}"' in next(
        one["detail"] for one in result["targets"] if one["namespace"] == other
    )


def second_namespace(realm: Master) -> str:
    name = f"{realm.place.namespace}-two"
    if isinstance(realm, SandboxRealm):
        realm.call(lambda: realm.sandbox.world.add_pod(name, "q0", containers=("main",)))
        return name
    where: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    realm.create(where)
    there = Place(realm.place.name, realm.place.kubeconfig, realm.place.context, name, realm.home)
    eventually(lambda: there.kubectl("get", "serviceaccount", "default").code == 0)
    assert there.kubectl("apply", "-f", "-", stdin=manifest(sleeping("q0", "q")).encode()).code == 0
    assert there.kubectl("wait", "--for=condition=Ready", "pod/q0", "--timeout=60s").code == 0
    return name


@pytest.mark.parametrize("verbs", [(), ("get",), ("create",)], ids=["none", "get", "create"])
def test_pitfall_28_a_forbidden_namespace_is_asked_once(realm: Master, verbs: tuple[str, ...]) -> None:
    if verbs == ("get",) and not creates_too(realm):
        pytest.skip("get alone is enough here")
    namespace, selection, count = crowd(realm)
    name = f"once-{'-'.join(verbs) or 'none'}"
    grants = (Grant("pods", LISTS, namespace), *([Grant("pods/exec", verbs, namespace)] if verbs else []))
    user = realm.account(name, *grants)
    result = user.exec("-n", namespace, *selection, "--", "hostname")
    outcomes = [one["outcome"] for one in result["targets"]]
    assert len(outcomes) == count
    assert outcomes.count("rejected") == 1
    assert outcomes.count("skipped") == count - 1
    agent = f"podium/{version()} run/{result['run']['id']}"
    eventually(lambda: [one for one in realm.asked(agent) if "/exec" in one.path], 20)
    asked = [one for one in realm.asked(realm.user_name(name)) if "/exec?" in one.path or one.path.endswith("/exec")]
    assert [one.status for one in asked] == [403]
    assert asked[0].agent == agent


def crowd(realm: Master) -> tuple[str, tuple[str, ...], int]:
    """A namespace with many pods in it, how to select them, and their number."""
    if isinstance(realm, SandboxRealm):
        if not realm.call(lambda: [pod for pod in realm.sandbox.pods if pod.namespace == "crowd"]):
            realm.call(lambda: realm.sandbox.world.add_pods("crowd", "web", 30))
        return "crowd", ("-l", "app=web"), 30
    if realm.place.name == "real-a":
        cluster_command("hollow", "up", *HOLLOW)
        return "hollow", ("-l", "act=exit-3"), 40
    return realm.place.namespace, ("--all",), PODS


def version() -> str:
    from podium import __version__

    return __version__


@WHATEVER_THE_RULE
def test_every_request_of_a_run_names_it(realm: Master) -> None:
    user = realm.account("named", lists(realm), execs(realm, "get", "create"))
    result = user.exec("--all", "--", "hostname")
    agent = f"podium/{version()} run/{result['run']['id']}"

    def ours() -> list[Any]:
        return [one for one in realm.asked(realm.user_name("named")) if one.agent.startswith("podium/")]

    eventually(lambda: sum("/exec" in one.path for one in ours()) == PODS, 20)
    assert {one.agent for one in ours()} == {agent}
