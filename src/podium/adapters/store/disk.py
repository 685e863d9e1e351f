"""Runs on disk: SQLite for what happened and for small outputs, files by hash for large ones."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from podium.adapters.store import tables
from podium.adapters.store.folder import Folder
from podium.adapters.store.journal import count, counted_of, live, numbers_of
from podium.adapters.store.sweeping import Keep, sweep
from podium.adapters.store.writer import Writer
from podium.domain.errors import JournalError
from podium.domain.events import Event, Finished, Stream
from podium.domain.runs import Closing, RunHead, RunRecord
from podium.domain.targets import Target
from podium.ports import Blobs, Journal, Journals, Runs

INLINE = 32 * 1024  #: bytes of an output that stand in the tables; larger ones are files
PER_RUN = 2 * 1024 * 1024 * 1024  #: bytes of outputs kept of one run


class DiskRuns:
    """The kept runs, to read. Opens the tables when it is first asked."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._opened: sqlite3.Connection | None = None

    def heads(self) -> Sequence[RunHead]:
        """All runs, newest first."""
        found = self._ask(tables.heads)
        return live(found, self._folder.held(head.run for head in found if head.ended is None))

    def record(self, run: str) -> RunRecord:
        """What was planned."""
        return self._ask(partial(tables.record_of, run=run))

    def events(self, run: str, after: int = 0) -> Sequence[tuple[int, Event]]:
        """What happened."""
        return self._ask(partial(tables.events_of, run=run, after=after))

    def read(self, stream: Stream, limit: int | None = None) -> bytes:
        """Kept output; raises KeyError where it is not kept any more."""
        if stream.size == 0:
            return b""
        query = "select data from outputs where digest = ?"
        found = self._ask(lambda database: database.execute(query, (stream.digest,)).fetchone())
        if found is None:
            raise KeyError(stream.digest)
        if found[0] is not None:
            return bytes(found[0] if limit is None else found[0][:limit])
        try:
            with self._folder.output(stream.digest).open("rb") as file:
                return file.read(-1 if limit is None else limit)
        except OSError:
            raise KeyError(stream.digest) from None

    def cancel(self, run: str) -> None:
        """Ask the process that runs it to end it."""
        try:
            self._folder.cancel_file(run).touch(mode=0o600)
        except OSError as error:
            raise JournalError(f"{self._folder.cancel_file(run)}: {error.strerror}") from None

    def close(self) -> None:
        """Close the tables."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _ask(self, question: tables.Question[tables.T]) -> tables.T:
        try:
            if self._opened is None:
                self._opened = self._folder.connect()
            return question(self._opened)
        except (sqlite3.Error, ValueError) as error:
            raise JournalError(f"runs kept in {self._folder.path} cannot be read: {error}") from None


class DiskJournals:
    """Opens journals in a folder; outputs are taken from `blobs` when an end is written."""

    def __init__(self, folder: Folder, owner: str, blobs: Blobs, keep: Keep | None = None) -> None:
        self._folder = folder
        self._owner = owner
        self._blobs = blobs
        self._keep = keep or Keep()
        self._writer: Writer | None = None

    async def open(self, record: RunRecord) -> DiskJournal:
        """The journal of a new run, whose record stands in it when this returns."""
        writer = self._get_writer()
        held = self._folder.hold(record.run)
        try:
            await writer.write(partial(sweep, folder=self._folder, keep=self._keep, now=time.time()))
            await writer.write(partial(tables.add_run, record=record, owner=self._owner))
        except BaseException:
            os.close(held)
            raise
        numbers = {target: number for number, target in enumerate(record.targets)}
        return DiskJournal(self._folder, writer, self._blobs, Held(record.run, 1, held, numbers, tables.Counted()))

    async def take(self, run: str) -> DiskJournal:
        """The journal of a run that was begun, under the next epoch."""
        writer = self._get_writer()
        held = await asyncio.to_thread(self._folder.hold, run)
        found: list[tuple[int, dict[Target, int], tables.Counted]] = []

        def take(database: sqlite3.Connection) -> None:
            epoch = tables.next_epoch(database, run, self._owner)
            numbers = numbers_of(database, run)
            found.append((epoch, numbers, counted_of(database, run, numbers)))

        try:
            self._folder.cancel_file(run).unlink(missing_ok=True)
            await writer.write(take)
        except BaseException:
            os.close(held)
            raise
        epoch, numbers, counted = found[-1]
        return DiskJournal(self._folder, writer, self._blobs, Held(run, epoch, held, numbers, counted))

    async def close(self) -> None:
        """Write what is waiting, and end."""
        if self._writer is not None:
            await self._writer.close()

    def _get_writer(self) -> Writer:
        if self._writer is None:
            self._folder.prepare()
            self._writer = Writer(self._folder.connect)
        return self._writer


class Held:
    """A run that this process holds, under one epoch."""

    def __init__(self, run: str, epoch: int, lock: int, numbers: dict[Target, int], counted: tables.Counted) -> None:
        self.run = run
        self.epoch = epoch
        self.numbers = numbers
        self.counted = counted
        self._lock: int | None = lock

    def release(self) -> None:
        """Let go of it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class DiskJournal:
    """One run's journal."""

    def __init__(
        self,
        folder: Folder,
        writer: Writer,
        blobs: Blobs,
        held: Held,
    ) -> None:
        self._folder = folder
        self._writer = writer
        self._blobs = blobs
        self._held = held
        self._stored: set[bytes] = set()
        self._bytes = 0
        self._large = asyncio.Semaphore(2)  # outputs of many MiB that are in memory at once

    async def append(self, events: Sequence[Event]) -> None:
        """Return once the events, and before them what they wrote, are on disk."""
        small: list[tuple[bytes, bytes]] = []
        for stream in self._new_streams(events):
            if stream.kept <= INLINE:
                small.append((stream.digest, self._blobs.read(stream)))
            else:
                async with self._large:
                    await self._writer.write(partial(self._keep_large, stream, self._blobs.read(stream)))
        await self._writer.write(partial(self._append, events, small))

    def asked_to_cancel(self) -> bool:
        """Whether somebody asked this run to end."""
        return self._folder.cancel_file(self._held.run).exists()

    async def close(self, closing: Closing | None) -> None:
        """Let go of the run."""
        try:
            if closing is not None:
                await self._writer.write(partial(self._close, closing))
        finally:
            self._held.release()

    def _new_streams(self, events: Sequence[Event]) -> Iterable[Stream]:
        for event in events:
            if not isinstance(event, Finished):
                continue
            for stream in (event.answer.stdout, event.answer.stderr):
                if stream.size > 0 and stream.digest not in self._stored and self._bytes + stream.kept <= PER_RUN:
                    self._stored.add(stream.digest)
                    self._bytes += stream.kept
                    yield stream

    def _append(self, events: Sequence[Event], outputs: Sequence[tuple[bytes, bytes]], db: sqlite3.Connection) -> None:
        self._demand_epoch(db)
        for digest, data in outputs:
            db.execute("insert or ignore into outputs values (?, ?, ?)", (digest, len(data), data))
            db.execute("insert or ignore into uses values (?, ?)", (self._held.run, digest))
        tables.add_events(db, self._held.run, self._held.epoch, events, self._held.numbers)
        count(self._held.counted, events, self._held.numbers)
        tables.set_counts(db, self._held.run, self._held.counted.counts)

    def _keep_large(self, stream: Stream, data: bytes, db: sqlite3.Connection) -> None:
        path = self._folder.output(stream.digest)
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _write_synced(path, data)
        db.execute("insert or ignore into outputs values (?, ?, null)", (stream.digest, len(data)))
        db.execute("insert or ignore into uses values (?, ?)", (self._held.run, stream.digest))

    def _close(self, closing: Closing, db: sqlite3.Connection) -> None:
        self._demand_epoch(db)
        tables.set_closing(db, self._held.run, closing)

    def _demand_epoch(self, db: sqlite3.Connection) -> None:
        if tables.epoch_of(db, self._held.run) != self._held.epoch:
            raise JournalError(f"run {self._held.run} was taken over by another process")


def _write_synced(path: Path, data: bytes) -> None:
    """Whole and on disk, or not there."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        for folder in (path.parent, path.parent.parent):
            directory = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
    finally:
        draft.unlink(missing_ok=True)


if TYPE_CHECKING:

    def _fits(one: DiskJournals, runs: DiskRuns, journal: DiskJournal) -> tuple[Journals, Runs, Journal]:
        return one, runs, journal
