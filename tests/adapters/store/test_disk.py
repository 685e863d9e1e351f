"""Runs on disk: who may read them, where they can be kept, group commit, the fence of epochs, what is swept."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.store.test_journal import TARGETS, answer, record
from podium.adapters.store import disk, tables
from podium.adapters.store.blobs import Limits, TemporaryBlobs
from podium.adapters.store.disk import DiskJournals, DiskRuns
from podium.adapters.store.folder import Folder, filesystem_of, is_network
from podium.adapters.store.layered import LayeredBlobs
from podium.adapters.store.sweeping import Keep, sweep
from podium.adapters.store.writer import Work, Writer
from podium.domain.errors import JournalError
from podium.domain.events import Finished, Started
from podium.domain.outcomes import Proof, Succeeded
from podium.domain.runs import Closing

WELL = Succeeded(Proof.RUNTIME)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "deep" / "state")


@pytest.fixture
async def journals(folder: Folder) -> AsyncIterator[DiskJournals]:
    blobs = TemporaryBlobs(Limits(stream=1 << 20))
    journals = DiskJournals(folder, "al@laptop", blobs)
    yield journals
    await journals.close()
    blobs.close()


async def keep(journals: DiskJournals, run: str, *outputs: bytes, begun: float = 9e9) -> list[Finished]:
    """A run that is over, with these outputs."""
    journal = await journals.open(replace(record(run), begun=begun))
    ends = [
        Finished(target, 1, WELL, answer(journals._blobs, out), 1.0, 2.0)
        for target, out in zip(TARGETS, outputs, strict=False)
    ]
    for end in ends:
        await journal.append([Started(end.target, 1, 1.0)])
        await journal.append([end])
    await journal.close(Closing(3.0, 0))
    return ends


async def test_nobody_else_may_read_what_is_kept(folder: Folder, journals: DiskJournals) -> None:
    await keep(journals, "R1", b"small", b"x" * 100_000)
    paths = [folder.path, *folder.path.rglob("*")]
    assert {path.name for path in paths} >= {"runs.db", "runs.db-wal", "locks", "outputs"}
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


async def test_equal_outputs_are_kept_once_and_large_ones_as_files(folder: Folder, journals: DiskJournals) -> None:
    large = b"x" * 100_000
    ends = await keep(journals, "R1", b"same", b"same", large, large)
    with closing(folder.connect()) as database:
        assert database.execute("select size, data is null from outputs order by size").fetchall() == [
            (4, 0),
            (100_000, 1),
        ]
    runs = DiskRuns(folder)
    again = TemporaryBlobs()
    layered = LayeredBlobs(again, runs)
    assert [layered.read(end.answer.stdout) for end in ends] == [b"same", b"same", large, large]
    folder.output(ends[2].answer.stdout.digest).unlink()
    assert layered.read(ends[2].answer.stdout) == b"", "what is not kept any more is empty"
    runs.close()
    again.close()


async def test_a_run_keeps_no_more_than_its_share(
    folder: Folder, journals: DiskJournals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "PER_RUN", 10)
    ends = await keep(journals, "R1", b"123456", b"abcdef", b"xyz")
    runs = DiskRuns(folder)
    assert runs.read(ends[0].answer.stdout) == b"123456"
    assert runs.read(ends[2].answer.stdout) == b"xyz"
    with pytest.raises(KeyError):
        runs.read(ends[1].answer.stdout)
    runs.close()


async def test_who_was_overtaken_writes_nothing_more(folder: Folder, journals: DiskJournals) -> None:
    journal = await journals.open(record("R1"))
    with closing(folder.connect()) as database:
        tables.next_epoch(database, "R1", "eve@elsewhere")
    with pytest.raises(JournalError, match="taken over"):
        await journal.append([Started(TARGETS[0], 1, 1.0)])
    await journal.close(None)
    runs = DiskRuns(folder)
    assert runs.events("R1") == []
    runs.close()


def insert(number: int) -> Work:
    return lambda database: database.execute("insert into t values (?)", (number,))


async def test_many_that_wait_share_one_transaction_and_a_failed_one_fails_them_all(tmp_path: Path) -> None:
    opened: list[sqlite3.Connection] = []
    commits: list[str] = []

    def open_database() -> sqlite3.Connection:
        database = sqlite3.connect(tmp_path / "db", isolation_level=None)
        database.execute("create table t (x integer check (x < 100))")
        database.set_trace_callback(lambda text: commits.append(text) if text == "commit" else None)
        opened.append(database)
        return database

    writer = Writer(open_database)
    await writer.write(insert(0))
    commits.clear()
    busy = asyncio.ensure_future(writer.write(insert(1)))
    many = [writer.write(insert(n)) for n in range(50)]
    await asyncio.gather(busy, *many)
    assert len(commits) < 10, "not one sync to disk for each"
    bad = [writer.write(insert(n)) for n in (1, 2, 100)]
    together = await asyncio.gather(*bad, return_exceptions=True)
    assert isinstance(together[2], JournalError)
    await writer.write(lambda database: None)
    with closing(sqlite3.connect(tmp_path / "db")) as database:
        kept = database.execute("select count(*) from t").fetchone()[0]
    assert kept == 52 + sum(one is None for one in together), "who was told that it stands, stands"
    await writer.close()


async def test_old_runs_and_the_oldest_outputs_are_swept_but_never_a_held_run(
    folder: Folder, journals: DiskJournals
) -> None:
    held = await journals.open(replace(record("R0"), begun=0.0))
    old = await keep(journals, "R1", b"of old", b"o" * 50_000, begun=9e9)
    new = await keep(journals, "R2", b"of new", begun=9e9 + 500)
    with closing(folder.connect()) as database:
        sweep(database, folder, Keep(age=1000.0, outputs=10_000), 9e9 + 600)
        left = tables.heads(database)
    runs = DiskRuns(folder)
    assert [head.run for head in left] == ["R2", "R1", "R0"]
    assert runs.read(new[0].answer.stdout) == b"of new"
    assert not folder.output(old[1].answer.stdout.digest).exists()
    assert [event for _, event in runs.events("R1") if isinstance(event, Finished)] == old, "the ends stay"
    with closing(folder.connect()) as database:
        sweep(database, folder, Keep(age=200.0), 9e9 + 600)
        assert [head.run for head in tables.heads(database)] == ["R2", "R0"]
    runs.close()
    await held.close(None)


def test_a_later_format_is_refused_in_one_line(folder: Folder) -> None:
    with closing(folder.connect()) as database:
        database.execute("pragma user_version = 99")
    with pytest.raises(JournalError, match="later Podium"):
        folder.connect()


def test_what_is_no_database_is_one_line(folder: Folder) -> None:
    folder.prepare()
    folder.database.write_bytes(b"not a database, " * 100)
    with pytest.raises(JournalError, match="--state-dir"):
        folder.connect()


def test_network_file_systems_are_known_by_their_mounts() -> None:
    mounts = """22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
40 22 0:40 / /home rw shared:2 - nfs4 filer:/home rw
41 40 0:41 / /home/al/my\\040disk rw - xfs /dev/sdb rw
"""
    assert filesystem_of(Path("/home/al/state"), mounts) == "nfs4"
    assert filesystem_of(Path("/home/al/my disk/state"), mounts) == "xfs"
    assert filesystem_of(Path("/homes"), mounts) == "ext4"
    assert is_network("nfs4")
    assert not is_network("ext4")
    assert not is_network("")


@pytest.mark.parametrize(("network", "mode"), [(True, "delete"), (False, "wal")])
def test_the_wal_is_for_local_disks(folder: Folder, monkeypatch: pytest.MonkeyPatch, network: bool, mode: str) -> None:
    monkeypatch.setattr("podium.adapters.store.folder.filesystem_of", lambda _: "nfs4" if network else "ext4")
    with closing(folder.connect()) as database:
        assert database.execute("pragma journal_mode").fetchone() == (mode,)
        assert database.execute("pragma synchronous").fetchone() == (2,)
