"""What is forgotten: runs that are old, and the oldest outputs where there are too many."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass

from podium.adapters.store import tables
from podium.adapters.store.folder import Folder

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Keep:
    """How long runs are kept, in seconds, and how many bytes of outputs in all."""

    age: float = 30 * DAY
    outputs: int = 2 * 1024 * 1024 * 1024


def sweep(database: sqlite3.Connection, folder: Folder, keep: Keep, now: float) -> None:
    """Forget what is too old or too much; never a run that a process holds. In a transaction of the caller's."""
    old = [row[0] for row in database.execute("select run from runs where begun < ?", (now - keep.age,))]
    for run in old:
        if not folder.is_held(run):
            tables.drop_run(database, run)
            folder.forget(run)
    if old:
        _drop_unused(database, folder)
    total = database.execute("select coalesce(sum(size), 0) from outputs").fetchone()[0]
    if total > keep.outputs:
        _thin(database, folder, total - keep.outputs)


def _thin(database: sqlite3.Connection, folder: Folder, excess: int) -> None:
    """Drop the outputs of the oldest runs until so many bytes are gone; their ends stay."""
    runs = [row[0] for row in database.execute("select run from runs order by run")]
    for run in runs:
        if excess <= 0:
            return
        if folder.is_held(run):
            continue
        database.execute("delete from uses where run = ?", (run,))
        excess -= _drop_unused(database, folder)


def _drop_unused(database: sqlite3.Connection, folder: Folder) -> int:
    query = "select digest, size, data is null from outputs where digest not in (select digest from uses)"
    unused = database.execute(query).fetchall()
    for digest, _, is_file in unused:
        database.execute("delete from outputs where digest = ?", (digest,))
        if is_file:
            with suppress(OSError):
                folder.output(digest).unlink()
    return sum(row[1] for row in unused)
