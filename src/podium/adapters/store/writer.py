"""Group commit: one thread writes what many wait for, one transaction and one sync to disk for all of them."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from podium.domain.errors import JournalError, PodiumError

Work = Callable[[sqlite3.Connection], object]
MOST = 512  #: pieces of work in one transaction


@dataclass(frozen=True, slots=True)
class _Item:
    work: Work
    done: asyncio.Future[None]


class Writer:
    """Runs pieces of work in transactions of a thread of its own, in the order they came.

    Who awaits `write` goes on when its transaction stands on disk; when it fails, all its pieces fail.
    """

    def __init__(self, open_database: Callable[[], sqlite3.Connection]) -> None:
        self._open = open_database
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    async def write(self, work: Work) -> None:
        """Return once the work is on disk; raises JournalError, and what the work itself raises of ours."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put(_Item(work, done))
        await done

    async def close(self) -> None:
        """Write what is waiting, and end."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        database: sqlite3.Connection | None = None
        ends = False
        while not ends:
            items, ends = self._batch()
            error: PodiumError | None = None
            try:
                database = database or self._open()
                _commit(database, items)
            except PodiumError as failed:
                error = failed
            except (sqlite3.Error, OSError) as failed:
                error = JournalError(f"the journal cannot be written: {failed}; is the disk of --state-dir full?")
            except Exception as failed:  # noqa: BLE001 - whoever waits must hear of it
                error = JournalError(f"the journal cannot be written: a bug: {type(failed).__name__}: {failed}")
            self._tell(items, error)
        if database is not None:
            database.close()

    def _batch(self) -> tuple[list[_Item], bool]:
        items: list[_Item] = []
        item = self._queue.get()
        while item is not None:
            items.append(item)
            if len(items) == MOST or self._queue.empty():
                return items, False
            item = self._queue.get()
        return items, True

    def _tell(self, items: Sequence[_Item], error: PodiumError | None) -> None:
        try:
            self._loop.call_soon_threadsafe(_settle, items, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return


def _commit(database: sqlite3.Connection, items: Sequence[_Item]) -> None:
    if not items:
        return
    database.execute("begin immediate")
    try:
        for item in items:
            item.work(database)
        database.execute("commit")
    except BaseException:
        if database.in_transaction:
            database.execute("rollback")
        raise


def _settle(items: Sequence[_Item], error: PodiumError | None) -> None:
    for item in items:
        if item.done.done():
            continue
        if error is None:
            item.done.set_result(None)
        else:
            item.done.set_exception(type(error)(str(error)))
