"""A plan as a value to be shown before anything runs: what --dry-run prints. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from podium.domain.commands import Command
from podium.domain.inventory import Unreached
from podium.domain.names import format_owner
from podium.domain.rights import Rights
from podium.domain.selection import LeftOut, Missing, Resolution
from podium.domain.targets import Target
from podium.features.exec.asking import Ask, Refuse
from podium.runner.budget import Budget
from podium.runner.plan import Plan
from podium.runner.retry import RetryPolicy

SAMPLES = 3
NO_WORKLOAD = "no workload"


@dataclass(frozen=True, slots=True)
class Share:
    """How many targets one workload, or one node, has of the plan. `not_ready` where the node is."""

    cluster: str
    namespace: str  #: "" for a node
    name: str
    targets: int
    not_ready: bool = False


@dataclass(frozen=True, slots=True)
class Worst:
    """What a budget lets happen: `bad` targets at most, of which `in_flight` end after the stop."""

    bad: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class PlanView:
    """All that is known of a run before it starts."""

    plan: Plan
    who: str
    contexts: tuple[str, ...]
    selection: str
    workloads: tuple[Share, ...]
    nodes: tuple[Share, ...]
    waves: tuple[int, ...]  #: the size of each
    in_flight: int  #: attempts at one time, at most
    worst: Worst | None  #: None without a budget
    samples: tuple[tuple[Target, Command], ...]  #: what a few targets would run, after substitution
    rights: Rights
    question: Ask | Refuse | None
    left_out: tuple[LeftOut, ...]
    missing: tuple[Missing, ...]
    unreached: tuple[Unreached, ...]
    seed: int | None
    allow_skipped: bool
    notes: tuple[str, ...]

    @property
    def budget(self) -> Budget:
        """What may end badly."""
        return self.plan.care.budget

    @property
    def retry(self) -> RetryPolicy:
        """What is tried again."""
        return self.plan.care.retry

    @property
    def complete(self) -> bool:
        """Nothing unreached, and nothing left out or absent that counts."""
        should_run = any(left.should_run for left in self.left_out)
        return not self.unreached and (self.allow_skipped or not (should_run or self.missing))

    @property
    def exit_status(self) -> int:
        """6 where a right is missing, 1 where the plan lacks what should be in it, else 0."""
        if self.rights.lacking:
            return 6
        return 0 if self.complete else 1


@dataclass(frozen=True, slots=True)
class Around:
    """What a view says beside its plan."""

    who: str
    contexts: tuple[str, ...]
    selection: str
    rights: Rights
    question: Ask | Refuse | None
    allow_skipped: bool
    notes: tuple[str, ...]


def view_of(plan: Plan, resolution: Resolution, unreached: tuple[Unreached, ...], around: Around) -> PlanView:
    """See a plan as a whole."""
    at_once = in_flight(plan)
    return PlanView(
        plan=plan,
        who=around.who,
        contexts=around.contexts,
        selection=around.selection,
        workloads=_workloads(resolution, frozenset(plan.pending)),
        nodes=_nodes(plan),
        waves=tuple(len(wave) for wave in plan.waves or (plan.pending,)),
        in_flight=at_once,
        worst=worst_of(plan.care.budget, len(plan.targets), at_once),
        samples=tuple((target, plan.command_for(target)) for target in _spaced(plan.pending)),
        rights=around.rights,
        question=around.question,
        left_out=resolution.left_out,
        missing=resolution.missing,
        unreached=unreached,
        seed=resolution.seed,
        allow_skipped=around.allow_skipped,
        notes=around.notes,
    )


def in_flight(plan: Plan) -> int:
    """How many attempts there can be at one time: the limits per cluster, in all, per node and per workload."""
    pace = plan.pace
    nodes = Counter((target.cluster, target.node) for target in plan.pending)
    clusters: Counter[str] = Counter()
    for (cluster, _), size in nodes.items():
        clusters[cluster] += min(size, pace.max_per_node)
    by_cluster = sum(min(size, pace.concurrency) for size in clusters.values())
    largest_wave = max((len(wave) for wave in plan.waves), default=by_cluster)
    return min(by_cluster, pace.concurrency_in_all, _by_workload(plan), largest_wave)


def worst_of(budget: Budget, total: int, at_once: int) -> Worst | None:
    """The most that can end badly: what the budget allows and one more, and all that is in flight by then.

    With `strict` no more is in flight than may still end badly. None where nothing bounds it.
    """
    limit = budget.max_failures
    if limit is None:
        return None
    beyond = 1 if budget.strict else at_once
    return Worst(min(limit + beyond, total), min(beyond, total))


def _by_workload(plan: Plan) -> int:
    pending = plan.pending
    if not plan.at_once:
        return len(pending)
    sizes = Counter(plan.workloads[target] for target in pending if target in plan.workloads)
    free = len(pending) - sum(sizes.values())
    return free + sum(min(size, plan.at_once.get(workload, size)) for workload, size in sizes.items())


def _workloads(resolution: Resolution, pending: frozenset[Target]) -> tuple[Share, ...]:
    found: Counter[tuple[str, str, str]] = Counter()
    for picked in resolution.picked:
        if picked.target not in pending:
            continue
        owner = picked.pod.workload or picked.pod.controller
        name = NO_WORKLOAD if owner is None else format_owner(owner)
        found[picked.target.cluster, picked.target.namespace, name] += 1
    return tuple(Share(*key, size) for key, size in _largest_first(found))


def _nodes(plan: Plan) -> tuple[Share, ...]:
    found = Counter((target.cluster, "", target.node) for target in plan.pending)
    return tuple(Share(*key, size, not_ready=(key[0], key[2]) in plan.not_ready) for key, size in _largest_first(found))


def _largest_first(found: Mapping[tuple[str, str, str], int]) -> list[tuple[tuple[str, str, str], int]]:
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def _spaced(targets: tuple[Target, ...]) -> list[Target]:
    places = sorted({0, len(targets) // 2, len(targets) - 1}) if targets else []
    return [targets[place] for place in places[:SAMPLES]]
