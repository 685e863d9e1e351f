"""What a resumed run still has to do, and what has become of its targets: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from podium.domain.events import Finished
from podium.domain.inventory import Pod, Snapshot
from podium.domain.outcomes import Reason, Why
from podium.domain.runs import Absent, RunRecord, is_due
from podium.domain.selection import Picked, Resolution, Selection, Where
from podium.domain.targets import Target
from podium.domain.units import format_count
from podium.features.exec.planning import plan_for
from podium.features.exec.request import ExecRequest
from podium.runner.plan import Plan


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run as it was left: its record, what ended, and the number of its last event."""

    record: RunRecord
    ends: Mapping[Target, Finished]
    last_event: int


def selection_to_list(selection: Selection, targets: Sequence[Target]) -> Selection:
    """What to list so that each target is seen where it is still there, and new ones of the selection too.

    Labels and fields are left to us: a planned pod whose labels changed is still a target.
    """
    where = selection.where
    if not where.everywhere:
        names = (*where.namespaces, *(target.namespace for target in targets))
        where = Where(tuple(dict.fromkeys(names)))
    return replace(selection, where=where, labels=(), field_selectors=(), given=None, everything=True)


def plan_again(request: ExecRequest, left: Resumed, snapshot: Snapshot) -> tuple[Plan, tuple[Picked, ...]]:
    """The rest of the run as a plan, and its targets that are still there.

    Targets whose pod was replaced or deleted are absent, and those that could not be asked for are not seen.
    """
    record = left.record
    idempotent = record.idempotent or request.caution.retry.idempotent
    pods = {(pod.cluster, pod.uid): pod for pod in snapshot.pods}
    due = [target for target in record.targets if is_due(left.ends.get(target), idempotent=idempotent)]
    there: list[Picked] = []
    absent: dict[Target, Reason] = {}
    for target in due:
        pod = pods.get((target.cluster, target.uid))
        if pod is not None and _has(pod, target.container):
            there.append(Picked(target, pod))
        else:
            absent[target] = _why_absent(target, snapshot)
    waiting = set(due)
    plan = plan_for(request, Resolution(tuple(there), ()), snapshot, run=record.run, action=record.action)
    caution = request.caution
    return replace(
        plan,
        targets=record.targets,
        waves=plan.waves or ((plan.targets,) if plan.targets else ()),
        care=replace(plan.care, budget=caution.budget_for(len(record.targets))),
        earlier={target: left.ends[target] for target in record.targets if target not in waiting},
        absent=absent,
    ), tuple(there)


def resolution_again(now: Resolution, record: RunRecord, snapshot: Snapshot) -> tuple[Resolution, int]:
    """The resolution a resumed run is shown with, and how many new targets the selection has by now.

    New ones are offered, never added.
    """
    planned = {(target.cluster, target.uid, target.container) for target in record.targets}
    pods = {(pod.cluster, pod.uid): pod for pod in snapshot.pods}
    new = sum((one.target.cluster, one.target.uid, one.target.container) not in planned for one in now.picked)
    known = tuple(
        Picked(target, pods[target.cluster, target.uid])
        for target in record.targets
        if (target.cluster, target.uid) in pods
    )
    uids = {(target.cluster, target.uid) for target in record.targets}
    left_out = tuple(left for left in now.left_out if (left.pod.cluster, left.pod.uid) not in uids)
    return Resolution(known, left_out, seed=now.seed), new


def resumed_notes(plan: Plan, new: int, before: str, now: str) -> tuple[str, ...]:
    """What to say of a resumed run before it goes on; `before` and `now` are who the clusters took and take us for."""
    pending = len(plan.pending)
    ended = len(plan.earlier)
    notes = [f"resumed: {format_count(pending)} still to run, {format_count(ended)} ended before and stay so"]
    gone = sum(reason.why is Why.GONE for reason in plan.absent.values())
    unseen = len(plan.absent) - gone
    if gone > 0:
        notes.append(f"gone: {format_count(gone)} were replaced or deleted since, and are skipped")
    if unseen > 0:
        notes.append(f"not seen: {format_count(unseen)} could not be asked for, and are skipped")
    if new > 0:
        notes.append(f"new: {format_count(new)} more are in the selection by now; they are not added")
    if before != now:
        notes.append(f"begun as {before or 'somebody unknown'}, resumed as {now or 'somebody unknown'}")
    return tuple(notes)


def record_of(request: ExecRequest, plan: Plan, resolution: Resolution, about: About) -> RunRecord:
    """What is kept of a run before its first act."""
    return RunRecord(
        run=plan.run,
        action=plan.action,
        command=plan.command.title,
        selection=about.selection,
        identity=about.who,
        begun=about.begun,
        contexts=about.contexts,
        targets=plan.targets,
        lives=tuple(plan.lives.get(target, "") for target in plan.targets),
        left_out=tuple(
            Absent(_target_of(left.pod, left.container), left.label, left.should_run) for left in resolution.left_out
        ),
        idempotent=request.caution.retry.idempotent,
        request=request.recorded,
    )


@dataclass(frozen=True, slots=True)
class About:
    """What a record says beside the plan. `begun` in seconds since the epoch."""

    selection: str
    who: str
    contexts: tuple[str, ...]
    begun: float


def _has(pod: Pod, container: str) -> bool:
    return any(one.name == container for one in pod.containers)


def _why_absent(target: Target, snapshot: Snapshot) -> Reason:
    for one in snapshot.unreached:
        if one.cluster == target.cluster and one.namespace in {"", target.namespace}:
            return Reason(Why.NOT_SEEN, one.reason.value)
    return Reason(Why.GONE)


def _target_of(pod: Pod, container: str) -> Target:
    return Target(pod.cluster, pod.namespace, pod.name, container, pod.uid, pod.node)
