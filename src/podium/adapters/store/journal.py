"""Journals that live as long as the process: what --no-journal keeps, and the contract's plain reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from podium.adapters.store import tables
from podium.domain.errors import JournalError, RunHeldError
from podium.domain.events import Event, Finished, Started, Stream
from podium.domain.runs import Closing, RunHead, RunRecord, ends_of
from podium.domain.targets import Target
from podium.ports import Blobs, Journal, Journals, Runs


class MemoryJournals:
    """Runs in a database of this process; their outputs are those of `blobs`."""

    def __init__(self, owner: str, blobs: Blobs) -> None:
        self._owner = owner
        self._blobs = blobs
        self._database = sqlite3.connect(":memory:", isolation_level=None)
        tables.make(self._database)
        self._held: set[str] = set()
        self._cancelled: set[str] = set()

    async def open(self, record: RunRecord) -> MemoryJournal:
        """The journal of a new run."""
        try:
            tables.add_run(self._database, record, self._owner)
        except sqlite3.Error as error:
            raise JournalError(f"journal: {error}") from None
        return self._hold(record.run, 1)

    async def take(self, run: str) -> MemoryJournal:
        """The journal of a run that was begun, under the next epoch."""
        if run in self._held:
            raise RunHeldError(f"run {run} is running")
        return self._hold(run, tables.next_epoch(self._database, run, self._owner))

    def heads(self) -> Sequence[RunHead]:
        """All runs, newest first."""
        return live(tables.heads(self._database), self._held)

    def record(self, run: str) -> RunRecord:
        """What was planned."""
        return tables.record_of(self._database, run)

    def events(self, run: str, after: int = 0) -> Sequence[tuple[int, Event]]:
        """What happened."""
        return tables.events_of(self._database, run, after)

    def read(self, stream: Stream, limit: int | None = None) -> bytes:
        """Kept output."""
        return self._blobs.read(stream, limit)

    def cancel(self, run: str) -> None:
        """Ask it to end."""
        self._cancelled.add(run)

    def is_cancelled(self, run: str) -> bool:
        """Whether it was asked."""
        return run in self._cancelled

    def release(self, run: str) -> None:
        """Nobody runs it any more."""
        self._held.discard(run)

    def close(self) -> None:
        """Forget all."""
        self._database.close()

    def _hold(self, run: str, epoch: int) -> MemoryJournal:
        self._held.add(run)
        self._cancelled.discard(run)
        return MemoryJournal(self, self._database, run, epoch)


class MemoryJournal:
    """One run's journal."""

    def __init__(self, home: MemoryJournals, database: sqlite3.Connection, run: str, epoch: int) -> None:
        self._home = home
        self._database = database
        self._run = run
        self._epoch = epoch
        self._numbers = numbers_of(database, run)
        self._counted = counted_of(database, run, self._numbers)

    async def append(self, events: Sequence[Event]) -> None:
        """Keep events."""
        try:
            tables.add_events(self._database, self._run, self._epoch, events, self._numbers)
            count(self._counted, events, self._numbers)
            tables.set_counts(self._database, self._run, self._counted.counts)
        except sqlite3.Error as error:
            raise JournalError(f"journal: {error}") from None

    def asked_to_cancel(self) -> bool:
        """Whether somebody asked."""
        return self._home.is_cancelled(self._run)

    async def close(self, closing: Closing | None) -> None:
        """Let go of the run."""
        if closing is not None:
            tables.set_closing(self._database, self._run, closing)
        self._home.release(self._run)


def numbers_of(database: sqlite3.Connection, run: str) -> dict[Target, int]:
    """The numbers by which events name a run's targets."""
    return {target: number for number, target in tables.targets_of(database, run).items()}


def counted_of(database: sqlite3.Connection, run: str, numbers: dict[Target, int]) -> tables.Counted:
    """The state of a run so far, with its starts without an end as lost."""
    counted = tables.Counted()
    for target, end in ends_of(event for _, event in tables.events_of(database, run, 0)).items():
        counted.take(numbers[target], end)
    return counted


def count(counted: tables.Counted, events: Sequence[Event], numbers: dict[Target, int]) -> None:
    """Fold events into a state."""
    for event in events:
        match event:
            case Started(target=target):
                counted.forget(numbers[target])
            case Finished(target=target):
                counted.take(numbers[target], event)
            case _:
                pass


def live(heads: Sequence[RunHead], held: set[str]) -> list[RunHead]:
    """The heads, with those that a process holds marked."""
    return [replace(head, is_live=True) if head.run in held else head for head in heads]


if TYPE_CHECKING:

    def _fits(one: MemoryJournals, journal: MemoryJournal) -> tuple[Journals, Runs, Journal]:
        return one, one, journal
