"""The last lines of a run: what it came to, what an interrupted one left behind, and a fitting next command."""

from __future__ import annotations

import enum
import shlex
from collections import Counter
from dataclasses import dataclass

from podium.domain.escapes import neutralise
from podium.domain.inventory import UnreachedReason
from podium.domain.outcomes import (
    NAMES,
    Cancelled,
    Failed,
    Lost,
    Outcome,
    Rejected,
    Skipped,
    Stopped,
    Succeeded,
    TimedOut,
    Why,
    reason_of,
)
from podium.domain.units import format_count, format_elapsed
from podium.features.exec.phrases import plural
from podium.features.exec.report import Report
from podium.features.exec.request import BY_DEFAULT, Reach

_FORBIDDEN = frozenset({Why.FORBIDDEN, Why.NAMESPACE_FORBIDDEN})


@dataclass(frozen=True, slots=True)
class Ending:
    """`stopped` is "" for a run that came to its end, `next_command` where none fits."""

    stopped: str
    summary: str
    next_command: str
    slowest: str


def ending_of(report: Report, again: str, status: int | None, reach: Reach = BY_DEFAULT) -> Ending:
    """Say how a run ended. `again`: its TARGETS and selection flags; `status`: its exit status where not its own."""
    return Ending(
        stopped=_stopped(report),
        summary=" · ".join(_summary(report, report.exit_status if status is None else status)),
        next_command=_next_command(report, again, reach),
        slowest=_slowest(report),
    )


def _summary(report: Report, status: int) -> list[str]:
    counts = report.counts
    parts: list[str] = []
    for name in NAMES.values():
        number = counts.get(name, 0)
        if number > 0:
            text = f"{format_count(number)} {name.replace('_', ' ')}"
            if name == NAMES[Succeeded] and report.translated > 0:
                text += f" ({format_count(report.translated)} by a translated status)"
            parts.append(text)
    if not parts:
        parts.append("nothing ran")
    if report.missing:
        parts.append(f"{format_count(len(report.missing))} left out")
    if report.resolution.missing:
        parts.append(f"{format_count(len(report.resolution.missing))} not found")
    clusters = {one.cluster for one in report.unreached if not one.namespace}
    namespaces = {(one.cluster, one.namespace) for one in report.unreached if one.namespace}
    parts += [f"{plural(len(found), noun)} not reached" for found, noun in _found(clusters, namespaces)]
    return [*parts, format_elapsed(report.seconds), f"exit {status}"]


def _found(clusters: set[str], namespaces: set[tuple[str, str]]) -> list[tuple[set[str] | set[tuple[str, str]], str]]:
    return [(found, noun) for found, noun in ((clusters, "cluster"), (namespaces, "namespace")) if found]


def _stopped(report: Report) -> str:
    """What ran, what may still run and what was never started, where a run stopped before its end."""
    if report.stop is None:
        return ""
    fates = Counter(_fate(end.outcome) for end in report.ends.values())
    fates[_Fate.NEVER] += len(report.plan.targets) - len(report.ends)
    told = " · ".join(f"{format_count(fates[fate])} {fate.value}" for fate in _Fate)
    return neutralise(f"{report.stop.text}: ") + told


class _Fate(enum.Enum):
    RAN = "ran"
    MAY_RUN = "may still run"
    NEVER = "never started"


def _fate(outcome: Outcome) -> _Fate:
    match outcome:
        case Succeeded() | Failed():
            return _Fate.RAN
        case TimedOut(stopped=stopped) | Cancelled(stopped=stopped):
            return _Fate.RAN if stopped is Stopped.CONFIRMED else _Fate.MAY_RUN
        case Lost():
            return _Fate.MAY_RUN
        case Rejected() | Skipped():
            return _Fate.NEVER


def _next_command(report: Report, again: str, reach: Reach) -> str:
    """What to do about the gravest lack of it: missing rights, a cluster that is away, pods that do not run."""
    forbidden = _forbidden(report)
    clusters = {target.cluster for target in report.plan.targets} | {one.cluster for one in report.unreached}
    if forbidden is not None:
        cluster, namespace = forbidden
        place = reach.at(cluster if len(clusters) > 1 else None)
        return f"podium doctor{place} --role exec -n {shlex.quote(namespace)}"
    if report.stop is not None and report.resumable and _has_never_started(report):
        return "podium resume last"
    if report.unreached:
        return f"podium doctor{reach.at(report.unreached[0].cluster)}"
    if report.missing and again:
        return f"podium targets {again} --left-out"
    if report.resumable and any(isinstance(end.outcome, Rejected) for end in report.ends.values()):
        return "podium rerun last --only rejected"
    unsure = any(isinstance(end.outcome, Lost | TimedOut) for end in report.ends.values())
    if unsure and report.resumable:
        return "podium runs show last"
    return f"podium targets {again} -o wide" if unsure and again else ""


def _has_never_started(report: Report) -> bool:
    left = len(report.ends) < len(report.plan.targets)
    return left or any(_fate(end.outcome) is _Fate.NEVER for end in report.ends.values())


def _forbidden(report: Report) -> tuple[str, str] | None:
    """The first cluster and namespace in which rights were missing."""
    for end in report.ends.values():
        reason = reason_of(end.outcome)
        if reason is not None and reason.why in _FORBIDDEN:
            return end.target.cluster, end.target.namespace
    for one in report.unreached:
        if one.reason is UnreachedReason.FORBIDDEN and one.namespace:
            return one.cluster, one.namespace
    return None


def _slowest(report: Report) -> str:
    if not report.ends:
        return ""
    end = max(report.ends.values(), key=lambda each: each.seconds)
    node = f" on {end.target.node}" if end.target.node else ""
    return f"slowest: {end.target.pod}{node}, {format_elapsed(end.seconds)}"
