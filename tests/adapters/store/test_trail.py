"""The audit trail: chained, kept whole, never forked; and what breaks it shows."""

from __future__ import annotations

import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.adapters.store.trail import FileTrail
from podium.domain.audit import AuditRecord, Entry, Moment, chain, read, verify, write
from podium.domain.errors import NotAllowedError
from podium.features.trail.query import COLUMNS, Query, matching, to_csv

RECORD = AuditRecord(
    Moment.BEFORE, "01RUN", 1_700_000_000.5, "alice", "", "al", "laptop", "exec", "nginx -t", "ab" * 32,
    "-l app=web", ("prod",), ("shop", "pay"), 12, "change 42",
)  # fmt: skip


def trail_of(count: int) -> list[str]:
    lines, last = [], None
    for number in range(count):
        last = chain(replace(RECORD, run=f"R{number}", counts={"succeeded": number}), last)
        lines.append(write(last))
    return lines


texts = st.text(max_size=30)


@given(texts, texts, st.lists(texts, max_size=3), st.floats(0, 4e9))
def test_an_entry_reads_back(command: str, reason: str, contexts: list[str], at: float) -> None:
    entry = chain(replace(RECORD, command=command, reason=reason, contexts=tuple(contexts), at=at), None)
    assert read(write(entry)) == entry
    assert "\n" not in write(entry)


def test_a_whole_trail_verifies() -> None:
    lines = trail_of(5)
    entries, flaws = verify(lines, head=json.loads(lines[-1])["hash"])
    assert (len(entries), flaws) == (5, ())


@given(st.integers(0, 4), st.sampled_from(["change", "remove", "swap", "rehash", "double"]))
def test_any_change_shows(place: int, how: str) -> None:
    lines = trail_of(5)
    head = json.loads(lines[-1])["hash"]
    if how == "change":
        lines[place] = lines[place].replace("nginx -t", "rm -rf /")
    elif how == "remove":
        del lines[place]
    elif how == "swap":
        other = (place + 1) % 5
        lines[place], lines[other] = lines[other], lines[place]
    elif how == "double":
        lines.insert(place, lines[place])
    else:
        entry = read(lines[place])
        last = None if place == 0 else read(lines[place - 1])
        lines[place] = write(chain(replace(entry.record, command="rm -rf /"), last))
    assert verify(lines, head)[1] != ()


def test_a_trail_cut_short_or_made_anew_shows_against_a_kept_head() -> None:
    lines = trail_of(5)
    head = json.loads(lines[-1])["hash"]
    assert verify(lines[:3])[1] == ()
    assert verify(lines[:3], head)[1] != ()


async def test_records_are_chained_on_disk_in_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "state" / "trail.jsonl"
    trail = FileTrail(path)
    assert trail.lines() == ()
    await trail.append(RECORD)
    head = await FileTrail(path).append(replace(RECORD, moment=Moment.AFTER))
    entries, flaws = verify(trail.lines(), head)
    assert ([entry.number for entry in entries], flaws) == ([1, 2], ())
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_torn_line_is_kept_and_the_chain_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "trail.jsonl"
    await FileTrail(path).append(RECORD)
    with path.open("a") as file:
        file.write('{"number": 2, "prev')
    await FileTrail(path).append(RECORD)
    entries, flaws = verify(FileTrail(path).lines())
    assert [entry.number for entry in entries] == [1, 2]
    assert [(flaw.line, flaw.what) for flaw in flaws] == [(2, "not an entry")]


async def test_what_cannot_be_kept_is_not_allowed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotAllowedError, match="audit trail"):
        await FileTrail(tmp_path / "file" / "trail.jsonl").append(RECORD)


def _append_many(path: Path, count: int) -> None:
    import asyncio

    async def main() -> None:
        for _ in range(count):
            await FileTrail(path).append(RECORD)

    asyncio.run(main())


def test_two_processes_never_fork_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "trail.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(path, 20)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    entries, flaws = verify(FileTrail(path).lines())
    assert ([entry.number for entry in entries], flaws) == (list(range(1, 61)), ())


async def test_a_full_disk_leaves_no_torn_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trail.jsonl"
    trail = FileTrail(path)
    await trail.append(RECORD)
    before = path.read_bytes()
    whole = os.pwrite
    calls: list[int] = []

    def short(file: int, data: bytes, offset: int) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return whole(file, data[:10], offset)

    monkeypatch.setattr(os, "pwrite", short)
    with pytest.raises(NotAllowedError, match="No space left"):
        await trail.append(RECORD)
    assert path.read_bytes() == before


def entries() -> list[Entry]:
    return [read(line) for line in trail_of(3)]


def test_queries_intersect() -> None:
    assert len(matching(entries(), Query(who=("al*",), namespaces=("p*",), verbs=("exec",)))) == 3
    assert [entry.record.run for entry in matching(entries(), Query(run="R1"))] == ["R1"]
    assert matching(entries(), Query(since=1_800_000_000.0)) == ()
    assert matching(entries(), Query(namespaces=("kube-*",))) == ()


def test_csv_guards_cells_that_a_table_would_compute() -> None:
    entry = chain(replace(RECORD, command='=cmd("x"), y', reason="+1"), None)
    head, line = to_csv([entry]).splitlines()
    assert head == ",".join(COLUMNS)
    assert '"\'=cmd(""x""), y"' in line
    assert "'+1" in line
