"""Journals on SQLite: what happened in runs, in the order it happened.

The schema carries identity, epoch and owner from the first version on, because resuming and sharing runs need them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from podium.domain.errors import JournalError
from podium.domain.events import Event, Finished, Noticed, Started, WaveBegan
from podium.domain.outcomes import name_of, reason_of
from podium.domain.targets import format_id
from podium.ports import Journal, Journals

SCHEMA = """
create table if not exists events (
  seq integer primary key,
  run text not null,
  identity text not null,
  owner text not null,
  epoch integer not null,
  event text not null,
  target text not null,
  uid text not null,
  attempt integer not null,
  at real not null,
  outcome text not null,
  reason text not null
) strict;
"""
INSERT = (
    "insert into events (run, identity, owner, epoch, event, target, uid, attempt, at, outcome, reason)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class SqliteJournal:
    """One run's journal. With `path` ":memory:" it survives nothing, and promises nothing."""

    def __init__(self, run: str, identity: str, owner: str, path: str = ":memory:", epoch: int = 1) -> None:
        self._head = (run, identity, owner, epoch)
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.executescript(SCHEMA)
        except sqlite3.Error as error:
            raise JournalError(f"journal {path}: {error}") from error

    async def append(self, events: Sequence[Event]) -> None:
        """Return once the events stand in the journal; raises JournalError."""
        try:
            self._db.executemany(INSERT, [(*self._head, *_row(event)) for event in events])
        except sqlite3.Error as error:
            raise JournalError(f"journal: {error}") from error

    def close(self) -> None:
        """Close the database."""
        self._db.close()


class MemoryJournals:
    """Journals that live as long as the process."""

    def __init__(self, owner: str) -> None:
        self._owner = owner

    def open(self, run: str, identity: str) -> SqliteJournal:
        """A journal for one run."""
        return SqliteJournal(run, identity, self._owner)


def _row(event: Event) -> tuple[str, str, str, int, float, str, str]:
    match event:
        case Started(target, attempt, at):
            return ("started", format_id(target), target.uid, attempt, at, "", "")
        case Finished():
            reason = reason_of(event.outcome)
            target = event.target
            outcome, why = name_of(event.outcome), "" if reason is None else str(reason)
            return ("finished", format_id(target), target.uid, event.attempt, event.at, outcome, why)
        case Noticed(text, at):
            return ("noticed", "", "", 0, at, "", text)
        case WaveBegan(number, of, size, at):
            return ("wave_began", "", "", number, at, "", f"{number} of {of}: {size} targets")


if TYPE_CHECKING:
    _: Journal = SqliteJournal("", "", "")
    _journals: Journals = MemoryJournals("")
