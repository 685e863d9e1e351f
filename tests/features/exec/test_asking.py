"""When an act asks first, and what counts as yes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain import labels
from podium.domain.commands import Command
from podium.domain.selection import Selection, Where
from podium.domain.targets import Target
from podium.features.exec.asking import Ask, Kind, Refuse, Rules, Situation, decide, fingerprint, is_yes, samples
from support.fleets import targets

RULES = Rules()
NAMED = Selection(names=("web-*",))
EVERYTHING = Selection(where=Where(everywhere=True), everything=True)


def asks(
    some: tuple[Target, ...], selection: Selection = NAMED, kind: Kind = Kind.RUN, **more: bool
) -> Ask | Refuse | None:
    return decide(Situation(kind, some, selection, **{"terminal": True, **more}), RULES)


@pytest.mark.parametrize(("count", "asked"), [(1, False), (100, False), (101, True), (5000, True)])
def test_above_a_hundred_targets(count: int, asked: bool) -> None:
    assert (asks(targets(count)) is not None) is asked


def test_all_pods_in_all_namespaces() -> None:
    assert isinstance(asks(targets(1), EVERYTHING), Ask)
    assert asks(targets(1), Selection(everything=True)) is None
    assert asks(targets(1), Selection(where=Where(everywhere=True), names=("a",))) is None


def test_more_than_one_cluster() -> None:
    question = asks((*targets(1, cluster="a"), *targets(1, cluster="b")))
    assert isinstance(question, Ask)
    assert "2 clusters: a, b" in question.text


def test_three_samples_are_shown() -> None:
    question = asks(targets(200))
    assert isinstance(question, Ask)
    assert question.samples == ("pod-0 on n0", "pod-100 on n0", "pod-199 on n3")
    assert samples(targets(1)) == ("pod-0 on n0",)
    assert samples(()) == ()


@given(
    st.integers(0, 300),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(Kind),
    st.sampled_from(["c", "x-prod"]),
)
def test_nothing_asks_where_nobody_can_answer(
    count: int, terminal: bool, yes: bool, before: bool, kind: Kind, cluster: str
) -> None:
    some = targets(count, cluster=cluster)
    decision = decide(Situation(kind, some, EVERYTHING, terminal, yes, before), RULES)
    if isinstance(decision, Ask):
        assert terminal
        assert not yes
    if isinstance(decision, Refuse):
        assert not terminal
        assert (kind, cluster) == (Kind.CHANGE, "x-prod")
    if kind is Kind.RUN and not terminal:
        assert decision is None


def test_the_sandbox_is_never_asked_about() -> None:
    for kind in Kind:
        assert asks(targets(500, cluster="podium-sandbox"), EVERYTHING, kind) is None
    both = (*targets(500, cluster="podium-sandbox"), *targets(1, cluster="a"))
    assert asks(both) is None, "its pods do not count"


def test_yes_and_what_was_answered_before_spare_the_question() -> None:
    assert asks(targets(500), yes=True) is None
    assert asks(targets(500), asked_before=True) is None


def test_a_guarded_context_asks_for_the_number() -> None:
    some = targets(1200, cluster="prod-eu")
    question = asks(some, kind=Kind.CHANGE, asked_before=True)
    assert isinstance(question, Ask)
    assert is_yes(question, "1200\n")
    assert is_yes(question, " 1,200 ")
    assert not is_yes(question, "y\n")
    assert isinstance(asks(some, kind=Kind.CHANGE, terminal=False), Refuse)
    assert asks(some, kind=Kind.CHANGE, terminal=False, yes=True) is None
    assert asks(targets(1, cluster="prod-eu"), kind=Kind.RUN) is None, "running a command changes nothing by itself"
    rules = Rules(guarded=("live",))
    assert decide(Situation(Kind.CHANGE, some, NAMED, terminal=False), rules) is None


@pytest.mark.parametrize(
    ("typed", "yes"),
    [("y\n", True), ("Y", True), (" yes \n", True), ("", False), ("\n", False), ("n", False), ("yy", False)],
)
def test_only_yes_is_yes(typed: str, yes: bool) -> None:
    assert is_yes(Ask("?", (), "y"), typed) is yes


def test_a_hostile_name_cannot_write_on_the_terminal() -> None:
    evil = (Target("a\x1b[2J", "ns", "p\x1b]0;x", "c"), Target("b", "ns", "p", "c"))
    question = asks(evil)
    assert isinstance(question, Ask)
    assert "\x1b" not in question.text + "".join(question.samples)


def test_a_fingerprint_is_of_the_command_and_the_selection() -> None:
    base = fingerprint(Command(("ls",)), NAMED, ("a", "b"))
    assert base == fingerprint(Command(("ls",), timeout=1.0), NAMED, ("b", "a"))
    others = [
        fingerprint(Command(("ls", "-l")), NAMED, ("a", "b")),
        fingerprint(Command(("ls",), stdin=b"rm"), NAMED, ("a", "b")),
        fingerprint(Command(("ls",)), EVERYTHING, ("a", "b")),
        fingerprint(Command(("ls",)), Selection(labels=(labels.parse("a in (x,y,z)"),)), ("a", "b")),
        fingerprint(Command(("ls",)), NAMED, ("a",)),
    ]
    assert len({base, *others}) == 6


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    code = (
        "from podium.domain import labels; from podium.domain.commands import Command;"
        "from podium.domain.selection import Selection; from podium.features.exec.asking import fingerprint;"
        "print(fingerprint(Command(('ls',)), Selection(labels=(labels.parse('a in (x,y,z,w)'),)), ('a',)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True, check=True, timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(found) == 1
