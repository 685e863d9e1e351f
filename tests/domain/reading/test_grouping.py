"""Every end is in exactly one group, and a group holds equal ends only."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.reading.fleets import GOOD, Shelf, by_target, end, target
from podium.domain.events import Stream
from podium.domain.grouping import Group, group_ends, majority_of, would_fold
from podium.domain.inventory import Pod
from podium.domain.normalize import Normal, Normaliser
from podium.domain.outcomes import (
    Cancelled,
    Failed,
    Lost,
    Outcome,
    Proof,
    Reason,
    Rejected,
    Skipped,
    Stopped,
    Succeeded,
    TimedOut,
    Why,
)
from podium.domain.targets import Target

OUTCOMES: list[Outcome] = [
    GOOD,
    Succeeded(Proof.TRANSLATED),
    Failed(1),
    Failed(2),
    Failed(127, reason=Reason(Why.NOT_FOUND_IN_SHELL)),
    TimedOut(Reason(Why.TIMEOUT)),
    TimedOut(Reason(Why.TIMEOUT), Stopped.CONFIRMED),
    Cancelled(),
    Rejected(Reason(Why.FORBIDDEN, "a")),
    Rejected(Reason(Why.FORBIDDEN, "b")),
    Rejected(Reason(Why.NO_EXECUTABLE)),
    Lost(Reason(Why.NO_STATUS)),
    Skipped(Reason(Why.BUDGET)),
]


@given(st.lists(st.tuples(st.sampled_from(OUTCOMES), st.sampled_from([b"", b"a", b"b"]), st.sampled_from([b"", b"a"]))))
def test_every_target_is_in_exactly_one_group(answers: list[tuple[Outcome, bytes, bytes]]) -> None:
    shelf = Shelf()
    ends = by_target(end(shelf, target(f"web-{n}"), out, err, outcome) for n, (outcome, out, err) in enumerate(answers))
    groups = group_ends(ends)
    assert sorted(each for group in groups for each in group.targets) == sorted(ends)
    keys = set()
    for group in groups:
        first = group.ends[0]
        keys.add(
            (
                group.key.outcome,
                group.key.exit_code,
                group.key.why,
                group.key.stopped,
                first.answer.stdout.digest,
                first.answer.stderr.digest,
            )
        )
        for each in group.ends:
            assert type(each.outcome) is type(first.outcome)
            assert each.answer == first.answer
            if isinstance(each.outcome, Failed) and isinstance(first.outcome, Failed):
                assert each.outcome.exit_code == first.outcome.exit_code
    assert len(keys) == len(groups), "equal ends stand in two groups"


@given(st.lists(st.tuples(st.sampled_from(OUTCOMES), st.sampled_from([b"", b"a", b"b"])), min_size=1))
def test_successes_come_first_and_then_the_biggest(answers: list[tuple[Outcome, bytes]]) -> None:
    shelf = Shelf()
    groups = group_ends(
        by_target(end(shelf, target(f"web-{n}"), out, b"", outcome) for n, (outcome, out) in enumerate(answers))
    )
    ranks = [
        (not group.is_good, isinstance(group.outcome, Skipped), -len(group.ends))
        for group in groups
        if not isinstance(group.outcome, Cancelled)
    ]
    assert all(one <= other for one, other in pairwise(ranks))
    majority = majority_of(groups)
    assert majority is not None
    good = [group for group in groups if group.is_good]
    assert len(majority.ends) == max(len(group.ends) for group in good or groups)
    assert majority.is_good or not good


def test_nothing_ended_nothing_grouped() -> None:
    assert group_ends({}) == ()
    assert majority_of(()) is None


def test_the_streams_are_not_interchangeable() -> None:
    shelf = Shelf()
    ends = by_target([end(shelf, target("a"), b"x", b""), end(shelf, target("b"), b"", b"x")])
    assert len(group_ends(ends)) == 2


def test_sections_split_groups_and_come_by_size() -> None:
    shelf = Shelf()
    ends = by_target(end(shelf, target(f"web-{n}", node="n1" if n < 2 else "n2"), b"x") for n in range(5))
    groups = group_ends(ends, section=lambda each: each.node)
    assert [(group.key.section, len(group.ends)) for group in groups] == [("n2", 3), ("n1", 2)]


def _named(shelf: Shelf, count: int, text: str) -> tuple[dict[Target, Pod], Normaliser, tuple[Group, ...]]:
    pods = {}
    ends = []
    for n in range(count):
        where = target(f"web-{n}")
        pods[where] = Pod(where.cluster, where.namespace, where.pod, where.uid, ip=f"10.0.0.{n}")
        ends.append(end(shelf, where, text.format(n=n).encode()))
    normaliser = Normaliser(Normal(numbers=False, times=False), pods, shelf.read)
    return pods, normaliser, group_ends(by_target(ends), normaliser.digest)


def test_answers_that_differ_in_what_is_normal_fold() -> None:
    assert len(_named(Shelf(), 30, "I am web-{n} at 10.0.0.{n}\n")[2]) == 1
    assert len(_named(Shelf(), 30, "I am web-1{n}\n")[2]) == 30, "another's name is no own name"


def test_what_was_not_looked_at_is_never_called_equal() -> None:
    shelf = Shelf()
    pods: dict[Target, Pod] = {}
    ends = by_target(end(shelf, target(f"web-{n}")) for n in range(2))
    cut = [shelf.put(b"same", 10_000_000), shelf.put(b"same", 10_000_001)]

    def digest(where: Target, _: Stream) -> bytes:
        return normaliser.digest(where, cut[list(ends).index(where)])

    normaliser = Normaliser(Normal(), pods, shelf.read)
    assert len(group_ends(ends, digest)) == 2
    cut = [shelf.put(b"same one"), shelf.put(b"same other")]
    normaliser = Normaliser(Normal(), pods, lambda stream, _: shelf.read(stream, 4))
    assert len(group_ends(ends, digest)) == 2, "less was read than is kept"


@pytest.mark.parametrize(("count", "text", "left"), [(21, "web-{n}", 1), (20, "web-{n}", None), (30, "x{n}x", None)])
def test_it_is_said_when_normalising_would_halve_the_groups(count: int, text: str, left: int | None) -> None:
    shelf = Shelf()
    pods, normaliser, _ = _named(shelf, count, text)
    ends = by_target(end(shelf, where, text.format(n=n).encode()) for n, where in enumerate(pods))
    assert would_fold(group_ends(ends), normaliser.digest) == left


def test_ten_thousand_answers_are_read_once_per_different_one() -> None:
    shelf = Shelf()
    texts = [b"%d " % kind * 1000 for kind in range(200)]
    targets = [target(f"web-{n}") for n in range(10_000)]
    ends = by_target(end(shelf, where, texts[n % 200]) for n, where in enumerate(targets))
    pods = {where: Pod(where.cluster, where.namespace, where.pod, where.uid, ip="10.1.2.3") for where in targets}
    assert len(group_ends(ends)) == 200
    assert shelf.reads == 0, "plain grouping reads digests only"
    calls = []

    def counted(data: bytes) -> bytes:
        calls.append(len(data))
        return data

    normaliser = Normaliser(Normal(patterns=(counted,)), pods, shelf.read)
    assert len(group_ends(ends, normaliser.digest)) == 1
    assert shelf.reads <= 200
    assert len(calls) == 200, "each different text is normalised once"


def test_normalising_that_would_cost_too_much_is_not_tried() -> None:
    shelf = Shelf()
    ends = by_target(end(shelf, target(f"web-{n}"), b"%d" % n + b"x" * 600_000) for n in range(30))
    assert would_fold(group_ends(ends), lambda where, stream: pytest.fail("it was read")) is None
