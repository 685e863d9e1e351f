"""The exec feature from request to report: snapshot, resolve, plan, gate, run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from podium.domain.errors import ClusterError
from podium.domain.events import Event, Finished
from podium.domain.inventory import Snapshot, Unreached, UnreachedReason
from podium.domain.outcomes import Why, reason_of
from podium.domain.resolve import resolve
from podium.domain.selection import Resolution
from podium.features.exec.planning import merge, plan_for, wanted_for
from podium.features.exec.refusals import nothing_reached, too_few
from podium.features.exec.report import Report, Stop
from podium.features.exec.request import ExecRequest
from podium.ports import Wanted
from podium.runner.attempt import Tap
from podium.runner.engine import Engine
from podium.runner.fleet import Cluster, Fleet
from podium.runner.gate import admit
from podium.runner.plan import Plan
from podium.runner.state import RunState

ACTION = "exec"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What would run: shown before it does."""

    request: ExecRequest
    plan: Plan
    resolution: Resolution
    snapshot: Snapshot
    contexts: tuple[str, ...]
    who: str

    @property
    def unreached(self) -> tuple[Unreached, ...]:
        """The clusters and namespaces that could not be asked."""
        return self.snapshot.unreached

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say once before the run."""
        return self.snapshot.notes


class ExecService:
    """Runs one command in many targets of a fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def prepare(self, request: ExecRequest) -> Prepared:
        """Take a snapshot, pick the targets and order them; nothing is run.

        Raises ClusterError where no cluster answered, NothingMatchedError for too few targets, UsageError where a
        selector is refused or one pod was found through two contexts.
        """
        fleet = self._fleet
        who = asyncio.gather(*(_who(cluster) for cluster in fleet.clusters))
        try:
            snapshot = await self.snapshot(request)
        except BaseException:
            who.cancel()
            raise
        resolution = self.pick(request, snapshot)
        refusal = too_few(request, resolution, snapshot)
        if refusal is not None:
            who.cancel()
            raise refusal
        return Prepared(
            request=request,
            plan=plan_for(request, resolution, snapshot, run=fleet.new_run(), action=ACTION),
            resolution=resolution,
            snapshot=snapshot,
            contexts=tuple(cluster.name for cluster in fleet.clusters),
            who=", ".join(sorted({name for name in await who if name})),
        )

    async def snapshot(self, request: ExecRequest) -> Snapshot:
        """List what the selection needs in every cluster at once; raises ClusterError where none answered."""
        wanted = wanted_for(request.selection)
        try:
            async with asyncio.TaskGroup() as group:
                listing = [group.create_task(_listed(cluster, wanted)) for cluster in self._fleet.clusters]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None  # the user's fault, or a bug: as itself, after the rest has ended
        snapshot = merge([task.result() for task in listing], self._fleet.unreached)
        if (
            snapshot.unreached
            and not snapshot.pods
            and len({one.cluster for one in snapshot.unreached})
            >= len(
                {*(cluster.name for cluster in self._fleet.clusters), *(one.cluster for one in self._fleet.unreached)}
            )
        ):
            raise nothing_reached(snapshot.unreached, request.reach)
        return snapshot

    def pick(self, request: ExecRequest, snapshot: Snapshot) -> Resolution:
        """Resolve the selection in a snapshot."""
        own = {cluster.name: cluster.namespace for cluster in self._fleet.clusters}
        return resolve(request.selection, snapshot, self._fleet.clock.wall(), own)

    def run(self, prepared: Prepared, tap: Tap | None = None) -> Run:
        """Start the run by iterating over what this returns."""
        return Run(self._fleet, prepared, tap)


class Run:
    """One run: iterate once over its events, then take its report."""

    def __init__(self, fleet: Fleet, prepared: Prepared, tap: Tap | None) -> None:
        self._clock = fleet.clock
        self._prepared = prepared
        plan = prepared.plan
        journal = fleet.journals.open(plan.run, prepared.who)
        self._engine = Engine(fleet, plan, admit(plan, prepared.who), journal, tap)
        self._state = RunState(len(plan.targets))
        self._stop: Stop | None = None
        self._begun = fleet.clock.monotonic()
        self._seconds = 0.0

    @property
    def state(self) -> RunState:
        """What the run has come to."""
        return self._state

    async def __aiter__(self) -> AsyncIterator[Event]:
        self._begun = self._clock.monotonic()
        async for event in self._engine.events():
            self._state.apply(event)
            self._note_stop(event)
            yield event
        self._seconds = self._clock.monotonic() - self._begun

    def stop(self, stop: Stop) -> None:
        """Start nothing more; called again, end what is in flight at once."""
        again = self._stop is not None
        self._stop = self._stop or stop
        self._engine.stop(Why.INTERRUPTED)
        if again:
            self._engine.end_all(Why.INTERRUPTED)

    def report(self) -> Report:
        """The whole of the run, once it is over."""
        prepared = self._prepared
        return Report(
            plan=prepared.plan,
            resolution=prepared.resolution,
            unreached=prepared.unreached,
            ends={target: self._state.ends[target] for target in prepared.plan.targets if target in self._state.ends},
            seconds=self._seconds or self._clock.monotonic() - self._begun,
            allow_skipped=prepared.request.allow_skipped,
            stop=self._stop,
            notes=prepared.notes,
        )

    def _note_stop(self, event: Event) -> None:
        """Runs that end themselves (run timeout, deadline, sleep) stop with status 5."""
        if self._stop is None and isinstance(event, Finished):
            why = _why(event)
            text = None if why is None else _STOPS.get(why)
            if text is not None:
                self._stop = Stop(text, 5)


_STOPS = {
    Why.RUN_TIMEOUT: "the run's time was over (--run-timeout)",
    Why.DEADLINE: "the deadline has passed",
    Why.SLEPT: "this machine slept",
}


def _why(end: Finished) -> Why | None:
    reason = reason_of(end.outcome)
    return reason.why if reason is not None else None


async def _who(cluster: Cluster) -> str:
    try:
        return await cluster.reviews.who_am_i()
    except ClusterError:
        return ""


async def _listed(cluster: Cluster, wanted: Wanted) -> Snapshot:
    try:
        return await cluster.inventory.snapshot(wanted)
    except ClusterError as error:
        reason = UnreachedReason.UNREACHABLE
        return Snapshot((), unreached=(Unreached(cluster.name, "", reason, str(error)),))
