"""The rights a feature needs, and the Role that gives them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from podium.domain.errors import UsageError
from podium.domain.rights import Feature, Right, Scope, parse_features, protocols_expected, rights_for, role_for


def documents(text: str) -> list[Any]:
    return list(yaml.safe_load_all(text))


@pytest.mark.on(why="pure text; tests/cluster/test_inventory.py applies the Role to a real cluster")
def test_pitfall_28_exec_asks_for_get_and_for_create() -> None:
    asked = {(right.verb, right.resource) for right in rights_for([Feature.EXEC])}
    assert asked == {
        ("list", "pods"),
        ("get", "pods"),
        ("watch", "pods"),
        ("get", "pods/exec"),
        ("create", "pods/exec"),
    }
    assert ("get", "pods/log") in {(right.verb, right.resource) for right in rights_for([Feature.LOGS])}


def test_everywhere_asks_the_cluster_too() -> None:
    wide = [right for right in rights_for([Feature.EXEC], everywhere=True) if right.scope is Scope.CLUSTER]
    assert {(right.verb, right.resource) for right in wide} == {("list", "nodes"), ("list", "namespaces")}


def test_the_role_holds_what_is_missing_and_binds_the_user() -> None:
    role, binding = documents(role_for(rights_for([Feature.EXEC]), "pay", "alice@example.com"))
    assert role["kind"] == "Role"
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "pay"
    assert {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]} in role["rules"]
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": role["metadata"]["name"],
    }
    assert binding["subjects"] == [
        {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "alice@example.com"}
    ]


def test_a_service_account_is_its_own_kind_of_subject() -> None:
    binding = documents(role_for(rights_for([Feature.LOGS]), "pay", "system:serviceaccount:ci:bot"))[1]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "namespace": "ci", "name": "bot"}]


def test_without_a_namespace_or_for_nodes_it_is_a_cluster_role() -> None:
    kinds = [one["kind"] for one in documents(role_for(rights_for([Feature.EXEC], everywhere=True), "pay", "a"))]
    assert kinds == ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]
    kinds = [one["kind"] for one in documents(role_for(rights_for([Feature.EXEC]), "", "a"))]
    assert kinds == ["ClusterRole", "ClusterRoleBinding"]


@pytest.mark.parametrize("user", ["arn:aws:iam::1:user/x", "a: b # c", '"', "- x", "ünï", "100%"])
def test_every_user_name_reads_back_and_names_a_role(user: str) -> None:
    role, binding = documents(role_for(rights_for([Feature.EXEC]), "pay", user))
    assert binding["subjects"][0]["name"] == user
    assert not set("/%") & set(role["metadata"]["name"])


def test_one_role_never_takes_back_what_another_gave() -> None:
    def name(rights: tuple[Right, ...], user: str) -> str:
        return str(documents(role_for(rights, "pay", user))[0]["metadata"]["name"])

    exec_rights, log_rights = rights_for([Feature.EXEC]), rights_for([Feature.LOGS])
    assert len({name(exec_rights, "a"), name(log_rights, "a"), name(exec_rights, "b")}) == 3
    assert name(exec_rights, "a") == name(tuple(reversed(exec_rights)), "a")


def test_nothing_missing_is_no_role() -> None:
    assert role_for((), "pay", "alice") == ""


def test_features_by_name() -> None:
    assert parse_features("exec, logs,exec") == (Feature.EXEC, Feature.LOGS)
    for wrong in ("", "exec,shel", ","):
        with pytest.raises(UsageError, match="targets, exec, logs"):
            parse_features(wrong)


@pytest.mark.parametrize(
    ("version", "stdin"), [("v1.29.4", "v4"), ("v1.30.0", "v5"), ("v1.36.3+k3s1", "v5"), ("odd", "v5"), ("v2.0", "v5")]
)
def test_protocols_by_version(version: str, stdin: str) -> None:
    found = protocols_expected(version)
    assert (found.plain, found.with_stdin) == ("v4", stdin)
