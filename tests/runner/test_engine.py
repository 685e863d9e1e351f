"""The engine in virtual time: limits, ends, and who is asked."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from podium.domain.events import Event, Finished, Noticed, Started
from podium.domain.outcomes import Failed, Lost, Proof, Reason, Rejected, Skipped, TimedOut, Why, name_of, reason_of
from podium.domain.targets import Target
from podium.ports import Change
from podium.runner.engine import Engine
from podium.runner.plan import Care, Pace
from podium.runner.retry import RetryPolicy
from support.fleets import Act, ScriptedReviews, Stage, admitted, most_at_once, plan_of, targets
from support.virtual_time import run_virtual

ONCE = Care(RetryPolicy(0))


async def collect(engine: Engine) -> list[Event]:
    return [event async for event in engine.events()]


def ends(events: list[Event]) -> dict[Target, Finished]:
    found: dict[Target, Finished] = {}
    for event in events:
        if isinstance(event, Finished) and event.next_in is None:
            assert event.target not in found, "two ends for one target"
            found[event.target] = event
    return found


def whys(events: list[Event]) -> Counter[str]:
    reasons = [reason_of(end.outcome) for end in ends(events).values()]
    return Counter("" if reason is None else reason.why.value for reason in reasons)


def test_every_target_ends_once_and_the_journal_has_it_first() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act())
        some = targets(200, nodes=20, namespaces=3)
        seen: list[Event] = []
        async for event in stage.engine(plan_of(some)).events():
            assert event in stage.journal.events, "seen before it was kept"
            seen.append(event)
        assert set(ends(seen)) == set(some)
        assert {type(event) for event in seen} == {Started, Finished}

    run_virtual(main())


@pytest.mark.on(why="the engine in virtual time, on a scripted fleet")
def test_pitfall_31_open_streams_stay_within_every_limit() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=1.0))
        pace = Pace(concurrency=10, max_per_node=3, slow_start=())
        some = targets(100, nodes=5)
        await collect(stage.engine(plan_of(some, pace)))
        assert stage.exec.peak == 10
        assert not stage.exec.open
        for node in {target.node for target in some}:
            assert most_at_once([span for span in stage.exec.spans if span[0].node == node]) <= 3

    run_virtual(main())


def test_slow_start_shows_a_wrong_command_early() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(connect=0.0, work=0.2))
        await collect(stage.engine(plan_of(targets(300, nodes=100))))
        early = [span for span in stage.exec.spans if span[1] < 0.2]
        later = [span for span in stage.exec.spans if span[1] < 1.2]
        assert len(early) == 8
        assert len(later) > 64

    run_virtual(main())


@pytest.mark.on(why="the engine in virtual time, on a scripted fleet")
def test_pitfall_4_a_timeout_keeps_the_output_and_names_the_reason() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(stdout=b"ok\n", work=1000.0))
        (end,) = ends(await collect(stage.engine(plan_of(targets(1), timeout=7.0)))).values()
        assert isinstance(end.outcome, TimedOut)
        assert "child that holds its output" in str(end.outcome.reason)
        assert stage.blobs.read(end.answer.stdout) == b"ok\n"
        assert end.seconds == pytest.approx(7.0, abs=0.1)

    run_virtual(main())


@pytest.mark.parametrize(
    "words", ['cannot create resource "pods/exec"', 'pods "web-0" is forbidden: it gives no reason']
)
def test_a_forbidden_namespace_is_asked_once(words: str) -> None:
    forbidden = Rejected(Reason(Why.FORBIDDEN, words))

    async def main() -> None:
        reviews = ScriptedReviews({("create", "pods/exec", "ns1"): False})
        stage = Stage(lambda t: Act(forbidden, reached=False) if t.namespace == "ns1" else Act(), reviews)
        some = targets(300, nodes=30, namespaces=3)
        events = await collect(stage.engine(plan_of(some)))
        asked = [span[0] for span in stage.exec.spans if span[0].namespace == "ns1"]
        assert len(asked) == 1
        assert reviews.asked == [("create", "pods/exec", "ns1")]
        assert whys(events) == {"": 200, "forbidden": 1, "namespace forbidden": 99}
        assert set(ends(events)) == set(some)

    run_virtual(main())


def test_a_403_that_the_review_does_not_confirm_is_that_targets_alone() -> None:
    forbidden = Rejected(Reason(Why.FORBIDDEN, 'cannot get resource "pods/exec"'))

    async def main() -> None:
        stage = Stage(lambda t: Act(forbidden, reached=False) if t.pod == "pod-0" else Act())
        events = await collect(stage.engine(plan_of(targets(50))))
        assert whys(events) == {"": 49, "forbidden": 1}

    run_virtual(main())


def test_the_others_wait_for_their_scout_but_not_for_ever() -> None:
    async def main() -> None:
        stage = Stage(lambda t: Act(connect=100.0 if t.pod == "pod-0" else 0.01))
        await collect(stage.engine(plan_of(targets(20), Pace(slow_start=()))))
        starts = sorted(start for _, start, _ in stage.exec.spans)
        assert starts[0] == 0.0
        assert starts[1] == pytest.approx(3.0, abs=0.01)

    run_virtual(main())


@pytest.mark.on(why="the engine in virtual time, on a scripted fleet")
def test_pitfall_19_a_node_that_does_not_answer_is_left_alone() -> None:
    dead = Rejected(Reason(Why.NODE_UNREACHABLE, "dial tcp: i/o timeout"))

    async def main() -> None:
        stage = Stage(lambda t: Act(dead, reached=False, work=0.0) if t.node == "n1" else Act())
        some = targets(200, nodes=4)
        events = await collect(stage.engine(plan_of(some, Pace(slow_start=()), care=ONCE)))
        asked = [span for span in stage.exec.spans if span[0].node == "n1"]
        assert 3 <= len(asked) <= 8 + 1  # what was in flight when the third failed, and at most a probe
        assert whys(events)[""] == 150
        assert ends(events).keys() == set(some)
        skipped = [end for end in ends(events).values() if isinstance(end.outcome, Skipped)]
        assert {str(end.outcome.reason) for end in skipped if isinstance(end.outcome, Skipped)} == {"node unreachable"}
        assert all(end.attempt == 0 for end in skipped)

    run_virtual(main())


@pytest.mark.on(why="the engine in virtual time, on a scripted fleet")
def test_pitfall_19_a_stream_that_stands_is_no_proof_of_a_node_where_it_is_translated() -> None:
    dead = Rejected(Reason(Why.NODE_UNREACHABLE, "error dialing backend: dial tcp: i/o timeout"))

    async def main() -> None:
        stage = Stage(lambda t: Act(dead, translated=True, work=1.0) if t.node == "n1" else Act())
        await collect(stage.engine(plan_of(targets(200, nodes=4), Pace(slow_start=()))))
        assert len([span for span in stage.exec.spans if span[0].node == "n1"]) <= 8 + 1

    run_virtual(main())


def test_a_node_that_comes_back_is_used_again() -> None:
    dead = Rejected(Reason(Why.NODE_UNREACHABLE))

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def act_of(target: Target) -> Act:
            if target.node == "n1" and loop.time() < 4.0:
                return Act(dead, reached=False, work=0.0)
            return Act(work=2.0 if target.node == "n0" else 0.1)

        stage = Stage(act_of)
        events = await collect(
            stage.engine(plan_of(targets(60, nodes=2), Pace(max_per_node=3, slow_start=()), care=ONCE))
        )
        assert whys(events)["node unreachable"] <= 3

    run_virtual(main())


def test_targets_on_not_ready_nodes_come_last() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act())
        some = targets(60, nodes=3)
        pace = Pace(max_per_node=2, slow_start=())  # well nodes are full while there is room for more
        await collect(stage.engine(plan_of(some, pace, not_ready=frozenset({("c", "n1")}))))
        first = min(start for target, start, _ in stage.exec.spans if target.node == "n1")
        last = max(start for target, start, _ in stage.exec.spans if target.node != "n1")
        assert first >= last

    run_virtual(main())


def test_all_targets_on_not_ready_nodes_still_run() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act())
        some = targets(30, nodes=1)
        events = await collect(stage.engine(plan_of(some, not_ready=frozenset({("c", "n0")}))))
        assert whys(events) == {"": 30}

    run_virtual(main())


@pytest.mark.on(why="the engine in virtual time, on a scripted fleet")
def test_pitfall_16_a_deleted_pod_ends_its_exec() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=1000.0))
        some = targets(2)
        asyncio.get_running_loop().call_later(
            5.0, stage.inventory.queue.put_nowait, Change(some[0].uid, deleted=True, containers={})
        )
        asyncio.get_running_loop().call_later(
            6.0, stage.inventory.queue.put_nowait, Change(some[1].uid, False, {"main": ("life-2", True)})
        )
        found = ends(await collect(stage.engine(plan_of(some))))
        assert reason_of(found[some[0]].outcome) == Reason(Why.POD_GONE, "the stream stayed open")
        assert reason_of(found[some[1]].outcome) == Reason(Why.CONTAINER_RESTARTED, "the stream stayed open")
        assert all(isinstance(end.outcome, Lost) for end in found.values())
        assert found[some[0]].seconds < 20

    run_virtual(main())


@pytest.mark.on(why="the engine in virtual time, on a scripted fleet")
@pytest.mark.parametrize(("life", "expected"), [("life-2", Why.CONTAINER_REPLACED), ("life-1", None)])
def test_pitfall_15_exit_137_tells_a_replaced_container(life: str, expected: Why | None) -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(Failed(137, Proof.RUNTIME), work=1.0))
        (target,) = targets(1)
        change = Change(target.uid, False, {"main": (life, True)})
        asyncio.get_running_loop().call_later(2.0, stage.inventory.queue.put_nowait, change)
        (end,) = ends(await collect(stage.engine(plan_of([target])))).values()
        assert isinstance(end.outcome, Failed)
        assert end.outcome.exit_code == 137
        reason = end.outcome.reason
        assert (None if reason is None else reason.why) is expected

    run_virtual(main())


def test_a_pod_gone_before_its_turn_is_rejected_unasked() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=5.0))
        some = targets(3, nodes=1)
        stage.inventory.queue.put_nowait(Change(some[2].uid, deleted=True, containers={}))
        found = ends(await collect(stage.engine(plan_of(some, Pace(max_per_node=1)))))
        assert found[some[2]].outcome == Rejected(Reason(Why.REPLACED_BEFORE))
        assert some[2] not in {span[0] for span in stage.exec.spans}

    run_virtual(main())


def test_run_timeout_ends_what_is_in_flight_and_skips_the_rest() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=100.0))
        events = await collect(stage.engine(plan_of(targets(40, nodes=40), Pace(concurrency=8, run_timeout=10.0))))
        counts = Counter(name_of(end.outcome) for end in ends(events).values())
        assert counts == {"timed_out": 8, "skipped": 32}
        assert whys(events) == {"run timeout": 8, "deadline": 32}

    run_virtual(main())


def test_stop_lets_what_is_in_flight_end_and_a_second_stop_does_not() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        stage = Stage(lambda t: Act(work=2.0 if t.pod in {"pod-0", "pod-1"} else 100.0))
        engine = stage.engine(plan_of(targets(40, nodes=40), Pace(concurrency=8)))
        loop.call_later(1.0, engine.stop, Why.INTERRUPTED)
        loop.call_later(6.0, engine.end_all, Why.INTERRUPTED)
        events = await collect(engine)
        counts = Counter(name_of(end.outcome) for end in ends(events).values())
        assert counts == {"succeeded": 2, "lost": 6, "skipped": 32}

    run_virtual(main())


def test_a_machine_that_slept_starts_nothing_more() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=50.0))
        asyncio.get_running_loop().call_later(12.0, setattr, stage.clock, "asleep", 600.0)
        events = await collect(stage.engine(plan_of(targets(20, nodes=20), Pace(concurrency=4))))
        counts = Counter(name_of(end.outcome) for end in ends(events).values())
        assert counts == {"lost": 4, "skipped": 16}
        assert whys(events) == {"this machine slept": 20}
        assert any(isinstance(event, Noticed) and "slept" in event.text for event in events)

    run_virtual(main())


def test_closing_the_iteration_early_leaves_no_exec_open() -> None:
    async def main() -> None:
        stage = Stage(lambda _: Act(work=50.0))
        events = stage.engine(plan_of(targets(20, nodes=20))).events()
        async for _ in events:
            break
        await events.aclose()
        await asyncio.sleep(0)
        assert not stage.exec.open
        assert len(asyncio.all_tasks()) == 1

    run_virtual(main())


def test_two_clusters_share_the_whole_limit_fairly() -> None:
    from dataclasses import replace

    async def main() -> None:
        one, two = Stage(lambda _: Act(work=1.0)), Stage(lambda _: Act(work=1.0), cluster="d")
        fleet = replace(one.fleet, clusters=(*one.fleet.clusters, *two.fleet.clusters))
        some = (*targets(100, nodes=50), *targets(100, nodes=50, cluster="d"))

        plan = plan_of(some, Pace(concurrency=64, concurrency_in_all=20, slow_start=()))
        await collect(Engine(fleet, plan, admitted(plan), one.journal))
        assert (one.exec.peak, two.exec.peak) == (10, 10)

    run_virtual(main())
