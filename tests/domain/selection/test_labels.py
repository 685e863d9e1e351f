"""Label selectors, held against the API server's own parser.

label_oracle.jsonl is what k8s.io/apimachinery 0.36.3 (labels.Parse, Selector.Matches) said of generated selectors: one
a line, and on the last line the label sets that `matches` speaks of.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.selection.fleet import steady
from podium.domain.errors import UsageError
from podium.domain.labels import LabelSelector, Operator, Requirement, parse, parse_pair

ORACLE = [json.loads(line) for line in (Path(__file__).parent / "label_oracle.jsonl").read_text("utf-8").splitlines()]
LABELS: list[dict[str, str]] = ORACLE[-1]
ROWS = ORACLE[:-1]

keys = st.sampled_from(["a", "b", "in", "notin", "x.io/a"])
values = st.sampled_from(["", "a", "b", "in", "1", "07"])
labels = st.dictionaries(keys, values)


def _tried(text: str) -> tuple[LabelSelector | None, str]:
    try:
        return parse(text), ""
    except UsageError as error:
        return None, str(error)


def test_each_selector_is_taken_or_refused_as_by_the_api_server() -> None:
    assert len(ROWS) > 1000
    assert [row["text"] for row in ROWS if (_tried(row["text"])[1] == "") != row["ok"]] == []


def test_each_selector_matches_as_by_the_api_server() -> None:
    wrong = [
        (row["text"], have)
        for row in ROWS
        if row["ok"]
        for have, expected in zip(LABELS, row["matches"], strict=True)
        if parse(row["text"]).matches(have) is not expected
    ]
    assert wrong == []


@steady
@given(keys, st.frozensets(values, min_size=1), labels)
def test_notin_is_the_opposite_of_in_and_so_holds_where_the_key_is_absent(
    key: str, among: frozenset[str], have: dict[str, str]
) -> None:
    text = f"({','.join(sorted(among))})"
    assert parse(f"{key} notin {text}").matches(have) is not parse(f"{key} in {text}").matches(have)
    assert key in have or parse(f"{key} notin {text}").matches(have)


@steady
@given(keys, values, labels)
def test_not_equals_is_the_opposite_of_equals(key: str, value: str, have: dict[str, str]) -> None:
    assert parse(f"{key}!={value}").matches(have) is not parse(f"{key}={value}").matches(have)
    assert parse(f"!{key}").matches(have) is not parse(key).matches(have)


@steady
@given(st.lists(st.tuples(keys, values), min_size=1), labels)
def test_all_requirements_must_hold(pairs: list[tuple[str, str]], have: dict[str, str]) -> None:
    whole = parse(",".join(f"{key}={value}" for key, value in pairs))
    assert whole.matches(have) is all(have.get(key) == value for key, value in pairs)


@steady
@given(st.text(alphabet="ab=!(),<> \tin1./-", max_size=30), labels)
def test_any_text_is_read_or_refused_in_one_line(text: str, have: dict[str, str]) -> None:
    selector, error = _tried(text)
    assert (selector is None) is (error != "")
    assert "\n" not in error
    assert error == "" or "character" in error
    assert selector is None or selector.matches(have) in {True, False}


def test_it_keeps_its_text_and_what_it_asks() -> None:
    assert parse("app=web") == LabelSelector("app=web", (Requirement("app", Operator.IN, frozenset({"web"})),))
    assert parse(" ").is_empty
    assert not parse("a").is_empty


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("app=web,", "label selector 'app=web,': found the end at character 9, expected a label key"),
        ("app in web", "label selector 'app in web': found 'web' at character 8, expected '('"),
        ("app==web==x", "label selector 'app==web==x': found '==' at character 9, expected ',' or the end"),
        ("app ~ web", "found '~' at character 5, expected one of =, ==, !=, in, notin, >, <"),
        ("app>x", "found 'x' at character 5, expected an integer after '>'"),
        ("app='web'", "value \"'web'\" at character 5: a value holds letters"),
        ("/app", "key '/app' at character 1: the part before the slash must be a DNS name"),
        ("a" * 64, "a name has at most 63 characters, this one 64"),
        ("a=" + "b" * 64, "a value has at most 63 characters, this one 64"),
    ],
)
def test_a_bad_selector_says_what_and_where(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert says in str(caught.value)


def test_a_pair() -> None:
    assert parse_pair("app.kubernetes.io/name=web") == ("app.kubernetes.io/name", "web")
    assert parse_pair("app=") == ("app", "")
    for text in ("app", "app!=web", "app=web,b=c", "app in (a,b)", "!app"):
        with pytest.raises(UsageError):
            parse_pair(text)
