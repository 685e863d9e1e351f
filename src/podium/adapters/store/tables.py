"""The tables of kept runs, and what is read from and written to them: plain SQL, no threads, no files of its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from podium.adapters.store.shapes import Row, from_row, to_row
from podium.domain.errors import JournalError
from podium.domain.events import Event, Finished
from podium.domain.outcomes import name_of
from podium.domain.runs import Absent, Closing, RunHead, RunRecord
from podium.domain.targets import Target

T = TypeVar("T")
Question: TypeAlias = Callable[[sqlite3.Connection], T]
VERSION = 1
SCHEMA = """
create table if not exists runs (
  run text primary key, action text not null, command text not null, selection text not null,
  identity text not null, owner text not null, epoch integer not null, begun real not null,
  contexts text not null, idempotent integer not null, request text not null
) strict, without rowid;
create table if not exists states (
  run text primary key, planned integer not null, counts text not null,
  ended real, exit_status integer, stop text not null
) strict, without rowid;
create table if not exists targets (
  run text not null, number integer not null, cluster text not null, namespace text not null, pod text not null,
  container text not null, uid text not null, node text not null, life text not null,
  primary key (run, number)
) strict, without rowid;
create table if not exists left_out (
  run text not null, cluster text not null, namespace text not null, pod text not null, container text not null,
  uid text not null, label text not null, should_run integer not null
) strict;
create index if not exists left_out_of on left_out (run);
create table if not exists events (
  seq integer primary key autoincrement, run text not null, epoch integer not null, event text not null,
  target integer, attempt integer not null, at real not null, outcome text not null, body text not null
) strict;
create index if not exists events_of on events (run, seq);
create table if not exists outputs (
  digest blob primary key, size integer not null, data blob
) strict, without rowid;
create table if not exists uses (
  run text not null, digest blob not null, primary key (run, digest)
) strict, without rowid;
create index if not exists uses_of on uses (digest);
"""
_TARGETS = "select number, cluster, namespace, pod, container, uid, node from targets where run = ? order by number"
_HEADS = (
    "select run, action, command, selection, identity, owner, begun, planned, counts, epoch, ended, exit_status, stop"
    " from runs join states using (run) order by run desc"
)


@dataclass(slots=True)
class Counted:
    """The folded state of a run that is written: last ends by target, and how many of each outcome."""

    last: dict[int, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def take(self, number: int, end: Finished) -> None:
        """Take an end in; a later one of the same target replaces it."""
        self.forget(number)
        if end.next_in is None:
            name = name_of(end.outcome)
            self.last[number] = name
            self.counts[name] = self.counts.get(name, 0) + 1

    def forget(self, number: int) -> None:
        """The target was started again: its end is open."""
        before = self.last.pop(number, None)
        if before is not None:
            self.counts[before] -= 1
            if self.counts[before] == 0:
                del self.counts[before]


def make(database: sqlite3.Connection) -> None:
    """Make the tables; raises JournalError for those of a later version."""
    version: int = database.execute("pragma user_version").fetchone()[0]
    if version > VERSION:
        raise JournalError(f"the runs here were kept by a later Podium (format {version}): use that, or --state-dir")
    if version < VERSION:
        database.executescript(f"begin immediate; {SCHEMA} pragma user_version = {VERSION}; commit;")


def add_run(database: sqlite3.Connection, record: RunRecord, owner: str) -> None:
    """Write a run's record."""
    head = (
        record.run,
        record.action,
        _clean(record.command),
        _clean(record.selection),
        record.identity,
        owner,
        1,
        record.begun,
    )
    rest = (json.dumps(record.contexts), record.idempotent, record.request)
    database.execute("insert into runs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*head, *rest))
    database.execute("insert into states values (?, ?, '{}', null, null, '')", (record.run, len(record.targets)))
    lives = record.lives or ("",) * len(record.targets)
    database.executemany(
        "insert into targets values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (record.run, number, one.cluster, one.namespace, one.pod, one.container, one.uid, one.node, life)
            for number, (one, life) in enumerate(zip(record.targets, lives, strict=True))
        ),
    )
    database.executemany(
        "insert into left_out values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (record.run, one.cluster, one.namespace, one.pod, one.container, one.uid, absent.label, absent.should_run)
            for absent in record.left_out
            for one in (absent.target,)
        ),
    )


def _clean(text: str) -> str:
    """Bytes of argv that are no UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def next_epoch(database: sqlite3.Connection, run: str, owner: str) -> int:
    """Take a run over; gives its new epoch. Raises JournalError."""
    done = database.execute("update runs set epoch = epoch + 1, owner = ? where run = ?", (owner, run))
    if done.rowcount == 0:
        raise JournalError(f"run {run} is not kept here any more")
    database.execute("update states set ended = null, exit_status = null, stop = '' where run = ?", (run,))
    return epoch_of(database, run)


def epoch_of(database: sqlite3.Connection, run: str) -> int:
    """Who may write a run; raises JournalError."""
    found = database.execute("select epoch from runs where run = ?", (run,)).fetchone()
    if found is None:
        raise JournalError(f"run {run} is not kept here any more")
    return int(found[0])


def add_events(
    database: sqlite3.Connection, run: str, epoch: int, events: Sequence[Event], numbers: Mapping[Target, int]
) -> None:
    """Append events."""
    rows = (to_row(event, numbers.__getitem__) for event in events)
    database.executemany(
        "insert into events (run, epoch, event, target, attempt, at, outcome, body) values (?, ?, ?, ?, ?, ?, ?, ?)",
        ((run, epoch, *row) for row in rows),
    )


def set_counts(database: sqlite3.Connection, run: str, counts: Mapping[str, int]) -> None:
    """Write the folded state."""
    database.execute("update states set counts = ? where run = ?", (json.dumps(counts), run))


def set_closing(database: sqlite3.Connection, run: str, closing: Closing) -> None:
    """Write how a run came to its end."""
    values = (closing.at, closing.exit_status, closing.stop, run)
    database.execute("update states set ended = ?, exit_status = ?, stop = ? where run = ?", values)


def targets_of(database: sqlite3.Connection, run: str) -> dict[int, Target]:
    """The targets by their numbers, in their order."""
    return {row[0]: Target(*row[1:]) for row in database.execute(_TARGETS, (run,))}


def events_of(database: sqlite3.Connection, run: str, after: int) -> list[tuple[int, Event]]:
    """What happened after the event numbered `after`."""
    targets = targets_of(database, run)
    query = "select seq, event, target, attempt, at, outcome, body from events where run = ? and seq > ? order by seq"
    rows: Iterable[tuple[int, *Row]] = database.execute(query, (run, after))
    return [(seq, from_row(tuple(row), targets.__getitem__)) for seq, *row in rows]  # type: ignore[arg-type]


def heads(database: sqlite3.Connection) -> list[RunHead]:
    """All runs, newest first; none of them live."""
    return [_head(row) for row in database.execute(_HEADS)]


def _head(row: Sequence[Any]) -> RunHead:
    run, action, command, selection, identity, owner, begun, planned, counts, epoch, ended, exit_status, stop = row
    return RunHead(
        run=run,
        action=action,
        command=command,
        selection=selection,
        identity=identity,
        owner=owner,
        begun=begun,
        planned=planned,
        counts=json.loads(counts),
        epoch=epoch,
        ended=ended,
        exit_status=exit_status,
        stop=stop,
    )


def record_of(database: sqlite3.Connection, run: str) -> RunRecord:
    """What was planned; raises KeyError."""
    query = "select action, command, selection, identity, begun, contexts, idempotent, request from runs where run = ?"
    found = database.execute(query, (run,)).fetchone()
    if found is None:
        raise KeyError(run)
    action, command, selection, identity, begun, contexts, idempotent, request = found
    absent = "select cluster, namespace, pod, container, uid, label, should_run from left_out where run = ?"
    return RunRecord(
        run,
        action,
        command,
        selection,
        identity,
        begun,
        tuple(json.loads(contexts)),
        tuple(targets_of(database, run).values()),
        tuple(row[0] for row in database.execute("select life from targets where run = ? order by number", (run,))),
        tuple(Absent(Target(*row[:5]), row[5], bool(row[6])) for row in database.execute(absent, (run,))),
        bool(idempotent),
        request,
    )


def drop_run(database: sqlite3.Connection, run: str) -> None:
    """Forget a run; its outputs stay until nobody uses them."""
    for table in ("events", "left_out", "targets", "uses", "states", "runs"):
        database.execute(f"delete from {table} where run = ?", (run,))  # noqa: S608 - names of our own
