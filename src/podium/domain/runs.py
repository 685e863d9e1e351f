"""Runs as they are kept: what was planned, what came of it, and what a resumed run still has to do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from podium.domain.errors import UsageError
from podium.domain.events import Answer, Event, Finished, Started, Stream
from podium.domain.outcomes import Cancelled, Lost, Outcome, Reason, Rejected, Skipped, TimedOut, Why, name_of
from podium.domain.targets import Target

NOTHING = Stream(hashlib.sha256().digest(), 0, 0)
SILENT = Answer(NOTHING, NOTHING)
LAST = "last"


@dataclass(frozen=True, slots=True)
class Absent:
    """A pod of the selection, or one container of it, that was no target. Container "" is the whole pod."""

    target: Target
    label: str
    should_run: bool


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run before its first act. `lives` are the targets' container ids, in their order.

    `command` and `selection` are texts for people, masked. `request` is what the front needs to make the same request
    again, "" where it kept nothing; it never holds values of the environment or stdin.
    """

    run: str
    action: str
    command: str
    selection: str
    identity: str  #: the cluster's own name for us
    begun: float  #: seconds since the epoch
    contexts: tuple[str, ...]
    targets: tuple[Target, ...]
    lives: tuple[str, ...] = ()
    left_out: tuple[Absent, ...] = ()
    idempotent: bool = False
    request: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RunHead:
    """One line of a list of runs. `counts` are of final ends, by the outcome's JSON name.

    `ended` in seconds since the epoch, None while it runs or where it was broken off. `is_live`: a process holds it.
    """

    run: str
    action: str
    command: str
    selection: str
    identity: str
    owner: str  #: user@host of the process that ran it last
    begun: float
    planned: int
    counts: Mapping[str, int]
    epoch: int  #: how many processes ran it, one after the other
    ended: float | None = None
    exit_status: int | None = None
    stop: str = ""
    is_live: bool = False

    @property
    def open(self) -> int:
        """Targets without a final end."""
        return self.planned - sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Closing:
    """How a run came to its end."""

    at: float
    exit_status: int
    stop: str = ""


def ends_of(events: Iterable[Event], *, live: bool = False) -> dict[Target, Finished]:
    """The last end of each target that was tried or skipped; who is not in it was never started.

    A start without an end is *lost*, unless the run is `live`. An end that waited for its retry keeps `next_in`.
    """
    ends: dict[Target, Finished] = {}
    open_starts: dict[Target, Started] = {}
    for event in events:
        match event:
            case Started(target=target):
                open_starts[target] = event
            case Finished(target=target):
                open_starts.pop(target, None)
                ends[target] = event
            case _:
                pass
    for target, start in open_starts.items():
        if live:
            ends.pop(target, None)
        else:
            reason = Reason(Why.INTERRUPTED, "Podium ended before it saw the command's end")
            ends[target] = Finished(target, start.attempt, Lost(reason), SILENT, 0.0, start.at)
    return ends


def counts_of(ends: Iterable[Finished]) -> dict[str, int]:
    """How many ended in each outcome, by its JSON name."""
    counts: dict[str, int] = {}
    for end in ends:
        name = name_of(end.outcome)
        counts[name] = counts.get(name, 0) + 1
    return counts


def is_due(end: Finished | None, *, idempotent: bool) -> bool:
    """Whether a resumed run tries the target again: what never began, and what may have begun only if that is safe."""
    if end is None or end.next_in is not None:
        return True
    match end.outcome:
        case Skipped() | Rejected():
            return True
        case Lost() | TimedOut() | Cancelled():
            return idempotent
        case _:
            return False


def with_outcomes(
    targets: Sequence[Target], ends: Mapping[Target, Finished], names: frozenset[str]
) -> tuple[Target, ...]:
    """The targets whose end is one of `names` (JSON names); who was never started counts as skipped."""

    def name(target: Target) -> str:
        end = ends.get(target)
        return name_of(_NEVER if end is None else end.outcome)

    return tuple(target for target in targets if name(target) in names)


def chosen(name: str, known: Sequence[str]) -> str:
    """The run that `name` means: `last`, or a prefix of exactly one of `known`, newest first; raises UsageError."""
    if not known:
        raise UsageError("no run is kept here (podium runs list)")
    if name == LAST:
        return known[0]
    found = [run for run in known if name and run.startswith(name.upper())]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"no run {name!r} is kept here (podium runs list)")
    raise UsageError(f"{name!r} means {len(found)} runs ({', '.join(found[:3])}, …): write more of its id")


_NEVER: Outcome = Skipped(Reason(Why.INTERRUPTED, "never started"))
