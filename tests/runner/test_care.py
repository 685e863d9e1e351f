"""Retries, budget and brake: as values, and as the engine carries them out in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.events import Event, Finished, Started
from podium.domain.outcomes import (
    Cancelled,
    Failed,
    Lost,
    Outcome,
    Proof,
    Reason,
    Rejected,
    Skipped,
    Succeeded,
    TimedOut,
    Why,
    is_bad,
    name_of,
    reason_of,
)
from podium.domain.targets import Target
from podium.runner.budget import BRAKE_AFTER, Budget, Spending, judge, room
from podium.runner.plan import Care, Pace
from podium.runner.retry import CAN_PASS, RetryPolicy
from support.fleets import Act, Stage, plan_of, targets
from support.virtual_time import run_virtual

GONE = Rejected(Reason(Why.CONTAINER_NOT_FOUND))
FAILED = Failed(3, Proof.RUNTIME)
LOST = Lost(Reason(Why.NO_STATUS))

outcomes = st.one_of(
    st.just(Succeeded(Proof.RUNTIME)),
    st.integers(1, 255).map(lambda code: Failed(code, Proof.RUNTIME)),
    st.sampled_from(list(Why)).map(lambda why: Rejected(Reason(why))),
    st.sampled_from(list(Why)).map(lambda why: Lost(Reason(why))),
    st.sampled_from(list(Why)).map(lambda why: TimedOut(Reason(why))),
    st.sampled_from(list(Why)).map(lambda why: Skipped(Reason(why))),
    st.just(Cancelled()),
)
fractions = st.floats(0, 1, exclude_max=True)


@given(outcomes, st.integers(1, 10), fractions, st.integers(0, 5))
def test_what_may_have_begun_is_never_tried_again_unasked(
    outcome: Outcome, attempt: int, fraction: float, retries: int
) -> None:
    delay = RetryPolicy(retries).delay_after(outcome, attempt, fraction)
    if not isinstance(outcome, Rejected) or outcome.reason.why not in CAN_PASS or attempt > retries:
        assert delay is None
    else:
        assert delay is not None
        assert 0 <= delay < 0.1 * 2 ** (attempt - 1)


@given(outcomes, st.integers(1, 10), fractions)
def test_a_success_is_final_whatever_is_asked(outcome: Outcome, attempt: int, fraction: float) -> None:
    eager = RetryPolicy(5, frozenset(range(256)), idempotent=True)
    if isinstance(outcome, Succeeded | Skipped | Cancelled):
        assert eager.delay_after(outcome, attempt, fraction) is None


def test_what_a_user_asks_for_is_tried_again() -> None:
    assert RetryPolicy(on_exit=frozenset({3})).delay_after(FAILED, 1, 0.5) == pytest.approx(0.05)
    assert RetryPolicy(on_exit=frozenset({4})).delay_after(FAILED, 1, 0.5) is None
    assert RetryPolicy(idempotent=True).delay_after(LOST, 2, 0.5) == pytest.approx(0.1)
    assert RetryPolicy(idempotent=True).delay_after(Lost(Reason(Why.INTERRUPTED)), 1, 0.5) is None


def test_retry_after_is_honoured() -> None:
    throttled = Rejected(Reason(Why.THROTTLED), retry_after=7.0)
    assert RetryPolicy().delay_after(throttled, 1, 0.5) == 7.0


@given(st.lists(outcomes, max_size=80), st.integers(0, 10))
def test_the_budget_stops_at_the_first_bad_end_too_many_and_never_before(ends: list[Outcome], limit: int) -> None:
    budget, spent, bad = Budget(max_failures=limit, brake=False), Spending(), 0
    for end in ends:
        spent.take(end)
        bad += is_bad(end)
        assert (judge(budget, spent) is not None) == (bad > limit)


def test_lost_and_rejected_have_budgets_of_their_own() -> None:
    spent = Spending()
    for end in (LOST, GONE, FAILED):
        spent.take(end)
    assert judge(Budget(max_lost=0), spent) is not None
    assert judge(Budget(max_rejected=0), spent) is not None
    assert judge(Budget(max_lost=1, max_rejected=1, max_failures=3), spent) is None


def test_the_brake_needs_fifty_of_one_kind_and_no_good_one() -> None:
    def after(ends: list[Outcome], budget: Budget | None = None) -> bool:
        spent, stopped = Spending(), False
        for end in ends:
            spent.take(end)
            stopped = stopped or judge(budget or Budget(), spent) is not None
        return stopped

    assert after([FAILED] * BRAKE_AFTER)
    assert not after([FAILED] * (BRAKE_AFTER - 1))
    assert not after([Succeeded(Proof.RUNTIME), *[FAILED] * BRAKE_AFTER])
    assert not after([Failed(4, Proof.RUNTIME), *[FAILED] * BRAKE_AFTER])
    assert not after([FAILED] * BRAKE_AFTER, Budget(brake=False))


@given(st.lists(outcomes, max_size=40), st.integers(0, 10))
def test_strict_leaves_room_for_one_too_many_at_most(ends: list[Outcome], limit: int) -> None:
    budget, spent = Budget(max_failures=limit, strict=True), Spending()
    for end in ends:
        spent.take(end)
        left = room(budget, spent)
        assert left is not None
        assert spent.bad + left <= max(limit + 1, spent.bad)


async def collect(stage: Stage, care: Care, count: int = 20, pace: Pace | None = None) -> list[Event]:
    plan = plan_of(targets(count, nodes=count), pace, care=care)
    return [event async for event in stage.engine(plan).events()]


def final(events: list[Event]) -> Counter[str]:
    ends = [event for event in events if isinstance(event, Finished) and event.next_in is None]
    assert len({end.target for end in ends}) == len(ends)
    return Counter(name_of(end.outcome) for end in ends)


def test_a_container_that_is_back_at_the_second_try() -> None:
    async def main() -> None:
        seen: Counter[Target] = Counter()

        def act_of(target: Target) -> Act:
            seen[target] += 1
            return Act(GONE, reached=False) if seen[target] == 1 else Act()

        events = await collect(Stage(act_of), Care())
        assert final(events) == {"succeeded": 20}
        assert Counter(event.attempt for event in events if isinstance(event, Started)) == {1: 20, 2: 20}
        assert all(event.next_in is not None for event in events if isinstance(event, Finished) and event.attempt == 1)

    run_virtual(main())


def test_retries_end() -> None:
    async def main() -> None:
        events = await collect(Stage(lambda _: Act(GONE, reached=False)), Care(RetryPolicy(3)), count=5)
        assert final(events) == {"rejected": 5}
        assert sum(isinstance(event, Started) for event in events) == 5 * 4

    run_virtual(main())


def test_a_stop_ends_those_that_wait_for_a_retry_as_they_last_ended() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(Rejected(Reason(Why.THROTTLED), retry_after=1000.0), reached=False))
        plan = plan_of(targets(4, nodes=4), care=Care())
        engine = stage.engine(plan)
        asyncio.get_running_loop().call_later(5.0, engine.stop, Why.INTERRUPTED)
        events = [event async for event in engine.events()]
        assert final(events) == {"rejected": 4}
        assert asyncio.get_running_loop().time() < 10

    run_virtual(main())


def test_the_budget_stops_the_run_and_what_is_in_flight_finishes() -> None:
    async def main() -> None:
        pace = Pace(concurrency=5, slow_start=())
        events = await collect(Stage(lambda _: Act(FAILED)), Care(budget=Budget(max_failures=3)), 100, pace)
        counts = final(events)
        assert counts["failed"] + counts["skipped"] == 100
        assert 4 <= counts["failed"] <= 3 + 5
        whys = {str(reason_of(e.outcome)) for e in events if isinstance(e, Finished) and isinstance(e.outcome, Skipped)}
        assert whys == {"budget"}

    run_virtual(main())


def test_strict_never_spends_more_than_one_too_many() -> None:
    async def main() -> None:
        pace = Pace(concurrency=5, slow_start=())
        care = Care(budget=Budget(max_failures=3, strict=True))
        assert final(await collect(Stage(lambda _: Act(FAILED)), care, 100, pace))["failed"] == 4

    run_virtual(main())


def test_the_brake_stops_a_command_that_is_wrong_everywhere() -> None:
    async def main() -> None:
        pace = Pace(concurrency=10, slow_start=())
        counts = final(await collect(Stage(lambda _: Act(FAILED)), Care(), 300, pace))
        assert BRAKE_AFTER <= counts["failed"] <= BRAKE_AFTER + 10
        assert counts["skipped"] == 300 - counts["failed"]

    run_virtual(main())
