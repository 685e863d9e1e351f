"""Runs broken off at any event and gone on with, by the real engine and journal, in virtual time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.exec.test_service import Listed
from podium.adapters.store.journal import MemoryJournals
from podium.domain.commands import Command
from podium.domain.errors import RunHeldError
from podium.domain.inventory import Container, ContainerState, Pod, Snapshot
from podium.domain.outcomes import Failed, Lost, Outcome, Proof, Reason, Rejected, Skipped, Succeeded, Why, reason_of
from podium.domain.selection import Selection, Where
from podium.domain.targets import Target
from podium.domain.units import Count
from podium.features.exec.report import Stop
from podium.features.exec.request import Caution, ExecRequest
from podium.features.exec.service import ExecService, Run
from podium.runner.fleet import Fleet
from podium.runner.retry import RetryPolicy
from support.fleets import Act, Stage
from support.virtual_time import run_virtual

EVERYTHING = Selection(where=Where(everywhere=True), everything=True)
FORBIDDEN = Rejected(Reason(Why.REFUSED))


def pods(count: int) -> Snapshot:
    container = Container("main", "image:1", state=ContainerState.RUNNING, ready=True, container_id="life")
    return Snapshot(
        tuple(
            Pod("c", f"ns{n % 2}", f"pod-{n}", f"uid-{n}", "Running", node=f"n{n % 4}", containers=(container,))
            for n in range(count)
        )
    )


class Scene:
    """A fleet whose runs are kept in memory."""

    def __init__(self, count: int, outcome: Outcome | None = None) -> None:
        self.outcome: Outcome = outcome or Succeeded(Proof.RUNTIME)
        self.stage = Stage(lambda _: Act(self.outcome, work=0.5))
        only = replace(self.stage.fleet.clusters[0], inventory=Listed(pods(count)))
        journals = MemoryJournals("al@laptop", self.stage.blobs)
        self.fleet: Fleet = replace(self.stage.fleet, clusters=(only,), journals=journals, runs=journals)
        self.service = ExecService(self.fleet)

    @property
    def began(self) -> Counter[Target]:
        return Counter(span[0] for span in self.stage.exec.spans)

    async def begin(self, request: ExecRequest) -> Run:
        return await self.service.run(await self.service.prepare(request))

    async def resume(self, request: ExecRequest) -> Run:
        return await self.service.run(await self.service.prepare_again(request, "run"))


def request(**caution: object) -> ExecRequest:
    return ExecRequest(EVERYTHING, Command(("true",)), caution=Caution(**caution))  # type: ignore[arg-type]


async def break_off(run: Run, after: int) -> None:
    """As a process that ends in the middle: what is in flight has no end."""
    events = aiter(run)
    for _ in range(after):
        if await anext(events, None) is None:
            break
    await events.aclose()


async def finish(run: Run) -> None:
    async for _ in run:
        pass


@settings(max_examples=25)
@given(st.integers(1, 30), st.lists(st.integers(1, 40), max_size=4))
def test_a_run_broken_off_anywhere_repeats_nothing_and_forgets_nothing(count: int, breaks: list[int]) -> None:
    async def main() -> None:
        scene = Scene(count)
        run = await scene.begin(request())
        for after in breaks:
            await break_off(run, after)
            run = await scene.resume(request())
        await finish(run)
        report = run.report()
        assert len(report.ends) == count
        assert max(scene.began.values()) == 1, "nothing runs twice"
        for target, end in report.ends.items():
            assert isinstance(end.outcome, Succeeded | Lost)
            assert scene.began[target] == 1 or isinstance(end.outcome, Lost)

    run_virtual(main())


def test_what_was_rejected_is_tried_again_and_the_whole_run_is_reported() -> None:
    async def main() -> None:
        scene = Scene(10, FORBIDDEN)
        run = await scene.begin(request())
        await finish(run)
        assert run.report().counts == {"rejected": 10}
        scene.outcome = Succeeded(Proof.RUNTIME)
        run = await scene.resume(request())
        await finish(run)
        assert (run.report().counts, run.report().exit_status) == ({"succeeded": 10}, 0)

    run_virtual(main())


def test_lost_ones_run_again_only_where_the_command_is_idempotent() -> None:
    async def main() -> None:
        scene = Scene(4, Lost(Reason(Why.NO_STATUS)))
        await finish(await scene.begin(request()))
        scene.outcome = Succeeded(Proof.RUNTIME)
        run = await scene.resume(request())
        await finish(run)
        assert run.report().counts == {"lost": 4}
        run = await scene.resume(request(retry=RetryPolicy(idempotent=True)))
        await finish(run)
        assert run.report().counts == {"succeeded": 4}

    run_virtual(main())


def test_earlier_ends_count_against_the_budget() -> None:
    async def main() -> None:
        scene = Scene(40, Failed(1))
        run = await scene.begin(request(max_failures=Count(2)))
        await finish(run)
        stopped = run.report()
        assert stopped.stop is not None
        bad = stopped.counts["failed"]
        begun = sum(scene.began.values())
        run = await scene.resume(request(max_failures=Count(2)))
        await finish(run)
        assert sum(scene.began.values()) == begun, "the budget is spent: nothing more is started"
        assert run.report().exit_status == 5
        scene.outcome = Succeeded(Proof.RUNTIME)
        run = await scene.resume(request(max_failures=Count(bad)))
        await finish(run)
        assert run.report().counts == {"failed": bad, "succeeded": 40 - bad}

    run_virtual(main())


def test_pods_that_went_are_skipped_as_gone_and_new_ones_only_told_of() -> None:
    async def main() -> None:
        scene = Scene(6)
        await break_off(await scene.begin(request()), 1)
        inventory = scene.fleet.clusters[0].inventory
        assert isinstance(inventory, Listed)
        ended = scene.began
        kept = [pod for pod in pods(9).pods if pod.name != "pod-5"]
        inventory.answer = Snapshot((*kept, replace(kept[0], name="pod-5", uid="another")))
        prepared = await scene.service.prepare_again(request(), "run")
        assert any("4 more" in note for note in prepared.notes), prepared.notes
        run = await scene.service.run(prepared)
        await finish(run)
        ends = {target.pod: end.outcome for target, end in run.report().ends.items()}
        assert len(ends) == 6
        if not any(target.pod == "pod-5" for target in ended):
            assert isinstance(ends["pod-5"], Skipped)
            reason = reason_of(ends["pod-5"])
            assert reason is not None
            assert reason.why is Why.GONE

    run_virtual(main())


def test_a_run_that_went_on_meanwhile_is_not_run_by_an_old_plan() -> None:
    async def main() -> None:
        scene = Scene(6)
        await break_off(await scene.begin(request()), 1)
        old = await scene.service.prepare_again(request(), "run")
        await finish(await scene.resume(request()))
        before = scene.began
        with pytest.raises(RunHeldError, match="meanwhile"):
            await scene.service.run(old)
        assert scene.began == before

    run_virtual(main())


def test_a_run_that_is_asked_to_end_cancels_what_does_not_end_in_time() -> None:
    async def main() -> None:
        scene = Scene(6)
        scene.stage.exec.act_of = lambda _: Act(work=1000.0)
        run = await scene.begin(request())
        async for _ in run:
            scene.fleet.runs.cancel("run")
        report = run.report()
        assert set(report.counts) <= {"cancelled", "skipped"}
        assert report.counts["cancelled"] > 0
        assert report.stop == Stop("cancelled (podium cancel)", 5)

    run_virtual(main())
