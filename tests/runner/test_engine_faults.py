"""What the engine does when something around it breaks: reviews, watches, journals, adapters, clocks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from podium.domain.admission import Admission
from podium.domain.commands import Command
from podium.domain.errors import ClusterError, JournalError
from podium.domain.events import Event, Finished, Noticed, Started
from podium.domain.outcomes import Lost, Outcome, Reason, Rejected, Skipped, Why, name_of, reason_of
from podium.domain.targets import Target
from podium.ports import Change, Output
from podium.runner.engine import Engine
from podium.runner.plan import Pace, Plan
from podium.runner.pool import Pool
from support.fleets import (
    Act,
    ListJournal,
    ScriptedExec,
    ScriptedInventory,
    ScriptedReviews,
    Stage,
    admitted,
    plan_of,
    targets,
)
from support.virtual_time import run_virtual


def engine_of(stage: Stage, plan: Plan, **parts: object) -> Engine:
    """The stage's engine with some parts of its one cluster replaced."""
    only = replace(stage.fleet.clusters[0], **parts)  # type: ignore[arg-type]
    fleet = replace(stage.fleet, clusters=(only,))
    return Engine(fleet, plan, admitted(plan), stage.journal)


async def ends(engine: Engine) -> dict[Target, Finished]:
    return {event.target: event async for event in engine.events() if isinstance(event, Finished)}


def names(found: dict[Target, Finished]) -> Counter[str]:
    return Counter(name_of(end.outcome) for end in found.values())


class MuteReviews(ScriptedReviews):
    async def may(self, verb: str, resource: str, namespace: str) -> bool | None:
        raise ClusterError("no answer within 30 s")


def test_a_review_without_an_answer_ends_nothing() -> None:
    forbidden = Rejected(Reason(Why.FORBIDDEN, 'cannot get resource "pods/exec"'))

    async def main() -> None:
        stage = Stage(lambda t: Act(forbidden, reached=False) if t.pod == "pod-0" else Act(), MuteReviews())
        found = await ends(stage.engine(plan_of(targets(20))))
        assert names(found) == {"succeeded": 19, "rejected": 1}

    run_virtual(main())


class Buggy(ScriptedExec):
    """Breaks as only a bug does, in one target."""

    async def exec(self, admission: Admission, target: Target, command: Command, output: Output) -> Outcome:
        outcome = await super().exec(admission, target, command, output)
        if target.pod == "pod-3":
            raise ValueError("hunter2")
        return outcome


def test_a_bug_in_one_target_is_that_targets_alone_and_is_named() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=1.0))
        some = targets(20)
        found = await ends(engine_of(stage, plan_of(some), exec=Buggy(lambda _: Act(work=1.0))))
        assert names(found) == {"succeeded": 19, "lost": 1}
        (lost,) = (end.outcome for end in found.values() if isinstance(end.outcome, Lost))
        assert "ValueError" in str(lost.reason)
        assert "hunter2" not in str(lost.reason), "an exception's words may hold anything"
        assert {event.target for event in stage.journal.events if isinstance(event, Finished)} == set(some)

    run_virtual(main())


class BrokenWatch(ScriptedInventory):
    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    async def changes(self) -> AsyncIterator[Change]:
        await asyncio.sleep(0.5)
        if self.error is not None:
            raise self.error
        nothing: tuple[Change, ...] = ()
        for change in nothing:
            yield change


@pytest.mark.parametrize("error", [ClusterError("gone"), KeyError("a bug"), None], ids=["refused", "bug", "ended"])
def test_a_watch_that_ends_is_noticed_and_ends_nothing(error: Exception | None) -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=2.0))
        engine = engine_of(stage, plan_of(targets(20)), inventory=BrokenWatch(error))
        events = [event async for event in engine.events()]
        found = {event.target: event for event in events if isinstance(event, Finished)}
        assert names(found) == {"succeeded": 20}
        (notice,) = (event.text for event in events if isinstance(event, Noticed))
        assert "no longer watched" in notice

    run_virtual(main())


def test_nothing_starts_once_the_deadline_has_passed() -> None:
    """A question, or a slow list, may outlast the deadline that was given."""

    async def main() -> None:
        stage = Stage(lambda _: Act())
        deadline = stage.clock.wall() - 1.0
        events = [event async for event in stage.engine(plan_of(targets(20), Pace(deadline=deadline))).events()]
        assert not any(isinstance(event, Started) for event in events)
        assert Counter(type(event.outcome) for event in events if isinstance(event, Finished)) == {Skipped: 20}
        assert not stage.exec.spans

    run_virtual(main())


def test_what_was_ended_before_it_began_does_not_claim_to_run() -> None:
    class Ending(ListJournal):
        engine: Engine

        async def append(self, events: Sequence[Event]) -> None:
            await super().append(events)
            if any(isinstance(event, Started) for event in events):
                self.engine.stop(Why.INTERRUPTED)
                self.engine.end_all(Why.INTERRUPTED)

    async def main() -> None:
        stage = Stage(lambda _: Act())
        stage.journal = Ending()
        stage.journal.engine = stage.engine(plan_of(targets(4)))
        found = await ends(stage.journal.engine)
        assert not stage.exec.spans
        assert {reason_of(end.outcome) for end in found.values()} == {Reason(Why.INTERRUPTED)}
        assert names(found) == {"skipped": 4}

    run_virtual(main())


class FullJournal(ListJournal):
    """Takes `room` events, then the disk is full."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    async def append(self, events: Sequence[Event]) -> None:
        if len(self.events) + len(events) > self.room:
            raise JournalError("disk full")
        await super().append(events)


@pytest.mark.parametrize("room", [0, 1, 8, 12, 40])
def test_a_journal_that_breaks_ends_the_run_with_its_own_words(room: int) -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=5.0))
        stage.journal = FullJournal(room)
        seen: list[Event] = []
        with pytest.raises(JournalError, match="disk full"):
            async for event in stage.engine(plan_of(targets(30))).events():
                seen.append(event)
        assert len(seen) == room
        started = {event.target for event in seen if isinstance(event, Started)}
        assert {span[0] for span in stage.exec.spans} <= started, "an act without a record"
        await asyncio.sleep(0)
        assert not stage.exec.open
        assert len(asyncio.all_tasks()) == 1

    run_virtual(main())


def test_breaking_out_of_the_iteration_leaves_no_exec_and_no_task() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=50.0))
        async for _ in stage.engine(plan_of(targets(20, nodes=20))).events():
            break
        await asyncio.sleep(0.1)
        assert not stage.exec.open
        assert len(asyncio.all_tasks()) == 1

    run_virtual(main())


@pytest.mark.parametrize("why", [Why.API_UNREACHABLE, Why.NODE_UNREACHABLE])
def test_what_was_never_tried_is_skipped_for_what_is_known(why: Why) -> None:
    """Without an API server, or without sockets of our own, nothing is known of nodes."""

    async def main() -> None:
        stage = Stage(lambda _: Act(Rejected(Reason(why, "cannot connect")), reached=False))
        found = await ends(stage.engine(plan_of(targets(40, nodes=2), Pace(slow_start=()))))
        skipped = [end.outcome for end in found.values() if isinstance(end.outcome, Skipped)]
        assert skipped
        assert {outcome.reason for outcome in skipped} == {Reason(why)}

    run_virtual(main())


class SelfCancelled(ScriptedExec):
    """Ends as if somebody had cancelled it, which nobody did."""

    async def exec(self, admission: Admission, target: Target, command: Command, output: Output) -> Outcome:
        if target.pod == "pod-3":
            raise asyncio.CancelledError
        return await super().exec(admission, target, command, output)


def test_an_exec_that_cancels_itself_still_ends_its_target() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act())
        found = await ends(engine_of(stage, plan_of(targets(10)), exec=SelfCancelled(stage.act_of)))
        assert names(found) == {"succeeded": 9, "lost": 1}
        (lost,) = [end for end in found.values() if isinstance(end.outcome, Lost)]
        assert reason_of(lost.outcome) == Reason(Why.BUG, "the exec ended as if cancelled")

    run_virtual(main())


class CountedPool(Pool):
    """Counts how often the engine asks for work."""

    asked = 0

    def take(self, now: float, room: int | None = None) -> Target | None:
        CountedPool.asked += 1
        return super().take(now, room)


@pytest.mark.parametrize("stop", [False, True])
def test_the_engine_sleeps_while_nothing_can_start(monkeypatch: pytest.MonkeyPatch, stop: bool) -> None:
    """A probe that is under way or has no slot, and a scout that outlasts a stop, are no reason to look each ms."""

    def act_of(target: Target) -> Act:
        if target.node == "n0":
            return Act(Rejected(Reason(Why.NODE_UNREACHABLE)), connect=30.0, reached=False)
        return Act(work=100.0)

    async def main() -> None:
        stage = Stage(act_of)
        monkeypatch.setattr("podium.runner.engine.Pool", CountedPool)
        CountedPool.asked = 0
        engine = stage.engine(plan_of(targets(40, nodes=4, namespaces=5), Pace(concurrency=12)))
        looks = 0
        wait = engine._until

        async def until(at: float | None, now: float) -> None:
            nonlocal looks
            looks += 1
            await wait(at, now)

        monkeypatch.setattr(engine, "_until", until)
        if stop:
            asyncio.get_running_loop().call_later(20.0, engine.stop, Why.INTERRUPTED)
        found = await ends(engine)
        assert len(found) == 40
        assert CountedPool.asked < 1000
        assert looks < 1000

    run_virtual(main())
