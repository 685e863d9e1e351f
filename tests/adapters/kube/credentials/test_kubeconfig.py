"""Which files count, how they merge, which context is meant, and what is said when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from podium.adapters.kube.kubeconfig import Config, load
from podium.adapters.kube.kubeconfig_entries import Overrides
from podium.adapters.kube.surroundings import Surroundings
from podium.domain.errors import PodiumError, UsageError
from support.kubectl_oracle import Lab


def config_of(*contexts: str, current: str = "", token: str = "t") -> str:
    """A kubeconfig whose contexts each have a cluster and a user of the same name."""
    return json.dumps(
        {
            "current-context": current,
            "clusters": [{"name": n, "cluster": {"server": f"https://{i}.test"}} for i, n in enumerate(contexts)],
            "users": [{"name": n, "user": {"token": f"{token}-{n}"}} for n in contexts],
            "contexts": [{"name": n, "context": {"cluster": n, "user": n, "namespace": f"ns-{n}"}} for n in contexts],
        }
    )


def write(folder: Path, **files: str) -> dict[str, Path]:
    paths = {name: folder / name for name in files}
    for name, content in files.items():
        paths[name].write_text(content)
    return paths


def loaded(folder: Path, text: str) -> Config:
    path = folder / "config"
    path.write_text(text)
    return load(str(path), Surroundings({}))


async def test_first_wins_in_a_list_of_files(lab: Lab) -> None:
    elsewhere = {"server": "https://127.0.0.1:1"}
    parts = {
        "one": {"users": [{"name": "u", "user": {"token": "one"}}]},
        "two": {
            "current-context": "two",
            "clusters": [{"name": "c", "cluster": lab.cluster()}],
            "users": [{"name": "u", "user": {"token": "two", "as": "never"}}],
            "contexts": [{"name": "two", "context": {"cluster": "c", "user": "u"}}],
        },
        "three": {
            "current-context": "three",
            "clusters": [{"name": "c", "cluster": elsewhere}],
            "users": [{"name": "u3", "user": {"token": "three"}}],
            "contexts": [{"name": "three", "context": {"cluster": "c", "user": "u3"}}],
        },
    }
    paths = [str(lab.write(name, json.dumps(part))) for name, part in parts.items()]
    lab.environ["KUBECONFIG"] = ":".join([str(lab.folder / "absent"), "", paths[0], *paths, str(lab.folder / "gone")])
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.all("authorization") == ["Bearer one"]


async def test_relative_paths_hold_against_the_folder_of_their_own_file(lab: Lab) -> None:
    lab.write("a/ca.crt", lab.authority.pem)
    lab.write("b/token", "from-b")
    cluster = lab.cluster(certificate_authority="ca.crt", certificate_authority_data=None)
    a = lab.write("a/config", json.dumps({"clusters": [{"name": "c", "cluster": cluster}]}))
    rest = {
        "current-context": "x",
        "users": [{"name": "u", "user": {"tokenFile": "./token"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    b = lab.write("b/config", json.dumps(rest))
    lab.environ["KUBECONFIG"] = f"{a}:{b}"
    theirs, ours = await lab.both()
    assert ours.identity == theirs.identity
    assert ours.all("authorization") == ["Bearer from-b"]


async def test_flags_for_cluster_and_user(lab: Lab) -> None:
    path = lab.kubeconfig({"token": "t"}, {"server": "https://127.0.0.1:1"})
    config = json.loads(path.read_text())
    config["clusters"].append({"name": "c2", "cluster": lab.cluster()})
    config["users"].append({"name": "u2", "user": {"token": "t2"}})
    path.write_text(json.dumps(config))
    theirs, ours = await lab.both("--cluster=c2", "--user=u2", overrides=Overrides(cluster="c2", user="u2"))
    assert ours.identity == theirs.identity
    assert ours.all("authorization") == ["Bearer t2"]


@pytest.mark.parametrize("flag", ["cluster", "user", "context"])
async def test_a_flag_that_names_nothing_is_refused(lab: Lab, flag: str) -> None:
    lab.kubeconfig({"token": "t"})
    assert (await lab.kubectl(f"--{flag}=absent")).status != 0
    config = load(None, lab.surroundings())
    with pytest.raises(UsageError, match=f'no {flag} "absent"; '):
        if flag == "context":
            config.select(["absent"])
        else:
            config.resolve("here", Overrides(cluster="absent") if flag == "cluster" else Overrides(user="absent"))
    assert lab.server.take() == []


def test_the_home_folder_is_looked_at_last(tmp_path: Path) -> None:
    home = tmp_path / ".kube" / "config"
    home.parent.mkdir()
    home.write_text(config_of("at-home", current="at-home"))
    other = write(tmp_path, other=config_of("other", current="other"))["other"]
    environ = {"HOME": str(tmp_path)}
    assert load(None, Surroundings(environ)).current == "at-home"
    assert load(None, Surroundings({**environ, "KUBECONFIG": str(other)})).current == "other"
    assert load(str(home), Surroundings({**environ, "KUBECONFIG": str(other)})).current == "at-home"


def test_no_home_and_no_kubeconfig_is_one_clear_line() -> None:
    config = load(None, Surroundings({}))
    assert config.contexts() == ()
    with pytest.raises(UsageError, match="no kubeconfig: neither KUBECONFIG nor HOME is set"):
        config.select()


def test_files_that_are_all_missing_are_named(tmp_path: Path) -> None:
    config = load(None, Surroundings({"KUBECONFIG": f"{tmp_path}/a:{tmp_path}/b"}))
    with pytest.raises(UsageError, match=f"{tmp_path}/a, {tmp_path}/b"):
        config.select()


def test_a_file_named_by_flag_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such kubeconfig: .*/absent"):
        load(str(tmp_path / "absent"), Surroundings({}))


def test_contexts_by_name_and_by_glob(tmp_path: Path) -> None:
    arn = "arn:aws:eks:eu-west-1:1:cluster/prod"
    config = loaded(tmp_path, config_of("prod-eu", arn, "dev", "prod-us", "odd[1]", current="dev"))
    assert config.select() == ("dev",)
    assert config.select(["prod-*"]) == ("prod-eu", "prod-us")
    assert config.select(["*prod"]) == (arn,)
    assert config.select(["dev", "*e*"]) == ("dev", "prod-eu", arn)
    assert config.select(["odd[1]"]) == ("odd[1]",)
    assert config.resolve(arn).namespace == f"ns-{arn}"
    assert config.resolve("dev", Overrides(namespace="other")).namespace == "other"


def test_an_unknown_context_names_near_misses(tmp_path: Path) -> None:
    config = loaded(tmp_path, config_of("production-eu", "staging"))
    with pytest.raises(UsageError, match='no context "prodction-eu"; did you mean "production-eu"'):
        config.select(["prodction-eu"])
    with pytest.raises(UsageError, match='did you mean "production-eu"'):
        config.select(["eu"])
    with pytest.raises(UsageError, match='no context "qqq"; there are: production-eu, staging'):
        config.select(["qqq"])
    with pytest.raises(UsageError, match="no current context; choose one with --context: production-eu, staging"):
        config.select()


def test_a_current_context_that_is_gone(tmp_path: Path) -> None:
    config = loaded(tmp_path, config_of("a", current="gone"))
    with pytest.raises(UsageError, match='no current context "gone"'):
        config.select()


def test_a_server_by_flag_needs_no_kubeconfig() -> None:
    config = load(None, Surroundings({}))
    flags = Overrides(server="https://h.test:6443/")
    access = config.resolve(config.select((), flags)[0], flags)
    assert (access.server, access.context, access.namespace) == ("https://h.test:6443", "", "default")


def test_names_that_yaml_takes_for_something_else(tmp_path: Path) -> None:
    text = """
current-context: 0123
clusters: [{name: 2026-01-01, cluster: {server: "https://h"}}]
users: [{name: 1e3, user: {token: 0777, as: null}}]
contexts: [{name: 0123, context: {cluster: 2026-01-01, user: 1e3, namespace: ~}}]
"""
    config = loaded(tmp_path, text)
    access = config.resolve(config.select()[0])
    assert (access.cluster_name, access.user_name, access.namespace) == ("2026-01-01", "1e3", "default")
    assert access.impersonate == ()


@pytest.mark.parametrize(
    "text", ["", "\n# nothing\n", "{}", "clusters: null\nusers: null\ncontexts: null\n", "\ufeff{}"]
)
def test_an_empty_file_is_an_empty_config(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text).contexts() == ()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: b\nc: [1, 2\nd: e\n", 3, "broken YAML"),
        ("a: b\n\tc: d\n", 2, "broken YAML"),
        ("a: b\n  x: y: z\n", 2, "broken YAML"),
        ("a: \x00\n", 1, "broken YAML"),
        ("- a\n", 1, "expected a mapping"),
        ("just words\n", 1, "expected a mapping"),
        ("kind: Config\nclusters: {}\n", 2, "must be a list"),
        ("users:\n- name: a\n- user: {}\n", 3, "needs a name"),
        ("users:\n- name: a\n- name: a\n", 3, "stands twice"),
        ("kind: Config\ncurrent-context: [a]\n", 2, "must be text"),
        ('{"clusters": [\n}', 2, "broken YAML"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        loaded(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path}/config:{line}: ")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


BAD_FIELDS = """kind: Config
clusters:
- name: c
  cluster:
    server: https://h
    {cluster}
contexts:
- name: x
  context: {{cluster: c, user: u}}
users:
- name: u
  user:
    {user}
"""


@pytest.mark.parametrize(
    ("cluster", "user", "line"),
    [
        ("certificate-authority-data: '%%'", "{}", 6),
        ("insecure-skip-tls-verify: perhaps", "{}", 6),
        ("server2: 1", "token: [s3cret]", 13),
        ("server2: 1", "client-certificate-data: s3cret", 13),
        ("server2: 1", "as-groups: s3cret", 13),
        ("server2: 1", "as-user-extra: {a: s3cret}", 13),
        ("server2: 1", "exec: s3cret", 13),
        ("server2: 1", "exec:\n      apiVersion: v1\n      args: {s3cret: 1}\n      command: c", 13),
        ("server2: 1", "exec:\n      apiVersion: a\n      command: c\n      interactiveMode: s3cret", 16),
        ("server2: 1", "auth-provider:\n      name: oidc\n      config: s3cret", 15),
    ],
)
def test_a_bad_field_is_named_with_its_line_and_never_its_value(
    tmp_path: Path, cluster: str, user: str, line: int
) -> None:
    config = loaded(tmp_path, BAD_FIELDS.format(cluster=cluster, user=user))
    with pytest.raises(UsageError) as refused:
        config.resolve("x")
    assert str(refused.value).startswith(f"{tmp_path}/config:{line}: ")
    assert "s3cret" not in str(refused.value)


def test_a_context_that_names_what_is_not_there(tmp_path: Path) -> None:
    config = loaded(tmp_path, "contexts: [{name: x, context: {cluster: prd, user: u}}]\nclusters: [{name: prod}]")
    with pytest.raises(UsageError, match=r'no cluster "prd" .named by context "x".; did you mean "prod"'):
        config.resolve("x")
    config = loaded(
        tmp_path,
        'contexts: [{name: x, context: {cluster: c, user: me}}]\nclusters: [{name: c, cluster: {server: "https://h"}}]',
    )
    with pytest.raises(UsageError, match=r'no user "me" .named by context "x".; there is none in'):
        config.resolve("x")


def test_a_folder_or_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read this kubeconfig"):
        load(str(tmp_path), Surroundings({}))


def test_one_broken_entry_leaves_the_others(tmp_path: Path) -> None:
    config = yaml.safe_load(config_of("good", "bad"))
    config["users"][1]["user"] = {"client-key-data": "%"}
    loaded_config = loaded(tmp_path, json.dumps(config))
    assert loaded_config.resolve("good").user_name == "good"
    with pytest.raises(PodiumError):
        loaded_config.resolve("bad")


def test_many_hundred_contexts_are_read_by_libyaml_and_looked_into_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = yaml.safe_dump(yaml.safe_load(config_of(*(f"context-{n}" for n in range(600)))))

    def forbidden(*_: object) -> None:
        pytest.fail("the slow way")

    monkeypatch.setattr(yaml.scanner.Scanner, "__init__", forbidden)
    config = loaded(tmp_path, text)
    assert config.select(["context-59*"]) == ("context-59", *(f"context-{n}" for n in range(590, 600)))
    monkeypatch.setattr("podium.adapters.kube.kubeconfig.user_of", forbidden)
    with pytest.raises(pytest.fail.Exception, match="the slow way"):
        config.resolve("context-59")
