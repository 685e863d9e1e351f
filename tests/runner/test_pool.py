"""The pool as a state machine: whatever happens, every target starts or is taken out, within every limit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from podium.domain.outcomes import Lost, Outcome, Proof, Reason, Rejected, Succeeded, Why
from podium.domain.targets import Target
from podium.runner.order import spread
from podium.runner.plan import Pace
from podium.runner.pool import Pool, limit_at

OUTCOMES: dict[str, Outcome] = {
    "well": Succeeded(Proof.RUNTIME),
    "forbidden": Rejected(Reason(Why.FORBIDDEN)),
    "dead": Rejected(Reason(Why.NODE_UNREACHABLE)),
    "silent": Lost(Reason(Why.NO_ANSWER)),
}


@dataclass(frozen=True)
class World:
    targets: tuple[Target, ...]
    nodes: dict[str, str]
    spaces: dict[str, str]
    not_ready: frozenset[tuple[str, str]]
    pace: Pace


@st.composite
def worlds(draw: st.DrawFn) -> World:
    nodes = {f"n{n}": draw(st.sampled_from(["well", "well", "dead", "silent"])) for n in range(draw(st.integers(1, 5)))}
    spaces = {f"s{n}": draw(st.sampled_from(["well", "well", "forbidden"])) for n in range(draw(st.integers(1, 4)))}
    picks = st.tuples(st.sampled_from(sorted(nodes)), st.sampled_from(sorted(spaces)))
    targets = tuple(
        Target("c", space, f"p{n}", "main", f"u{n}", node)
        for n, (node, space) in enumerate(draw(st.lists(picks, max_size=40)))
    )
    not_ready = frozenset(("c", node) for node in draw(st.sets(st.sampled_from(sorted(nodes)))))
    pace = Pace(draw(st.integers(1, 8)), draw(st.integers(1, 8)), draw(st.integers(1, 4)), slow_start=())
    return World(targets, nodes, spaces, not_ready, pace)


def outcome_in(world: World, target: Target) -> Outcome:
    if world.spaces[target.namespace] == "forbidden":
        return OUTCOMES["forbidden"]
    return OUTCOMES[world.nodes[target.node]]


@given(worlds(), st.randoms(use_true_random=False))
def test_every_target_starts_once_or_is_taken_out(world: World, random: object) -> None:
    pool = Pool(world.pace, world.not_ready, 0.0)
    pool.add(spread(world.targets, world.not_ready))
    now, flying, begun, taken_out = 0.0, [], Counter[Target](), Counter[Target]()
    for _ in range(2000):
        while (target := pool.take(now)) is not None:
            flying.append(target)
            begun[target] += 1
            check_limits(world, flying)
        if flying:
            target = flying.pop(random.randrange(len(flying)))  # type: ignore[attr-defined]
            taken_out.update(finish(world, pool, target, now))
            now += 0.1
            continue
        taken_out.update(pool.unreachable())
        if pool.pending == 0:
            break
        wake = pool.wake_at(now)
        assert wake is not None, "targets wait for nothing"
        now = max(now + 0.001, wake)
    assert begun + taken_out == Counter(world.targets)
    assert pool.in_flight == 0


def check_limits(world: World, flying: list[Target]) -> None:
    assert len(flying) <= min(world.pace.concurrency, world.pace.concurrency_in_all)
    assert max(Counter(target.node for target in flying).values()) <= world.pace.max_per_node


def finish(world: World, pool: Pool, target: Target, now: float) -> tuple[Target, ...]:
    outcome = outcome_in(world, target)
    if outcome == OUTCOMES["well"]:
        pool.open_space(target)
        pool.reached(target)
    scout = pool.is_scout(target)
    pool.ended(target, outcome, now)
    if not scout:
        return ()
    if outcome == OUTCOMES["forbidden"]:
        return pool.close_space(target)
    pool.open_space(target)
    return ()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), unique=True, max_size=60))
def test_spread_keeps_all_and_deals_round_the_nodes(picks: list[tuple[int, int]]) -> None:
    some = [Target("c", "s", f"p{n}", "main", f"u{n}", f"n{node}") for node, n in picks]
    dealt = spread(some)
    assert sorted(dealt) == sorted(some)
    nodes = len({target.node for target in some})
    first = [target.node for target in dealt[:nodes]]
    assert len(set(first)) == nodes


def test_slow_start_rises_to_the_concurrency() -> None:
    pace = Pace(concurrency=40)
    assert [limit_at(pace, at) for at in (0.0, 0.3, 0.6, 0.9, 1.0, 99.0)] == [8, 16, 32, 40, 40, 40]
