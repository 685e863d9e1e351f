"""The contract of ports.Journal on SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from podium.adapters.store.blobs import TemporaryBlobs
from podium.adapters.store.journal import SqliteJournal
from podium.domain.errors import JournalError
from podium.domain.events import Finished, Noticed, Started
from podium.domain.outcomes import Lost, Reason, Why
from podium.domain.targets import Target, parse_id

TARGET = Target("arn:aws:eks:eu/prod", "shop", "web-0", "main", "uid-1", "n1")


async def test_events_stand_in_order_with_identity_and_owner(tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    journal = SqliteJournal("R1", "alice", "al@laptop", path)
    answer = TemporaryBlobs().capture().seal()
    await journal.append([Started(TARGET, 1, 10.0)])
    await journal.append([Finished(TARGET, 1, Lost(Reason(Why.NO_STATUS)), answer, 1.0, 11.0), Noticed("slept", 12.0)])
    journal.close()
    query = "select run, identity, owner, epoch, event, target, uid, outcome, reason from events order by seq"
    with closing(sqlite3.connect(path)) as database:
        started, finished, noticed = database.execute(query).fetchall()
    assert started[:5] == ("R1", "alice", "al@laptop", 1, "started")
    assert parse_id(started[5]) == Target("arn:aws:eks:eu/prod", "shop", "web-0", "main")
    assert finished[6:] == ("uid-1", "lost", "stream ended without a status")
    assert noticed[8] == "slept"


async def test_a_journal_that_cannot_be_written_raises(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="journal"):
        SqliteJournal("R", "i", "o", str(tmp_path / "no" / "folder"))
    journal = SqliteJournal("R", "i", "o", str(tmp_path / "journal"))
    journal.close()
    with pytest.raises(JournalError):
        await journal.append([Started(TARGET, 1, 0.0)])
