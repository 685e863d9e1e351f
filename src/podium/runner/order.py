"""In which order targets start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from podium.domain.targets import Target


def spread(targets: Iterable[Target], not_ready: frozenset[tuple[str, str]] = frozenset()) -> tuple[Target, ...]:
    """Deal targets round the nodes, by name within a node; those on `not_ready` (cluster, node) come last."""
    by_node: dict[tuple[str, str], list[Target]] = defaultdict(list)
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
