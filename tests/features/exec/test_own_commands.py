"""Each target's own command: planned, admitted exactly, run, and recorded as its template."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.exec.test_service import finish, fleet_of, request, snapshot
from podium.domain.admission import digest_of_command
from podium.domain.commands import Command, CommandKind
from podium.domain.errors import UsageError
from podium.domain.targets import Target
from podium.features.exec.service import ExecService
from support.fleets import Act, admitted
from support.virtual_time import run_virtual


def template(*words: str, kind: CommandKind = CommandKind.ARGV) -> Command:
    return Command(words, kind)


def test_each_target_runs_its_own_and_the_record_keeps_the_template() -> None:
    async def main() -> None:
        fleet = fleet_of({"a": snapshot("a", "p1", "p2")})
        service = ExecService(fleet)
        command = template("echo", "{namespace}/{pod}")
        run = await service.run(await service.prepare(replace(request(), command=command)))
        await finish(run)
        assert run.report().counts == {"succeeded": 2}
        exec_ = fleet.clusters[0].exec
        ran = {target.pod: own.argv for target, own in exec_.commands}  # type: ignore[attr-defined]
        assert ran == {"p1": ("echo", "shop/p1"), "p2": ("echo", "shop/p2")}
        records = fleet.trail.records  # type: ignore[attr-defined]
        assert {record.command for record in records} == {"echo '{namespace}/{pod}'"}
        assert {record.command_digest for record in records} == {digest_of_command(command).hex()}

    run_virtual(main())


def test_an_admission_covers_exactly_the_command_of_each_target() -> None:
    async def main() -> None:
        service = ExecService(fleet_of({"a": snapshot("a", "p1", "p2")}))
        plan = (await service.prepare(replace(request(), command=template("echo", "{pod}")))).plan
        admission = admitted(plan)
        first, second = plan.targets
        assert admission.covers(first, plan.command_for(first))
        assert admission.covers(second, plan.command_for(second))
        assert not admission.covers(first, plan.command_for(second)), "another target's"
        assert not admission.covers(first, plan.command), "the template"
        assert not admission.covers(Target("a", "shop", "p3", "main", "other"), plan.command_for(first))

    run_virtual(main())


def test_without_a_fact_all_run_one_command() -> None:
    async def main() -> None:
        service = ExecService(fleet_of({"a": snapshot("a", "p1", "p2")}, Act()))
        plan = (await service.prepare(replace(request(), command=template("awk", "{print $1}")))).plan
        assert plan.commands == {}
        assert all(plan.command_for(target) is plan.command for target in plan.targets)

    run_virtual(main())


def test_a_fact_that_a_target_lacks_ends_it_before_anything_ran() -> None:
    async def main() -> None:
        fleet = fleet_of({"a": snapshot("a", "p1", "p2")})
        with pytest.raises(UsageError, match=r"\{label:tier\}: shop/p1 has no label tier"):
            await ExecService(fleet).prepare(replace(request(), command=template("echo", "{label:tier}")))
        assert fleet.trail.records == []  # type: ignore[attr-defined]

    run_virtual(main())
