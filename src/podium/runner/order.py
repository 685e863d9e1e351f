"""In which order targets start."""

from __future__ import annotations

import enum
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable

from podium.domain.targets import Target

NodeKey = tuple[str, str]  # (cluster, node)


class Order(enum.Enum):
    """--order. Within it nodes still take turns, so that no node gets all of a wave at once."""

    SPREAD = "spread"  # round the nodes
    NAME = "name"
    OLDEST = "oldest"
    NEWEST = "newest"
    RANDOM = "random"


def arrange(
    targets: Iterable[Target],
    order: Order,
    created: Callable[[Target], float],
    seed: str,
    not_ready: frozenset[NodeKey],
) -> tuple[Target, ...]:
    """Order targets; those on `not_ready` nodes come last. `created` in seconds since the epoch; `seed` for random."""
    if order is Order.SPREAD:
        return spread(targets, not_ready)
    keys: dict[Order, Callable[[Target], tuple[object, ...]]] = {
        Order.NAME: lambda _: (),
        Order.OLDEST: lambda target: (created(target),),
        Order.NEWEST: lambda target: (-created(target),),
        Order.RANDOM: lambda target: (hashlib.sha256(f"{seed} {target.uid} {target}".encode()).digest(),),
    }
    key = keys[order]
    return tuple(sorted(targets, key=lambda one: ((one.cluster, one.node) in not_ready, *key(one), one)))


def spread(targets: Iterable[Target], not_ready: frozenset[NodeKey] = frozenset()) -> tuple[Target, ...]:
    """Deal targets round the nodes, by name within a node; those on `not_ready` nodes come last."""
    by_node: dict[NodeKey, list[Target]] = defaultdict(list)
    for target in sorted(targets):
        by_node[target.cluster, target.node].append(target)
    well = _deal([queue for node, queue in by_node.items() if node not in not_ready])
    ill = _deal([queue for node, queue in by_node.items() if node in not_ready])
    return (*well, *ill)


def _deal(queues: list[list[Target]]) -> list[Target]:
    dealt: list[Target] = []
    longest = max((len(queue) for queue in queues), default=0)
    for turn in range(longest):
        queues = [queue for queue in queues if turn < len(queue)]
        dealt.extend(queue[turn] for queue in queues)
    return dealt
