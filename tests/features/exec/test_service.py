"""From a request to a report, on scripted clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from podium.domain.commands import Command
from podium.domain.errors import AdmissionError, ClusterError, NothingMatchedError, UsageError
from podium.domain.inventory import Container, ContainerState, Node, Pod, Snapshot, Unreached, UnreachedReason
from podium.domain.outcomes import Failed, Proof, Why, reason_of
from podium.domain.selection import Selection, Where
from podium.features.exec.report import Stop
from podium.features.exec.request import ExecRequest
from podium.features.exec.service import ExecService, Run
from podium.ports import Wanted
from podium.runner.fleet import Fleet
from podium.runner.plan import Pace
from support.fleets import Act, ScriptedInventory, Stage, admitted
from support.virtual_time import run_virtual

EVERYTHING = Selection(where=Where(everywhere=True), everything=True)


class Listed(ScriptedInventory):
    """An inventory with a snapshot, or with an error."""

    def __init__(self, answer: Snapshot | ClusterError) -> None:
        super().__init__()
        self.answer = answer
        self.wanted: list[Wanted] = []

    async def snapshot(self, wanted: Wanted) -> Snapshot:
        self.wanted.append(wanted)
        if isinstance(self.answer, ClusterError):
            raise self.answer
        return self.answer


def pod(cluster: str, name: str, uid: str = "", node: str = "n1") -> Pod:
    container = Container("main", "image:1", state=ContainerState.RUNNING, ready=True, container_id=f"life-{name}")
    return Pod(cluster, "shop", name, uid or f"{cluster}-{name}", "Running", node=node, containers=(container,))


def snapshot(cluster: str, *names: str) -> Snapshot:
    return Snapshot(tuple(pod(cluster, name) for name in names), {(cluster, "n1"): Node(cluster, "n1")})


def fleet_of(answers: dict[str, Snapshot | ClusterError], act: Act | None = None) -> Fleet:
    stages = [Stage(lambda _: act or Act(), cluster=name) for name in answers]
    clusters = [
        replace(stage.fleet.clusters[0], inventory=Listed(answer))
        for stage, answer in zip(stages, answers.values(), strict=True)
    ]
    return replace(stages[0].fleet, clusters=tuple(clusters))


def request(selection: Selection = EVERYTHING, **more: int) -> ExecRequest:
    return ExecRequest(selection, Command(("hostname",)), Pace(), min_targets=more.get("min_targets", 1))


async def finish(run: Run) -> None:
    async for _ in run:
        pass


def test_two_clusters_in_one_run() -> None:
    async def main() -> None:
        fleet = fleet_of({"a": snapshot("a", "p1", "p2"), "b": snapshot("b", "p1")})
        service = ExecService(fleet)
        run = await service.run(await service.prepare(request()))
        await finish(run)
        report = run.report()
        assert (report.counts, report.complete, report.exit_status) == ({"succeeded": 3}, True, 0)

    run_virtual(main())


def test_one_pod_in_two_snapshots_is_a_usage_error_naming_both() -> None:
    async def main() -> None:
        answers: dict[str, Snapshot | ClusterError] = {
            "a": Snapshot((pod("a", "p1", "same"),)),
            "b": Snapshot((pod("b", "p1", "same"),)),
        }
        with pytest.raises(UsageError, match=r"contexts a and b .*shop/p1"):
            await ExecService(fleet_of(answers)).prepare(request())

    run_virtual(main())


def test_an_unreachable_cluster_is_reported_and_the_rest_goes_on() -> None:
    async def main() -> None:
        service = ExecService(fleet_of({"a": snapshot("a", "p1"), "b": ClusterError("b: connection refused")}))
        run = await service.run(await service.prepare(request()))
        await finish(run)
        report = run.report()
        assert [(one.cluster, one.detail) for one in report.unreached] == [("b", "b: connection refused")]
        assert (report.complete, report.exit_status) == (False, 1)

    run_virtual(main())


def test_no_cluster_reached_is_a_cluster_error() -> None:
    async def main() -> None:
        gone = Snapshot((), unreached=(Unreached("a", "", UnreachedReason.UNREACHABLE, "refused"),))
        with pytest.raises(ClusterError, match="refused"):
            await ExecService(fleet_of({"a": gone, "b": ClusterError("no route")})).prepare(request())

    run_virtual(main())


@pytest.mark.parametrize(("names", "least"), [((), 1), (("p1",), 2)])
def test_too_few_targets_is_nothing_matched(names: Sequence[str], least: int) -> None:
    async def main() -> None:
        with pytest.raises(NothingMatchedError):
            await ExecService(fleet_of({"a": snapshot("a", *names)})).prepare(request(min_targets=least))

    run_virtual(main())


def test_protected_namespaces_are_left_out_unless_named() -> None:
    async def main() -> None:
        system = replace(pod("a", "dns"), namespace="kube-system")
        fleet = fleet_of({"a": Snapshot((pod("a", "p1"), system))})
        prepared = await ExecService(fleet).prepare(request())
        assert [target.pod for target in prepared.plan.targets] == ["p1"]
        named = request(Selection(where=Where(("kube-system",)), everything=True))
        prepared = await ExecService(fleet).prepare(named)
        assert [target.pod for target in prepared.plan.targets] == ["dns"]

    run_virtual(main())


def test_targets_on_not_ready_nodes_come_last_in_the_plan() -> None:
    async def main() -> None:
        nodes = {("a", "n1"): Node("a", "n1", ready=False), ("a", "n2"): Node("a", "n2")}
        fleet = fleet_of({"a": Snapshot((pod("a", "p1", node="n1"), pod("a", "p2", node="n2")), nodes)})
        plan = (await ExecService(fleet).prepare(request())).plan
        assert [target.pod for target in plan.targets] == ["p2", "p1"]
        assert plan.not_ready == {("a", "n1")}
        assert plan.lives[plan.targets[0]] == "life-p2"

    run_virtual(main())


def test_stopping_twice_ends_what_is_in_flight() -> None:
    async def main() -> None:
        service = ExecService(fleet_of({"a": snapshot("a", *(f"p{n}" for n in range(20)))}, Act(work=1000.0)))
        prepared = await service.prepare(request())
        run = await service.run(prepared)
        async for _ in run:
            run.stop(Stop("stopped by Ctrl-C", 130))
        report = run.report()
        assert report.exit_status == 130
        assert report.counts.keys() <= {"lost", "skipped"}
        assert len(report.ends) == 20
        assert {reason_of(end.outcome).why for end in report.ends.values() if reason_of(end.outcome)} == {  # type: ignore[union-attr]
            Why.INTERRUPTED
        }

    run_virtual(main())


def test_a_run_that_ends_itself_says_so_with_status_5() -> None:
    async def main() -> None:
        service = ExecService(fleet_of({"a": snapshot("a", "p1")}, Act(work=1000.0)))
        asked = replace(request(), pace=Pace(run_timeout=5.0))
        run = await service.run(await service.prepare(asked))
        await finish(run)
        report = run.report()
        assert report.stop is not None
        assert (report.exit_status, "--run-timeout" in report.stop.text) == (5, True)

    run_virtual(main())


def test_a_failed_target_makes_1() -> None:
    async def main() -> None:
        service = ExecService(fleet_of({"a": snapshot("a", "p1")}, Act(Failed(7, Proof.RUNTIME))))
        run = await service.run(await service.prepare(request()))
        await finish(run)
        assert run.report().exit_status == 1

    run_virtual(main())


def test_adapters_refuse_what_was_not_admitted() -> None:
    async def main() -> None:
        from podium.adapters.kube.exec import KubeExec

        prepared = await ExecService(fleet_of({"a": snapshot("a", "p1", "p2")})).prepare(request())
        plan = prepared.plan
        narrow = admitted(replace(plan, targets=plan.targets[:1]))
        exec_ = KubeExec(api=None)  # type: ignore[arg-type]
        for target, command in ((plan.targets[1], plan.command), (plan.targets[0], Command(("rm", "-rf", "/")))):
            with pytest.raises(AdmissionError):
                await exec_.exec(narrow, target, command, output=None)  # type: ignore[arg-type]

    run_virtual(main())
