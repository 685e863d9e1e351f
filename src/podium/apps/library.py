"""Podium as a library: the same features, typed, without the command line.

async with podium.connect("prod-eu") as fleet:
    async for end in fleet.exec(["nginx", "-t"], labels="app=web", everywhere=True):
        print(end.target, end.outcome, end.stderr.decode())
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace

from podium.apps import bootstrap
from podium.apps.bootstrap import Connect
from podium.domain import labels as label_selectors
from podium.domain.commands import Command
from podium.domain.errors import UsageError
from podium.domain.events import Finished
from podium.domain.names import parse_words
from podium.domain.outcomes import Failed, Outcome, Succeeded
from podium.domain.runs import RunHead, chosen
from podium.domain.selection import Selection, Where
from podium.domain.targets import Target
from podium.features.exec.report import Report
from podium.features.exec.request import Caution, ExecRequest
from podium.features.exec.service import ExecService, Run
from podium.runner import fleet as fleets
from podium.runner.plan import Pace
from podium.runner.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class End:
    """How one target ended and what it wrote, cut at the fleet's `max_output` (`truncated` says so).

    `seconds` since the attempt's start.
    """

    target: Target
    outcome: Outcome
    stdout: bytes
    stderr: bytes
    truncated: bool
    seconds: float

    @property
    def exit_code(self) -> int | None:
        """The exit code, where one was received."""
        match self.outcome:
            case Succeeded():
                return 0
            case Failed(code):
                return code
            case _:
                return None


class ExecRun:
    """One run: iterate once over the ends of its targets, in the order they come; then `report` holds the whole.

    The iteration raises UsageError, ClusterError (no cluster answered) and NothingMatchedError.
    """

    def __init__(self, fleet: fleets.Fleet, request: ExecRequest, resumed: str | None = None) -> None:
        self._fleet = fleet
        self._request = request
        self._resumed = resumed  # the run to go on with, None for a new one
        self._run: Run | None = None

    async def __aiter__(self) -> AsyncGenerator[End, None]:
        service = ExecService(self._fleet)
        if self._resumed is None:
            prepared = await service.prepare(self._request)
        else:
            prepared = await service.prepare_again(self._request, self._resumed)
        self._run = await service.run(prepared)
        async with aclosing(aiter(self._run)) as events:
            async for event in events:
                if isinstance(event, Finished) and event.next_in is None:
                    yield self._end(event)

    @property
    def report(self) -> Report:
        """The whole of the run: counts, left out, unreached, exit status. Raises RuntimeError before it ran."""
        if self._run is None:
            raise RuntimeError("the run has no report before it was iterated over")
        return self._run.report()

    def _end(self, event: Finished) -> End:
        answer, read = event.answer, self._fleet.blobs.read
        truncated = answer.stdout.truncated or answer.stderr.truncated
        return End(event.target, event.outcome, read(answer.stdout), read(answer.stderr), truncated, event.seconds)


class Fleet:
    """The clusters of one connection. Made by `connect`."""

    def __init__(self, fleet: fleets.Fleet) -> None:
        self._fleet = fleet

    @property
    def clusters(self) -> tuple[str, ...]:
        """The names of the contexts reached."""
        return tuple(cluster.name for cluster in self._fleet.clusters)

    def exec(
        self,
        command: Sequence[str] | Command,
        *targets: str,
        labels: str | None = None,
        namespaces: Sequence[str] = (),
        everywhere: bool = False,
        selection: Selection | None = None,
        pace: Pace | None = None,
    ) -> ExecRun:
        """Run a command in every target; nothing happens until the result is iterated over.

        `targets` are words as on the command line (NAME, GLOB, TYPE/NAME), `labels` is a label selector; or give a
        whole `selection`. Raises UsageError for words or a selector that cannot be read.
        """
        meant = selection or _selection(targets, labels, Where(tuple(namespaces), everywhere))
        whole = command if isinstance(command, Command) else Command(tuple(command))
        return ExecRun(self._fleet, ExecRequest(meant, whole, pace or Pace()))

    @property
    def runs(self) -> tuple[RunHead, ...]:
        """The runs that are kept, newest first; raises JournalError."""
        return tuple(self._fleet.runs.heads())

    def resume(
        self, run: str, command: Sequence[str] | Command, *, idempotent: bool = False, pace: Pace | None = None
    ) -> ExecRun:
        """Go on with a kept run: the targets that were never started or were rejected, with `idempotent` the lost too.

        `run` is the beginning of its id, or `last`; `command` is the one it had. Iterating raises what a new one does,
        and RunHeldError while a process runs it. Raises UsageError for another command or a run that is not kept.
        """
        record = self._fleet.runs.record(chosen(run, [head.run for head in self.runs]))
        whole = command if isinstance(command, Command) else Command(tuple(command))
        if whole.title != record.command:
            raise UsageError(f"run {record.run} ran another command: {record.command}")
        caution = Caution(RetryPolicy(idempotent=idempotent))
        request = ExecRequest(Selection(given=record.targets), whole, pace or Pace(), caution)
        return ExecRun(self._fleet, request, record.run)


def _selection(targets: Sequence[str], labels: str | None, where: Where) -> Selection:
    words = parse_words(targets)
    selectors = () if labels is None else (label_selectors.parse(labels),)
    return Selection(where=where, names=words.names, owners=words.owners, labels=selectors)


@asynccontextmanager
async def connect(*contexts: str, settings: Connect | None = None) -> AsyncIterator[Fleet]:
    """Reach the clusters of the contexts (names or globs; none: the current one) and give the fleet.

    `settings` hold the rest: kubeconfig, impersonation, timeouts; contexts named there hold where none are given here.
    Raises UsageError for a wrong kubeconfig or two contexts of one cluster, ClusterError where none could be reached.
    """
    whole = settings or Connect()
    if contexts:
        whole = replace(whole, contexts=contexts)
    async with bootstrap.connect(whole) as fleet:
        yield Fleet(fleet)
