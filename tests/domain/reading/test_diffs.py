"""A diff turns one answer into the other, is short, and has a bounded price."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain import diffs
from podium.domain.diffs import Diff, Side, Text, diff_texts, split_lines
from podium.domain.events import Channel


def _diff(old: bytes, new: bytes) -> Diff:
    return diff_texts(Text(old, b""), Text(new, b""))


def _shown(diff: Diff) -> list[str]:
    return [change.side.value + change.text for change in diff.changes]


def test_one_changed_line() -> None:
    diff = _diff(b"4.2.1\n", b"4.2.0\n")
    assert _shown(diff) == ["-4.2.1", "+4.2.0"]
    assert diff.lines == 1


@pytest.mark.parametrize(
    ("old", "new", "shown", "lines"),
    [
        (b"", b"", [], 0),
        (b"", b"a\n", ["+a"], 1),
        (b"a\nb\n", b"", ["-a", "-b"], 2),
        (b"a\nb\nc\n", b"a\nc\n", ["-b"], 1),
        (b"a\nb\nc\nd\n", b"a\nX\nc\nY\nZ\n", ["-b", "+X", "-d", "+Y", "+Z"], 3),
        (b"a", b"a\n", ["-a (no newline at its end)", "+a"], 1),
        (b"a", b"b", ["-a", "+b"], 1),
        (b"a\xff\n", b"a\x1b[1m\n", ["-a\\xff", "+a^[[1m"], 1),
        (b"a\r\n", b"a\n", ["-a^M", "+a"], 1),
    ],
)
def test_lines(old: bytes, new: bytes, shown: list[str], lines: int) -> None:
    diff = _diff(old, new)
    assert (_shown(diff), diff.lines, diff.beyond) == (shown, lines, ())


def test_streams_are_told_apart() -> None:
    diff = diff_texts(Text(b"a\n", b"x\n"), Text(b"b\n", b"x\ny\n"))
    assert [(change.side, change.channel, change.line, change.text) for change in diff.changes] == [
        (Side.REMOVED, Channel.STDOUT, 1, "a"),
        (Side.ADDED, Channel.STDOUT, 1, "b"),
        (Side.ADDED, Channel.STDERR, 2, "y"),
    ]
    assert diff.lines == 2


LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b"dd\n"]), max_size=30).map(b"".join)
ANY = st.one_of(LINES, st.binary(max_size=40))


@given(ANY, ANY)
def test_a_diff_turns_one_into_the_other(old: bytes, new: bytes) -> None:
    diff = _diff(old, new)
    a, b = split_lines(old), split_lines(new)
    gone = {change.line - 1 for change in diff.changes if change.side is Side.REMOVED}
    come = {change.line - 1 for change in diff.changes if change.side is Side.ADDED}
    assert [line for n, line in enumerate(a) if n not in gone] == [line for n, line in enumerate(b) if n not in come]
    assert (diff.lines == 0) == (old == new)


@given(LINES, LINES)
def test_a_diff_is_no_longer_than_difflibs(old: bytes, new: bytes) -> None:
    a, b = split_lines(old), split_lines(new)
    theirs = sum(
        (i2 - i1) + (j2 - j1)
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
        if tag != "equal"
    )
    assert len(_diff(old, new).changes) <= theirs


def test_a_big_answer_with_few_changes_is_compared_in_full() -> None:
    old = b"".join(b"line %d\n" % n for n in range(9000))
    new = old.replace(b"line 4000\n", b"other\n").replace(b"line 10\n", b"").replace(b"line 8999\n", b"last\n")
    diff = _diff(old, new)
    assert _shown(diff) == ["-line 10", "-line 4000", "+other", "-line 8999", "+last"]
    assert diff.lines == 3


def test_answers_too_far_apart_say_from_where() -> None:
    old = b"same\n" + b"".join(b"%d\n" % (n % 7) for n in range(30_000))
    new = b"same\n" + b"".join(b"%d\n" % (n % 11 + 3) for n in range(30_000))
    diff = diff_texts(Text(old, b""), Text(new, b""), most=5)
    assert diff.beyond == ((Channel.STDOUT, 2),)
    assert len(diff.changes) == 10
    assert diff.lines > 20_000


def test_the_price_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    old = b"".join(b"%d\n" % (n * n % 13) for n in range(5000))
    new = b"".join(b"%d\n" % (n * 7 % 17) for n in range(5000))
    assert _diff(old, new).beyond != ()
    monkeypatch.setattr(diffs, "_MOST_STEPS", 10)
    assert _diff(b"a\nb\nc\n" * 5, b"a\nc\nd\n" * 5).beyond != ()
