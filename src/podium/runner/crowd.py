"""How many of one workload are in flight."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from podium.domain.targets import Target
from podium.runner.plan import Workload


class Crowd:
    """Counts what is in flight of each workload against its limit. Targets without a workload are never held."""

    def __init__(
        self, workloads: Mapping[Target, Workload] | None = None, limits: Mapping[Workload, int] | None = None
    ) -> None:
        self._workloads = workloads or {}
        self._limits = limits or {}
        self._flying: Counter[Workload] = Counter()

    def pick(self, queue: deque[Target]) -> Target | None:
        """Take the first target out of a queue that its workload does not hold back; None where all are held."""
        for place, target in enumerate(queue):
            if self._has_room(target):
                del queue[place]
                return target
        return None

    def enter(self, target: Target) -> None:
        """The target has started."""
        workload = self._workloads.get(target)
        if workload is not None:
            self._flying[workload] += 1

    def leave(self, target: Target) -> None:
        """The target is done with."""
        workload = self._workloads.get(target)
        if workload is not None:
            self._flying[workload] -= 1

    def _has_room(self, target: Target) -> bool:
        workload = self._workloads.get(target)
        limit = None if workload is None else self._limits.get(workload)
        return limit is None or workload is None or self._flying[workload] < limit
