"""Waves: cut as values, run as the engine does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.errors import UsageError
from podium.domain.events import Event, Finished, WaveBegan
from podium.domain.outcomes import Failed, Proof, Skipped, Why, reason_of
from podium.domain.targets import Target
from podium.domain.units import Count, Percent
from podium.runner.budget import Budget, Verdict
from podium.runner.engine import Engine
from podium.runner.order import Order, arrange
from podium.runner.plan import Care, Pace
from podium.runner.waves import cut, parse_marks, reach, with_canary
from support.fleets import Act, Stage, admitted, most_at_once, plan_of, targets
from support.virtual_time import run_virtual

shares = st.one_of(st.integers(1, 50).map(Count), st.integers(1, 100).map(lambda number: Percent(Fraction(number))))


@given(st.integers(0, 200), st.lists(shares, max_size=6))
def test_waves_part_the_targets_in_their_order(count: int, marks: list[Count | Percent]) -> None:
    some = targets(count)
    waves = cut(some, marks)
    assert [target for wave in waves for target in wave] == list(some)
    assert all(waves)
    if marks and count:
        assert len(waves[0]) == min(max(reach(marks[0], count), 1), count)


def test_marks_are_cumulative_and_percentages_rounded_up() -> None:
    waves = cut(targets(250), parse_marks("1,10%,50%,100%"))
    assert [len(wave) for wave in waves] == [1, 24, 100, 125]
    assert [len(wave) for wave in cut(targets(3), parse_marks("1,10%,50%,100%"))] == [1, 1, 1]


@pytest.mark.parametrize("text", ["", "0", "10%,5%", "5,5", "x", "101%", "1,,2", "0%"])
def test_marks_that_do_not_rise_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_marks(text)


@given(st.integers(1, 60), st.integers(1, 9))
def test_one_of_each_workload_goes_first(count: int, workloads: int) -> None:
    some = targets(count)
    waves = with_canary(some, lambda target: int(target.pod[4:]) % workloads, parse_marks("50%"))
    assert sorted(target for wave in waves for target in wave) == sorted(some)
    assert len(waves[0]) == min(workloads, count)
    assert len({int(target.pod[4:]) % workloads for target in waves[0]}) == len(waves[0])


def test_a_wave_begins_when_the_one_before_has_ended() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=1.0))
        some = targets(40, nodes=40)
        plan = plan_of(some)
        waves = cut(plan.targets, parse_marks("1,50%"))
        plan = replace(plan, waves=waves)
        asked: list[int] = []

        async def between(number: int, wave: tuple[Target, ...]) -> Verdict | None:
            assert not stage.exec.open
            asked.append(number)
            await asyncio.sleep(10.0)
            return None

        engine = Engine(stage.fleet, plan, admitted(plan), stage.journal, between=between)
        events = [event async for event in engine.events()]
        assert asked == [1, 2]
        assert [event.size for event in events if isinstance(event, WaveBegan)] == [1, 19, 20]
        starts = {target: start for target, start, _ in stage.exec.spans}
        assert min(starts[target] for target in waves[1]) >= 11.0
        assert min(starts[target] for target in waves[2]) >= 22.0

    run_virtual(main())


def test_a_check_that_says_stop_skips_the_later_waves() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act())
        plan = plan_of(targets(40, nodes=40))
        plan = replace(plan, waves=cut(plan.targets, parse_marks("1,50%")))

        async def between(number: int, wave: tuple[Target, ...]) -> Verdict | None:
            return Verdict(Why.CHECK, "pods are not ready") if number == 2 else None

        engine = Engine(stage.fleet, plan, admitted(plan), stage.journal, between=between)
        events: list[Event] = [event async for event in engine.events()]
        skipped = [e for e in events if isinstance(e, Finished) and isinstance(e.outcome, Skipped)]
        assert len(skipped) == 20
        reasons = {reason_of(end.outcome) for end in skipped}
        assert {reason.why for reason in reasons if reason is not None} == {Why.CHECK}

    run_virtual(main())


def test_no_more_of_one_workload_than_allowed_at_once() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=1.0))
        plan = plan_of(targets(60, nodes=3), Pace(slow_start=()))
        workloads = {target: ("c", "s", "Deployment", str(int(target.pod[4:]) % 2)) for target in plan.targets}
        plan = replace(plan, workloads=workloads, at_once={("c", "s", "Deployment", "1"): 2})
        async for _ in stage.engine(plan).events():
            pass
        spans = [span for span in stage.exec.spans if workloads[span[0]][3] == "1"]
        assert len(spans) == 30
        assert most_at_once(spans) == 2
        assert len(stage.exec.spans) == 60

    run_virtual(main())


def test_orders_are_permutations_and_put_not_ready_nodes_last() -> None:
    some = targets(30, nodes=3)
    created = {target: float(hash(target.pod) % 1000) for target in some}
    for order in Order:
        arranged = arrange(some, order, created.__getitem__, "seed", frozenset({("c", "n1")}))
        assert sorted(arranged) == sorted(some)
        assert all(target.node == "n1" for target in arranged[-10:])
    newest = arrange(some, Order.NEWEST, created.__getitem__, "seed", frozenset())
    assert [created[target] for target in newest] == sorted(created.values(), reverse=True)
    again = arrange(some, Order.RANDOM, created.__getitem__, "seed", frozenset())
    assert again == arrange(reversed(some), Order.RANDOM, created.__getitem__, "seed", frozenset())


def test_without_a_budget_the_first_wave_allows_no_bad_end() -> None:
    async def main() -> None:
        stage = Stage(lambda target: Act(Failed(1, Proof.RUNTIME)) if target.pod == "pod-0" else Act())
        plan = plan_of(targets(40, nodes=40), care=Care(budget=Budget(first_wave=True)))
        plan = replace(plan, waves=(plan.targets[:5], plan.targets[5:]))
        assert "pod-0" in {target.pod for target in plan.waves[0]}
        events = [event async for event in stage.engine(plan).events()]
        skipped = [e for e in events if isinstance(e, Finished) and isinstance(e.outcome, Skipped)]
        assert len(skipped) >= 35

    run_virtual(main())
