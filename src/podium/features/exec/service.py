"""The exec feature from request to report: snapshot, resolve, plan, gate, run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace

from podium.domain.describe import describe
from podium.domain.errors import ClusterError, JournalError, NotAllowedError, RunHeldError
from podium.domain.events import Event, Finished
from podium.domain.inventory import Snapshot, Unreached, UnreachedReason
from podium.domain.outcomes import Lost, Reason, Skipped, Why, reason_of
from podium.domain.resolve import resolve
from podium.domain.rights import Rights, exec_rights
from podium.domain.runs import SILENT, Closing, RunRecord, ends_of
from podium.domain.selection import Resolution, Selection
from podium.features.exec.entitled import named, warnings
from podium.features.exec.planning import merge, plan_for, wanted_for
from podium.features.exec.refusals import nothing_reached, too_few
from podium.features.exec.report import Report, Stop
from podium.features.exec.request import ExecRequest
from podium.features.exec.resuming import (
    About,
    Resumed,
    plan_again,
    record_of,
    resolution_again,
    resumed_notes,
    selection_to_list,
)
from podium.ports import Journal, Wanted
from podium.runner.attempt import Tap
from podium.runner.engine import Engine
from podium.runner.fleet import Cluster, Fleet
from podium.runner.gate import Passage, Purpose, admit, close
from podium.runner.plan import Plan
from podium.runner.preflight import PATIENCE, Preflight
from podium.runner.state import RunState

ACTION = "exec"
LISTEN = 0.5  #: seconds between two looks whether the run was cancelled
CANCEL_GRACE = 5.0  #: seconds that what is in flight may still take when it was


@dataclass(frozen=True, slots=True)
class Prepared:
    """What would run: shown before it does."""

    request: ExecRequest
    plan: Plan
    resolution: Resolution
    snapshot: Snapshot
    contexts: tuple[str, ...]
    who: str
    resumed: Resumed | None = None
    words: tuple[str, ...] = ()  #: of a resumed run
    said: str = ""  #: the selection in words, where it is not the request's
    rights: Rights = Rights()  #: what the clusters said of them before the run

    @property
    def description(self) -> str:
        """The selection in words."""
        return self.said or describe(self.request.selection)

    @property
    def unreached(self) -> tuple[Unreached, ...]:
        """The clusters and namespaces that could not be asked."""
        return self.snapshot.unreached

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say once before the run."""
        return (*self.words, *self.snapshot.notes, *warnings(self.rights))


class ExecService:
    """Runs one command in many targets of a fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def prepare(self, request: ExecRequest, patience: float | None = PATIENCE) -> Prepared:
        """Take a snapshot, pick the targets and order them, and ask for rights; nothing is run.

        Rights that are not told within `patience` seconds (None: as long as it takes) are unknown. Raises ClusterError
        where no cluster answered, NothingMatchedError for too few targets, UsageError where a selector is refused or
        one pod was found through two contexts.
        """
        selection = request.selection
        with Preflight(self._fleet.clusters, exec_rights(), lambda one: named(selection, one.namespace)) as preflight:
            prepared = await self._prepare(request)
            return replace(prepared, rights=await preflight.rights(prepared.plan.targets, patience))

    async def _prepare(self, request: ExecRequest) -> Prepared:
        fleet = self._fleet
        snapshot, who = await self._look(request, request.selection)
        resolution = self.pick(request, snapshot)
        refusal = too_few(request, resolution, snapshot)
        if refusal is not None:
            raise refusal
        return Prepared(
            request=request,
            plan=plan_for(request, resolution, snapshot, run=fleet.new_run(), action=ACTION),
            resolution=resolution,
            snapshot=snapshot,
            contexts=tuple(cluster.name for cluster in fleet.clusters),
            who=who,
        )

    async def prepare_again(self, request: ExecRequest, run: str) -> Prepared:
        """Take a snapshot and plan what a run that was begun still has to do; nothing is run.

        Raises KeyError for a run that is not kept, and what `prepare` raises.
        """
        record = self._fleet.runs.record(run)
        listed = selection_to_list(request.selection, record.targets)
        with Preflight(self._fleet.clusters, exec_rights(), lambda one: named(listed, one.namespace)) as preflight:
            prepared = await self._prepare_again(request, record)
            return replace(prepared, rights=await preflight.rights(prepared.plan.pending, PATIENCE))

    async def _prepare_again(self, request: ExecRequest, record: RunRecord) -> Prepared:
        runs, run = self._fleet.runs, record.run
        events = runs.events(run)
        left = Resumed(record, ends_of(event for _, event in events), events[-1][0] if events else 0)
        snapshot, who = await self._look(request, selection_to_list(request.selection, left.record.targets))
        plan, _ = plan_again(request, left, snapshot)
        resolution, new = resolution_again(self.pick(request, snapshot), left.record, snapshot)
        return Prepared(
            request=request,
            plan=plan,
            resolution=resolution,
            snapshot=snapshot,
            contexts=tuple(cluster.name for cluster in self._fleet.clusters),
            who=who,
            resumed=left,
            words=resumed_notes(plan, new, record.identity, who),
        )

    async def _look(self, request: ExecRequest, selection: Selection) -> tuple[Snapshot, str]:
        """A snapshot, and who we are to its clusters."""
        who = asyncio.gather(*(_who(cluster) for cluster in self._fleet.clusters))
        try:
            snapshot = await self._snapshot(request, selection)
        except BaseException:
            who.cancel()
            raise
        return snapshot, ", ".join(sorted({name for name in await who if name}))

    async def snapshot(self, request: ExecRequest) -> Snapshot:
        """List what the selection needs in every cluster at once; raises ClusterError where none answered."""
        return await self._snapshot(request, request.selection)

    async def _snapshot(self, request: ExecRequest, selection: Selection) -> Snapshot:
        wanted = wanted_for(selection)
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

    async def run(self, prepared: Prepared, tap: Tap | None = None) -> Run:
        """Open the journal and pass the gate, which records the act; the run starts when what this returns is iterated.

        Raises NotAllowedError where the act cannot be recorded, JournalError where the run cannot be kept, RunHeldError
        where another process runs it: nothing runs.
        """
        fleet, plan = self._fleet, prepared.plan
        purpose = Purpose(prepared.description, prepared.contexts, prepared.request.reason)
        actor = replace(fleet.actor, who=prepared.who)
        journal = await self._journal(prepared)
        try:
            passage = await admit(plan, actor, purpose, fleet.trail, fleet.clock.wall())
        except BaseException:
            await journal.close(None)
            raise
        return Run(fleet, prepared, passage, journal, tap)

    async def _journal(self, prepared: Prepared) -> Journal:
        fleet, left = self._fleet, prepared.resumed
        if left is None:
            about = About(prepared.description, prepared.who, prepared.contexts, fleet.clock.wall())
            return await fleet.journals.open(record_of(prepared.request, prepared.plan, prepared.resolution, about))
        run = left.record.run
        journal = await fleet.journals.take(run)
        if fleet.runs.events(run, left.last_event):
            await journal.close(None)
            raise RunHeldError(f"run {run} went on in another process meanwhile: look at it again (podium runs show)")
        return journal


class Run:
    """One run: iterate once over its events, then take its report."""

    def __init__(self, fleet: Fleet, prepared: Prepared, passage: Passage, journal: Journal, tap: Tap | None) -> None:
        self._clock = fleet.clock
        self._prepared = prepared
        self._passage = passage
        self._trail = fleet.trail
        self._head = passage.head
        self._notes: tuple[str, ...] = ()
        self._journal = journal
        self._engine = Engine(fleet, prepared.plan, passage.admission, journal, tap)
        self._state = RunState.of(prepared.plan)
        self._stop: Stop | None = None
        self._begun = fleet.clock.monotonic()
        self._seconds = 0.0

    @property
    def head(self) -> str:
        """The audit trail's hash after the last record of this run: kept elsewhere, it proves the trail up to here."""
        return self._head

    @property
    def state(self) -> RunState:
        """What the run has come to."""
        return self._state

    async def __aiter__(self) -> AsyncGenerator[Event, None]:
        self._begun = self._clock.monotonic()
        is_over = False
        listening = asyncio.create_task(self._listen())
        try:
            async with aclosing(self._engine.events()) as events:  # ended before the journal is let go
                async for event in events:
                    self._state.apply(event)
                    self._note_stop(event)
                    yield event
            is_over = True
        except JournalError as error:
            if not self._state.in_flight and len(self._state.ends) == len(self._prepared.plan.earlier):
                raise  # nothing ran
            for event in self._broken_off(error):
                self._state.apply(event)
                yield event
        finally:
            listening.cancel()
            self._seconds = self._clock.monotonic() - self._begun
            await self._close()
            await self._let_go(is_over=is_over)

    def _broken_off(self, error: JournalError) -> Iterator[Finished]:
        """The journal takes no more: nothing more is started, and what was in flight may still run."""
        self._stop = self._stop or Stop(str(error), 5)
        now = self._clock.wall()
        for target in self._prepared.plan.targets:
            if target in self._state.in_flight:
                reason = Reason(Why.INTERRUPTED, "may still run; its end could not be kept")
                yield Finished(target, 1, Lost(reason), SILENT, 0.0, now)
            elif target not in self._state.ends:
                yield Finished(target, 0, Skipped(Reason(Why.INTERRUPTED)), SILENT, 0.0, now)

    async def _listen(self) -> None:
        """End the run when somebody asks for it (podium cancel)."""
        while not self._journal.asked_to_cancel():
            await self._clock.sleep(LISTEN)
        self._stop = self._stop or Stop("cancelled (podium cancel)", 5)
        self._engine.stop(Why.CANCELLED)
        await self._clock.sleep(CANCEL_GRACE)
        self._engine.end_all(Why.CANCELLED)

    async def _let_go(self, *, is_over: bool) -> None:
        report = self.report()
        stop = "" if report.stop is None else report.stop.text
        closing = Closing(self._clock.wall(), report.exit_status, stop) if is_over else None
        try:
            await self._journal.close(closing)
        except JournalError as error:
            self._notes = (*self._notes, f"the end of this run is not kept: {error}")

    async def _close(self) -> None:
        """What ran has run: a record that cannot be written now is said, and changes no end."""
        try:
            self._head = await close(self._passage, self._state.counts, self._trail, self._clock.wall())
        except NotAllowedError as error:
            self._notes = (f"the end of this run is not recorded: {error}",)

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
            notes=(*prepared.notes, *self._notes),
            resumable=prepared.request.recorded != "",
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
    Why.CHECK: "a check between waves said stop",
    Why.BUDGET: "more ended badly than the budget allows",
    Why.BRAKE: "the first 50 all ended alike and badly (--max-failures 100% goes on)",
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
