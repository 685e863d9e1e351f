"""Resume decisions: what finished never runs twice, nothing is forgotten, nothing is added."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from podium.domain.commands import Command
from podium.domain.events import Event, Finished, Started
from podium.domain.inventory import Container, Pod, Snapshot, Unreached, UnreachedReason
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
)
from podium.domain.runs import SILENT, RunRecord, chosen, ends_of, is_due, with_outcomes
from podium.domain.selection import Picked, Resolution, Selection, Where
from podium.domain.targets import Target
from podium.features.exec.request import Caution, ExecRequest
from podium.features.exec.resuming import Resumed, plan_again, resolution_again, resumed_notes, selection_to_list
from podium.runner.retry import RetryPolicy

FINAL = (Succeeded(Proof.RUNTIME), Failed(1))
NEVER_BEGAN = (Rejected(Reason(Why.THROTTLED)), Rejected(Reason(Why.FORBIDDEN)), Skipped(Reason(Why.BUDGET)))
MAY_HAVE = (Lost(Reason(Why.NO_STATUS)), TimedOut(Reason(Why.TIMEOUT)), Cancelled())
outcomes: st.SearchStrategy[Outcome] = st.sampled_from((*FINAL, *NEVER_BEGAN, *MAY_HAVE))


def target(number: int, uid: str = "") -> Target:
    return Target("c", f"ns{number % 2}", f"pod-{number}", "main", uid or f"uid-{number}", f"n{number % 3}")


def pod(one: Target) -> Pod:
    container = Container("main", "image:1", container_id=f"life-{one.pod}")
    return Pod("c", one.namespace, one.pod, one.uid, "Running", node=one.node, containers=(container,))


@st.composite
def histories(draw: st.DrawFn) -> tuple[tuple[Target, ...], list[Event]]:
    """Targets, and what a run that may have been killed and resumed wrote of them."""
    targets = tuple(target(number) for number in range(draw(st.integers(1, 12))))
    events: list[Event] = []
    for _ in range(draw(st.integers(1, 3))):
        alive = [one for one in targets if is_due(ends_of(events).get(one), idempotent=False)]
        whole: list[Event] = []
        for one in alive:
            outcome: Outcome = draw(outcomes)
            whole += [Started(one, 1, 1.0), Finished(one, 1, outcome, SILENT, 1.0, 2.0)]
        events += whole[: draw(st.integers(0, len(whole)))]
    return targets, events


def request(*, idempotent: bool) -> ExecRequest:
    caution = Caution(RetryPolicy(idempotent=idempotent))
    return ExecRequest(Selection(everything=True), Command(("true",)), caution=caution)


def left(targets: Sequence[Target], events: list[Event]) -> Resumed:
    record = RunRecord("R", "exec", "true", "all", "al", 0.0, ("c",), tuple(targets))
    return Resumed(record, ends_of(events), 0)


@given(histories(), st.booleans(), st.sets(st.integers(0, 11)))
def test_a_resumed_plan_parts_the_targets_and_repeats_nothing_that_finished(
    history: tuple[tuple[Target, ...], list[Event]], idempotent: bool, replaced: set[int]
) -> None:
    targets, events = history
    now = [target(n, uid="later") if n in replaced else one for n, one in enumerate(targets)]
    new = target(99)
    snapshot = Snapshot(tuple(pod(one) for one in (*now, new)))
    plan, there = plan_again(request(idempotent=idempotent), left(targets, events), snapshot)
    pending, earlier, absent = set(plan.pending), set(plan.earlier), set(plan.absent)
    assert sorted([*pending, *earlier, *absent]) == sorted(targets), "each in exactly one part"
    assert pending == {picked.target for picked in there}
    assert sorted(one for wave in plan.waves for one in wave) == sorted(pending)
    started = {event.target for event in events if isinstance(event, Started)}
    for one in targets:
        last = ends_of(events).get(one)
        if last is not None and isinstance(last.outcome, Succeeded | Failed):
            assert one in earlier, "what finished never runs twice"
        elif last is not None and isinstance(last.outcome, Lost | TimedOut | Cancelled):
            assert (one in earlier) is not idempotent
        else:
            assert one not in earlier, "what never began is not forgotten"
        if one not in started:
            assert one not in earlier
    gone = {one for n, one in enumerate(targets) if n in replaced}
    assert absent == gone - earlier
    assert all(reason.why is Why.GONE for reason in plan.absent.values())
    assert new not in plan.targets


@given(histories())
def test_a_start_without_an_end_is_lost(history: tuple[tuple[Target, ...], list[Event]]) -> None:
    _, events = history
    last: dict[Target, Event] = {event.target: event for event in events if isinstance(event, Started | Finished)}
    ends = ends_of(events)
    assert set(ends) == set(last)
    for one, event in last.items():
        if isinstance(event, Started):
            assert isinstance(ends[one].outcome, Lost)
            assert one not in ends_of(events, live=True)
        else:
            assert ends[one] == event


def test_an_end_that_waited_for_its_retry_is_still_owed_it() -> None:
    waiting = Finished(target(0), 1, Failed(75), SILENT, 1.0, 2.0, next_in=3.0)
    assert is_due(waiting, idempotent=False)


def test_what_could_not_be_asked_for_is_not_called_gone() -> None:
    one = target(0)
    away = Unreached("c", one.namespace, UnreachedReason.FORBIDDEN, "no")
    plan, _ = plan_again(request(idempotent=False), left([one], []), Snapshot((), unreached=(away,)))
    assert plan.absent[one].why is Why.NOT_SEEN
    assert is_due(Finished(one, 0, Skipped(plan.absent[one]), SILENT, 0.0, 0.0), idempotent=False)


def test_new_pods_of_the_selection_are_counted_and_not_added() -> None:
    old, new = target(0), target(1)
    snapshot = Snapshot((pod(old), pod(new)))
    now = Resolution((Picked(old, pod(old)), Picked(new, pod(new))), ())
    resolution, count = resolution_again(now, left([old], []).record, snapshot)
    assert [picked.target for picked in resolution.picked] == [old]
    assert count == 1


def test_planned_pods_are_listed_whatever_their_labels_are_by_now() -> None:
    listed = selection_to_list(Selection(where=Where(("shop",)), names=("web-*",)), [target(0), target(1)])
    assert listed.labels == ()
    assert set(listed.where.namespaces) == {"shop", "ns0", "ns1"}
    everywhere = Selection(where=Where(everywhere=True), everything=True)
    assert selection_to_list(everywhere, [target(0)]).where.everywhere


def test_who_resumes_as_somebody_else_is_told() -> None:
    plan, _ = plan_again(request(idempotent=False), left([target(0)], []), Snapshot((pod(target(0)),)))
    assert resumed_notes(plan, 0, "alice", "alice") == ("resumed: 1 still to run, 0 ended before and stay so",)
    assert "begun as alice, resumed as bob" in resumed_notes(plan, 0, "alice", "bob")


def test_targets_by_how_they_ended_and_runs_by_prefix() -> None:
    ends = {target(0): Finished(target(0), 1, Failed(1), SILENT, 1.0, 2.0)}
    some = (target(0), target(1))
    assert with_outcomes(some, ends, frozenset({"failed"})) == (target(0),)
    assert with_outcomes(some, ends, frozenset({"skipped"})) == (target(1),)
    assert chosen("last", ["01B", "01A"]) == "01B"
    assert chosen("01a", ["01B", "01A"]) == "01A"
