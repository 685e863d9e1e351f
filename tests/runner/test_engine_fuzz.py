"""Whatever targets, nodes, namespaces, reviews, watches and stops do: every target ends once, and the run ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from podium.domain.events import Event, Finished, Started
from podium.domain.outcomes import Failed, Lost, Outcome, Proof, Reason, Rejected, Skipped, Succeeded, Why
from podium.domain.targets import Target
from podium.ports import Change
from podium.runner.plan import Pace
from podium.runner.retry import RetryPolicy
from support.fleets import Act, ScriptedReviews, Stage, plan_of
from support.virtual_time import run_virtual

OUTCOMES: tuple[Outcome, ...] = (
    Succeeded(Proof.RUNTIME),
    Failed(1),
    Failed(137),
    Rejected(Reason(Why.FORBIDDEN, 'cannot get resource "pods/exec"')),
    Rejected(Reason(Why.NODE_UNREACHABLE)),
    Rejected(Reason(Why.NOT_RUNNING)),
    Lost(Reason(Why.NO_ANSWER)),
    Lost(Reason(Why.BROKEN)),
)
TIMES = st.sampled_from([0.0, 0.01, 0.3, 2.9, 3.0, 3.1, 7.0, 400.0])


class SlowReviews(ScriptedReviews):
    def __init__(self, answer: bool | None, seconds: float) -> None:
        super().__init__()
        self.answer, self.seconds = answer, seconds

    async def may(self, verb: str, resource: str, namespace: str) -> bool | None:
        await asyncio.sleep(self.seconds)
        return self.answer


@dataclass(frozen=True)
class Play:
    targets: tuple[Target, ...]
    acts: dict[Target, Act]
    pace: Pace
    timeout: float | None
    not_ready: frozenset[tuple[str, str]]
    review: tuple[bool | None, float]
    stops: tuple[tuple[float, bool], ...]
    changes: tuple[tuple[float, Change], ...]


@st.composite
def acts(draw: st.DrawFn) -> Act:
    outcome = draw(st.sampled_from(OUTCOMES))
    reached = draw(st.booleans()) if isinstance(outcome, Succeeded | Failed) else False
    return Act(outcome, draw(TIMES), draw(TIMES), reached)


@st.composite
def plays(draw: st.DrawFn) -> Play:
    places = st.tuples(st.sampled_from(["", "n0", "n1", "n2"]), st.integers(0, 3))
    targets = tuple(
        Target("c", f"s{space}", f"p{n}", "main", f"u{n}", node)
        for n, (node, space) in enumerate(draw(st.lists(places, max_size=24)))
    )
    changes = st.builds(
        lambda at, n, deleted, life, runs: (at, Change(f"u{n}", deleted, {} if deleted else {"main": (life, runs)})),
        TIMES, st.integers(0, 23), st.booleans(), st.sampled_from(["", "life-1", "life-2"]), st.booleans(),
    )  # fmt: skip
    return Play(
        targets=targets,
        acts={target: draw(acts()) for target in targets},
        pace=Pace(
            concurrency=draw(st.integers(1, 8)),
            concurrency_in_all=draw(st.integers(1, 8)),
            max_per_node=draw(st.integers(1, 3)),
            slow_start=draw(st.sampled_from([(), (1, 2, 4, 8)])),
            run_timeout=draw(st.sampled_from([None, None, 0.0, 5.0, 100.0])),
            deadline=draw(st.sampled_from([None, None, 1_700_000_000.0, 1_700_000_003.0])),
        ),
        timeout=draw(st.sampled_from([None, 1.0, 10.0])),
        not_ready=frozenset(("c", node) for node in draw(st.sets(st.sampled_from(["", "n0", "n1"])))),
        review=(draw(st.sampled_from([True, False, None])), draw(TIMES)),
        stops=tuple(draw(st.lists(st.tuples(TIMES, st.booleans()), max_size=3))),
        changes=tuple(draw(st.lists(changes, max_size=6))),
    )


@settings(max_examples=250)
@given(plays())
def test_every_target_ends_once_and_the_run_ends(play: Play) -> None:
    async def main() -> None:
        stage = Stage(lambda target: play.acts[target], SlowReviews(*play.review))
        engine = stage.engine(plan_of(play.targets, play.pace, play.timeout, not_ready=play.not_ready))
        loop = asyncio.get_running_loop()
        for at, at_once in play.stops:
            loop.call_later(at, engine.end_all if at_once else engine.stop, Why.INTERRUPTED)
        for at, change in play.changes:
            loop.call_later(at, stage.inventory.queue.put_nowait, change)
        async with asyncio.timeout(50_000):
            events = [event async for event in engine.events()]
        judge(play, events)
        assert events == stage.journal.events
        await asyncio.sleep(0)
        assert not stage.exec.open
        assert len(asyncio.all_tasks()) == 1

    run_virtual(main())


def judge(play: Play, events: list[Event]) -> None:
    started = [event.target for event in events if isinstance(event, Started)]
    finished = [event for event in events if isinstance(event, Finished) and event.next_in is None]
    assert Counter(event.target for event in finished) == Counter(play.targets)
    assert max(Counter(started).values(), default=1) <= 1 + RetryPolicy().retries
    for event in finished:
        if event.target not in started:
            assert isinstance(event.outcome, Skipped)
        if isinstance(event.outcome, Succeeded | Failed):
            assert without_reason(event.outcome) == play.acts[event.target].outcome


def without_reason(outcome: Succeeded | Failed) -> Outcome:
    """What the exec said, before hindsight added why."""
    return replace(outcome, reason=None) if isinstance(outcome, Failed) else outcome
