"""Kept runs, looked at: at once, or until they end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from podium.domain.errors import UsageError
from podium.domain.events import Event, Finished
from podium.domain.runs import RunHead, RunRecord, chosen, ends_of
from podium.domain.targets import Target
from podium.ports import Clock, Runs

PERIOD = 0.5  #: seconds between two looks at a run that goes on


@dataclass(frozen=True, slots=True)
class Kept:
    """A run as it is kept: where it stands, what was planned, and the end of each target that has one."""

    head: RunHead
    record: RunRecord
    ends: Mapping[Target, Finished]


class RunsService:
    """Looks at the kept runs."""

    def __init__(self, runs: Runs, clock: Clock) -> None:
        self._runs = runs
        self._clock = clock

    def heads(self) -> tuple[RunHead, ...]:
        """All runs, newest first."""
        return tuple(self._runs.heads())

    def find(self, name: str) -> RunHead:
        """The run that a prefix or `last` means; raises UsageError."""
        heads = {head.run: head for head in self._runs.heads()}
        return heads[chosen(name, list(heads))]

    def look(self, name: str) -> Kept:
        """A run with its targets and ends; raises UsageError."""
        head = self.find(name)
        record = self._runs.record(head.run)
        return Kept(head, record, ends_of((event for _, event in self._runs.events(head.run)), live=head.is_live))

    async def wait(self, run: str) -> RunHead:
        """Wait until no process runs it; `run` is a whole id."""
        while (head := self.find(run)).is_live:
            await self._clock.sleep(PERIOD)
        return head

    async def follow(self, run: str) -> AsyncIterator[Event]:
        """Yield what has happened, and what happens, until no process runs it."""
        last = 0
        while True:
            is_live = self.find(run).is_live
            for number, event in self._runs.events(run, last):
                last = number
                yield event
            if not is_live:
                return
            await self._clock.sleep(PERIOD)

    async def cancel(self, run: str) -> RunHead:
        """Ask the process that runs it to end it, and wait until it has; raises UsageError where none does."""
        if not self.find(run).is_live:
            raise UsageError(f"run {run} is not running: nothing to cancel (podium runs show {run})")
        self._runs.cancel(run)
        return await self.wait(run)
