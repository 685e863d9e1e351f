"""Kept runs looked at: found by prefix, waited for, compared."""

from __future__ import annotations

import pytest

from podium.adapters.store.blobs import TemporaryBlobs
from podium.adapters.store.journal import MemoryJournals
from podium.domain.errors import UsageError
from podium.domain.events import Answer, Event, Finished, Started, Stream
from podium.domain.outcomes import Failed, Lost, Outcome, Proof, Succeeded
from podium.domain.runs import SILENT, Closing, RunRecord
from podium.domain.targets import Target
from podium.features.runs.comparing import compare
from podium.features.runs.service import RunsService
from support.virtual_time import VirtualClock, run_virtual

TARGETS = tuple(Target("c", "shop", f"web-{n}", "main", f"uid-{n}") for n in range(4))
WELL = Succeeded(Proof.RUNTIME)


def record(run: str) -> RunRecord:
    return RunRecord(run, "exec", "true", "all pods", "alice", 1.0, ("c",), TARGETS)


def end(target: Target, outcome: Outcome = WELL, out: bytes = b"") -> Finished:
    answer = Answer(Stream(out.ljust(32), 1, 1), SILENT.stderr) if out else SILENT
    return Finished(target, 1, outcome, answer, 1.0, 2.0)


def test_a_run_is_found_and_its_open_start_is_lost_once_nobody_runs_it() -> None:
    async def main() -> None:
        runs = MemoryJournals("al@laptop", TemporaryBlobs())
        journal = await runs.open(record("01AB"))
        await journal.append([Started(TARGETS[0], 1, 1.0)])
        service = RunsService(runs, VirtualClock())
        assert service.look("last").ends == {}
        await journal.close(None)
        assert isinstance(service.look("01a").ends[TARGETS[0]].outcome, Lost)
        with pytest.raises(UsageError, match="no run 'x'"):
            service.find("x")
        await (await runs.open(record("01AC"))).close(None)
        with pytest.raises(UsageError, match="means 2 runs"):
            service.find("01A")
        with pytest.raises(UsageError, match="not running"):
            await service.cancel("01AC")
        runs.close()

    run_virtual(main())


def test_who_follows_sees_every_event_once_and_ends_with_the_run() -> None:
    async def main() -> None:
        clock = VirtualClock()
        runs = MemoryJournals("al@laptop", TemporaryBlobs())
        journal = await runs.open(record("01AB"))
        events: list[Event] = [event for one in TARGETS for event in (Started(one, 1, 1.0), end(one))]
        seen: list[Event] = []
        await journal.append(events[:3])
        async for event in RunsService(runs, clock).follow("01AB"):
            seen.append(event)
            if len(seen) == 3:
                await journal.append(events[3:])
                await journal.close(Closing(3.0, 0))
        assert seen == events
        runs.close()

    run_virtual(main())


def test_two_runs_differ_where_an_end_or_an_output_does() -> None:
    before = {one: end(one) for one in TARGETS[:3]}
    replaced = Target("c", "shop", "web-2", "main", "another uid")
    after = {
        TARGETS[0]: end(TARGETS[0], Failed(2)),
        TARGETS[1]: end(TARGETS[1], out=b"other"),
        replaced: end(replaced),
        TARGETS[3]: end(TARGETS[3]),
    }
    assert [(one.place[2], one.what) for one in compare(before, after)] == [
        ("web-0", "succeeded -> failed 2"),
        ("web-1", "output differs"),
        ("web-3", "absent -> succeeded"),
    ]
    assert compare(before, before) == ()
