"""Whatever a kubeconfig holds: one clear line at most, no traceback, no secret; and edits change one value."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.surroundings import Surroundings
from podium.adapters.kube.write_back import WriteBackError, edited
from podium.domain.errors import PodiumError

WHOLE = """# a comment
current-context: x
clusters:
- name: c
  cluster:
    server: https://h:6443
    tls-server-name: &a name
    proxy-url: http://u:hunter2hunter2@p
    extensions: [{name: client.authentication.k8s.io/exec, extension: {n: 7, f: 1e3, o: 0o7}}]
users:
- name: u
  user:
    token: hunter2hunter2
    as: *a
    as-groups: [a, b]
    as-user-extra: {k: [v]}
- name: v
  user:
    exec: {command: c, apiVersion: client.authentication.k8s.io/v1beta1, env: [{name: A, value: hunter2hunter2}]}
- name: w
  user:
    auth-provider: {name: oidc, config: {idp-issuer-url: "https://i", client-id: c, id-token: hunter2hunter2}}
contexts:
- {name: x, context: {cluster: c, user: u, namespace: n}}
- {name: y, context: {cluster: c, user: v, namespace: n}}
- {name: z, context: {cluster: c, user: w, namespace: n}}
"""
ODD = st.sampled_from(
    [*":-[]{}&*!|>'\"%@`#,?\n\t \\\x00\x85\ufeff~0", "<<: *a", "!!binary ", "--- ", "&b ", "*b ", "? "]
)


@st.composite
def damaged(draw: DrawFn) -> str:
    """WHOLE with a few pieces cut out, doubled or put in."""
    text = WHOLE
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        until = at + draw(st.integers(0, 12))
        text = text[:at] + draw(st.one_of(st.just(""), ODD, st.text(max_size=3))) + text[until:]
    return text


@settings(max_examples=120, deadline=None)
@given(damaged())
def test_a_damaged_file_gives_one_line_and_keeps_its_secrets(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            config = load(str(path), Surroundings({}))
            for name in config.contexts():
                repr(config.resolve(name))
            said = ""
        except PodiumError as error:
            said = str(error)
    assert len(said.splitlines()) <= 1
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "text", ["token: !hunter2 x", "token: *hunter2", "a: &hunter2 1\nb: &hunter2 2\nc: [", "? [hunter2]\n: 1"]
)
def test_yaml_does_not_quote_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(PodiumError) as refused:
        load(str(path), Surroundings({}))
    assert "hunter2" not in str(refused.value)


def test_the_whole_one_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(WHOLE)
    config = load(str(path), Surroundings({}))
    assert [config.resolve(name).user_name for name in config.contexts()] == ["u", "v", "w"]


def test_half_a_surrogate_pair_is_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "config"
    config = yaml.safe_load(WHOLE)
    config["users"][0]["user"] = {"token": "HALF", "as": "HALF"}
    path.write_text(json.dumps(config).replace("HALF", "\\ud800"))
    assert load(str(path), Surroundings({})).resolve("x").impersonate == (("Impersonate-User", "?"),)


PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
TOKENS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@st.composite
def configs(draw: DrawFn) -> tuple[str, str]:
    """A kubeconfig with OIDC users in one of the usual layouts, and one user's name."""
    names = draw(st.lists(PLAIN, min_size=1, max_size=3, unique=True))
    settings_of = st.dictionaries(st.sampled_from(["client-id", "id-token", "refresh-token", "x"]), TOKENS, min_size=1)
    users = [{"name": name, "user": {"auth-provider": {"name": "oidc", "config": draw(settings_of)}}} for name in names]
    config = {"preferences": {}, "users": users, "note": draw(PLAIN)}
    layout = draw(st.sampled_from(["block", "flow", "wide", "json", "canonical"]))
    if layout == "json":
        text = json.dumps(config, indent=draw(st.sampled_from([None, 1, 4])), ensure_ascii=draw(st.booleans()))
    else:
        text = yaml.safe_dump(
            config,
            default_flow_style=layout == "flow",
            indent=4 if layout == "wide" else 2,
            width=draw(st.sampled_from([20, 80, 4096])),
            allow_unicode=draw(st.booleans()),
            canonical=layout == "canonical",
            default_style=draw(st.sampled_from([None, "'", '"', "|", ">"])) if layout == "block" else None,
        )
    return text, draw(st.sampled_from(names))


def strings(text: str) -> object:
    if text.startswith("{"):
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return yaml.load(text, Loader=yaml.BaseLoader)


@settings(max_examples=60, deadline=None)
@given(configs(), TOKENS, st.one_of(st.none(), TOKENS))
def test_an_edit_changes_the_tokens_of_one_user_and_nothing_else(
    made: tuple[str, str], id_token: str, refresh_token: str | None
) -> None:
    text, name = made
    changes = {"id-token": id_token} | ({} if refresh_token is None else {"refresh-token": refresh_token})
    expected = strings(text)
    assert isinstance(expected, dict)
    for user in expected["users"]:
        if user["name"] == name:
            user["user"]["auth-provider"]["config"].update(changes)
    try:
        assert strings(edited(text, name, changes)) == expected
    except WriteBackError:
        # Explicit keys and tags: no tool writes kubeconfigs so, and refusing leaves the file whole.
        assert text.startswith("---\n!!map")


@pytest.mark.parametrize("text", ["", "users: []", "a: [", "users: [{name: u, user: {}}]", "[1]", "users: {u: 1}"])
def test_an_edit_of_a_file_without_the_user_is_refused(text: str) -> None:
    with pytest.raises(WriteBackError):
        edited(text, "u", {"id-token": "x"})
