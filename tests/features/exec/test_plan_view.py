"""What a dry run says of its plan, and above all of the worst case."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from podium.domain.events import Finished
from podium.domain.outcomes import Failed
from podium.domain.rights import Asked, Rights, exec_rights
from podium.domain.runs import SILENT
from podium.domain.selection import Resolution
from podium.features.exec.plan_lines import rows
from podium.features.exec.plan_view import Around, PlanView, Worst, in_flight, view_of, worst_of
from podium.runner.budget import Budget
from podium.runner.plan import Care, Pace, Plan
from podium.runner.retry import RetryPolicy
from support.fleets import Act, Stage, plan_of, targets
from support.virtual_time import run_virtual

ONCE = RetryPolicy(0)


def view(plan: Plan, rights: Rights = Rights()) -> PlanView:  # noqa: B008 - a value
    around = Around("tester", ("c",), "all pods", rights, None, allow_skipped=False, notes=())
    return view_of(plan, Resolution((), ()), (), around)


@given(
    st.integers(1, 150),
    st.integers(1, 12),
    st.integers(0, 20),
    st.integers(1, 40),
    st.integers(1, 6),
    st.booleans(),
)
def test_no_run_is_worse_than_the_worst_case(
    count: int, nodes: int, limit: int, concurrency: int, per_node: int, strict: bool
) -> None:
    budget = Budget(max_failures=limit, strict=strict, brake=False)
    pace = Pace(concurrency=concurrency, max_per_node=per_node, slow_start=())
    plan = plan_of(targets(count, nodes=nodes), pace, care=Care(ONCE, budget))

    async def main() -> tuple[int, int]:
        stage = Stage(lambda _: Act(Failed(1)))
        events = [event async for event in stage.engine(plan).events()]
        bad = sum(isinstance(event, Finished) and isinstance(event.outcome, Failed) for event in events)
        return bad, stage.exec.peak

    bad, peak = run_virtual(main())
    worst = worst_of(budget, count, in_flight(plan))
    assert worst is not None
    assert bad <= worst.bad
    assert peak <= in_flight(plan)


def test_the_worst_case_is_n_and_what_is_in_flight() -> None:
    assert worst_of(Budget(max_failures=5), 1000, 64) == Worst(69, 64)
    assert worst_of(Budget(max_failures=5, strict=True), 1000, 64) == Worst(6, 1)
    assert worst_of(Budget(max_failures=5), 20, 64) == Worst(20, 20)
    assert worst_of(Budget(), 1000, 64) is None


def test_in_flight_is_bounded_by_each_limit() -> None:
    some = targets(1000, nodes=100)
    assert in_flight(plan_of(some)) == 64
    assert in_flight(plan_of(targets(1000, nodes=2))) == 16
    assert in_flight(plan_of(targets(3))) == 3
    waved = replace(plan_of(some), waves=(some[:5], some[5:15], some[15:30]))
    assert in_flight(waved) == 15
    workload = ("c", "ns0", "Deployment", "web")
    held = replace(plan_of(some), workloads=dict.fromkeys(some, workload), at_once={workload: 2})
    assert in_flight(held) == 2


def test_exit_status_and_the_rights_row() -> None:
    get, create = exec_rights()
    no = Rights((Asked("c", "", get, allowed=True),), (Asked("c", "pay", create, allowed=False),))
    assert view(plan_of(targets(2)), no).exit_status == 6
    assert view(plan_of(targets(2))).exit_status == 0
    text = dict(rows(view(plan_of(targets(2)), no)))
    assert text["rights"] == ("c: get pods/exec: yes, in all namespaces", "c: create pods/exec: NO, in pay")
    unknown = Rights((), (Asked("c", "pay", create, allowed=None),))
    assert view(plan_of(targets(2)), unknown).exit_status == 0


def test_rows_name_all_that_decides() -> None:
    some = targets(20, nodes=3)
    care = Care(RetryPolicy(3, frozenset({75}), idempotent=True), Budget(5, 2, 1, first_wave=True))
    plan = replace(plan_of(some, care=care), waves=(some[:1], some[1:]), not_ready=frozenset({("c", "n2")}))
    text = dict(rows(view(plan)))
    assert list(text) == [
        "run", "command", "targets", "workloads", "nodes", "left out", "waves", "budget", "retries", "timeouts", "pace",
        "rights", "question",
    ]  # fmt: skip
    assert text["waves"] == ("2: 1, 19",)
    assert "6 n2 (NotReady, last)" in text["nodes"]
    assert text["budget"][0] == (
        "stops when more than 5 ended badly · stops when more than 2 lost · stops when more than 1 rejected"
    )
    assert text["budget"][1].startswith("worst case: 20 end badly")
    assert "3 after the first attempt" in text["retries"][0]
    assert "exit 75" in text["retries"][0]
    assert text["timeouts"] == ("a target 5m · connect 10s · the run none",)
    assert text["question"] == ("none",)


def test_answers_of_many_namespaces_are_one_row_each() -> None:
    get, create = exec_rights()
    asked = [Asked("c", f"team-{n}", right, allowed=n != 1) for n in range(3) for right in (get, create)]
    text = dict(rows(view(plan_of(targets(2)), Rights((), tuple(asked)))))
    assert text["rights"] == (
        "c: get pods/exec: yes, in team-[0,2]",
        "c: create pods/exec: yes, in team-[0,2]",
        "c: get pods/exec: NO, in team-1",
        "c: create pods/exec: NO, in team-1",
    )


def test_what_has_ended_is_no_part_of_the_plan() -> None:
    some = targets(10, nodes=2)
    ended = {target: Finished(target, 1, Failed(1), SILENT, 0.0, 0.0) for target in some[:7]}
    plan = replace(plan_of(some), earlier=ended)
    seen = view(plan)
    assert (seen.waves, seen.in_flight, sum(node.targets for node in seen.nodes)) == ((3,), 3, 3)
    assert {target for target, _ in seen.samples} <= set(some[7:])
