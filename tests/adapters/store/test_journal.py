"""The contract of ports.Journals, Journal and Runs: in memory and on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from podium.adapters.store.blobs import TemporaryBlobs
from podium.adapters.store.disk import DiskJournals, DiskRuns
from podium.adapters.store.folder import Folder
from podium.adapters.store.journal import MemoryJournals
from podium.domain.errors import JournalError, RunHeldError
from podium.domain.events import Answer, Channel, Event, Finished, Noticed, Started, WaveBegan
from podium.domain.outcomes import (
    Cancelled,
    Failed,
    Lost,
    Outcome,
    Proof,
    Reason,
    Rejected,
    Skipped,
    Stopped,
    Succeeded,
    TimedOut,
    Why,
)
from podium.domain.runs import SILENT, Absent, Closing, RunRecord, ends_of
from podium.domain.targets import Target
from podium.ports import Blobs, Journals, Runs

TARGETS = tuple(Target("arn:aws:eks:eu/prod", "shop", f"web-{n}", "main", f"uid-{n}", "n1") for n in range(9))
OUTCOMES: tuple[Outcome, ...] = (
    Succeeded(Proof.RUNTIME),
    Failed(3, Proof.MARK),
    Failed(137, reason=Reason(Why.CONTAINER_REPLACED, "gone")),
    TimedOut(Reason(Why.TIMEOUT, "1 s"), Stopped.CONFIRMED),
    Cancelled(Stopped.UNCONFIRMED),
    Rejected(Reason(Why.THROTTLED), 2.5),
    Rejected(Reason(Why.FORBIDDEN, 'user "x" cannot')),
    Lost(Reason(Why.NO_STATUS)),
    Skipped(Reason(Why.BUDGET)),
)


@dataclass
class Store:
    journals: Journals
    runs: Runs
    blobs: Blobs
    again: Callable[[], Runs]  #: as another process sees it


@pytest.fixture(params=["memory", "disk"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    blobs = TemporaryBlobs()
    if request.param == "memory":
        memory = MemoryJournals("al@laptop", blobs)
        yield Store(memory, memory, blobs, lambda: memory)
        memory.close()
    else:
        folder = Folder(tmp_path / "state")
        journals, opened = DiskJournals(folder, "al@laptop", blobs), [DiskRuns(folder)]

        def again() -> Runs:
            opened.append(DiskRuns(folder))
            return opened[-1]

        yield Store(journals, opened[0], blobs, again)
        await journals.close()
        for runs in opened:
            runs.close()
    blobs.close()


def record(run: str = "R1", begun: float = 9e9) -> RunRecord:
    left = Absent(Target("c", "shop", "sick", "", "uid-x", ""), "CrashLoopBackOff", should_run=True)
    return RunRecord(
        run=run,
        action="exec",
        command="cat /x",
        selection="all pods",
        identity="alice",
        begun=begun,
        contexts=("a", "b"),
        targets=TARGETS,
        lives=tuple(f"life-{n}" for n in range(9)),
        left_out=(left,),
        idempotent=True,
        request='{"k": 1}',
    )


def answer(blobs: Blobs, out: bytes = b"", err: bytes = b"") -> Answer:
    capture = blobs.capture()
    capture.write(Channel.STDOUT, memoryview(out))
    capture.write(Channel.STDERR, memoryview(err))
    return capture.seal()


async def test_what_was_planned_and_what_happened_reads_back_whole(store: Store) -> None:
    journal = await store.journals.open(record())
    large = bytes(range(256)) * 400
    events: list[Event] = [WaveBegan(1, 2, 3, 9.0), Noticed("slept", 9.5)]
    for n, outcome in enumerate(OUTCOMES):
        given = answer(store.blobs, b"out %d" % (n % 2), large if n == 1 else b"")
        events += [
            Started(TARGETS[n], 1, 10.0),
            Finished(TARGETS[n], 1, outcome, given, 1.25, 11.0, 0.5 if n == 5 else None),
        ]
    for event in events:
        await journal.append([event])
    await journal.close(Closing(12.0, 1, "stopped"))
    runs = store.again()
    assert runs.record("R1") == record()
    numbered = runs.events("R1")
    assert [event for _, event in numbered] == events
    assert [event for _, event in runs.events("R1", numbered[3][0])] == events[4:]
    (head,) = runs.heads()
    assert (head.run, head.owner, head.identity, head.epoch, head.planned) == ("R1", "al@laptop", "alice", 1, 9)
    assert (head.ended, head.exit_status, head.stop, head.is_live) == (12.0, 1, "stopped", False)
    assert head.counts == {
        "succeeded": 1, "failed": 2, "timed_out": 1, "cancelled": 1, "rejected": 1, "lost": 1, "skipped": 1,
    }  # fmt: skip
    assert head.open == 1, "one waits for its retry"
    failed = ends_of(event for _, event in numbered)[TARGETS[1]].answer
    assert (runs.read(failed.stdout), runs.read(failed.stderr)) == (b"out 1", large)
    assert runs.read(failed.stderr, 10) == large[:10]


async def test_a_run_is_held_by_one_until_it_is_closed(store: Store) -> None:
    journal = await store.journals.open(record())
    await journal.append([Started(TARGETS[0], 1, 1.0)])
    assert [head.is_live for head in store.again().heads()] == [True]
    with pytest.raises(RunHeldError, match="R1"):
        await store.journals.take("R1")
    await journal.close(None)
    (head,) = store.again().heads()
    assert (head.is_live, head.ended) == (False, None)
    second = await store.journals.take("R1")
    await second.append([Started(TARGETS[1], 1, 2.0), Finished(TARGETS[1], 1, OUTCOMES[0], SILENT, 1.0, 3.0)])
    await second.close(Closing(4.0, 1))
    (head,) = store.again().heads()
    assert (head.epoch, head.exit_status) == (2, 1)
    assert head.counts == {"lost": 1, "succeeded": 1}, "a start without an end is lost"


async def test_a_run_hears_that_it_is_to_end_and_a_resumed_one_begins_unasked(store: Store) -> None:
    journal = await store.journals.open(record())
    assert not journal.asked_to_cancel()
    store.again().cancel("R1")
    assert journal.asked_to_cancel()
    await journal.close(None)
    journal = await store.journals.take("R1")
    assert not journal.asked_to_cancel()
    await journal.close(None)


async def test_runs_are_listed_newest_first_and_what_is_not_kept_is_a_key_error(store: Store) -> None:
    for run in ("R1", "R3", "R2"):
        await (await store.journals.open(record(run))).close(None)
    runs = store.again()
    assert [head.run for head in runs.heads()] == ["R3", "R2", "R1"]
    assert runs.events("R1") == []
    with pytest.raises(KeyError):
        runs.record("R9")
    with pytest.raises(JournalError, match="R9"):
        await store.journals.take("R9")
