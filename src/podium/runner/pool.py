"""Who starts next: limits per cluster, node and namespace as one state machine without clock or tasks.

The first target of each namespace goes ahead as its scout, so that a namespace that forbids exec is asked once.
Nodes take turns; nodes that do not answer are left alone but for a probe; NotReady nodes come last.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from podium.domain.outcomes import Outcome, Why, reason_of
from podium.domain.targets import Target
from podium.runner.crowd import Crowd
from podium.runner.nodes import NodeHealth, is_connect_failure
from podium.runner.plan import Pace

SCOUT_PATIENCE = 3.0  #: seconds a namespace waits for its scout's answer before the others go as well

NodeKey = tuple[str, str]  # (cluster, node)
SpaceKey = tuple[str, str]  # (cluster, namespace)


@dataclass(slots=True)
class _Node:
    queue: deque[Target] = field(default_factory=deque)
    in_flight: int = 0
    health: NodeHealth = field(default_factory=NodeHealth)
    has_turn: bool = False
    silent_why: Why = Why.NODE_UNREACHABLE


@dataclass(slots=True)
class _Space:
    waiting: list[Target] = field(default_factory=list)
    scout: Target | None = None
    scouted_at: float | None = None
    is_open: bool = False


class Pool:
    """The targets of a plan that have not started, and what is in flight. Times are seconds of one clock."""

    def __init__(self, pace: Pace, not_ready: frozenset[NodeKey], now: float, crowd: Crowd | None = None) -> None:
        self._pace = pace
        self._crowd = crowd or Crowd()
        self._held: set[NodeKey] = set()  # nodes whose waiting targets are all held back by their workloads
        self._begun = now
        self._not_ready = not_ready
        self._nodes: dict[NodeKey, _Node] = {}
        self._spaces: dict[SpaceKey, _Space] = {}
        self._scouting: dict[SpaceKey, _Space] = {}  # scouts under way whose answer others wait for
        self._silent: set[NodeKey] = set()  # nodes that do not answer
        self._turns: dict[str, tuple[deque[NodeKey], deque[NodeKey]]] = {}  # per cluster: well nodes, NotReady nodes
        self._clusters: deque[str] = deque()
        self._in_flight: dict[str, int] = {}
        self._flying: set[Target] = set()
        self._queued = 0
        self._later: list[tuple[float, Target]] = []  # a heap of retries and when they are due

    @property
    def pending(self) -> int:
        """Targets that have not started."""
        return self._queued

    @property
    def in_flight(self) -> int:
        """Targets that have started and not ended."""
        return len(self._flying)

    def take(self, now: float, room: int | None = None) -> Target | None:
        """The next target to start now, or None; with `room`, no more than that are in flight."""
        self._open_stale_spaces(now)
        self._take_up_retries(now)
        most = self._pace.concurrency_in_all
        if self.in_flight >= (most if room is None else min(most, room)):
            return None
        for _ in range(len(self._clusters)):
            cluster = self._clusters[0]
            self._clusters.rotate(-1)
            if self._in_flight[cluster] >= limit_at(self._pace, now - self._begun):
                continue
            target = self._take_in(cluster, now)
            if target is not None:
                return target
        return None

    def reached(self, target: Target) -> None:
        """The target's node answers."""
        node = self._nodes[target.cluster, target.node]
        node.health = node.health.reached()
        self._silent.discard((target.cluster, target.node))

    def ended(self, target: Target, outcome: Outcome, now: float) -> None:
        """The target is done with. A scout's namespace stays closed until `open_space` or `close_space`."""
        self._flying.discard(target)
        self._crowd.leave(target)
        held, self._held = self._held, set()
        for node_key in held:
            self._give_turn(node_key)
        self._in_flight[target.cluster] -= 1
        key = (target.cluster, target.node)
        node = self._nodes[key]
        node.in_flight -= 1
        if is_connect_failure(outcome):
            node.health = node.health.failed(now)
            reason = reason_of(outcome)
            of_api = reason is not None and reason.why is Why.API_UNREACHABLE
            node.silent_why = Why.API_UNREACHABLE if of_api else Why.NODE_UNREACHABLE
            if node.health.is_open:
                self._silent.add(key)
                self._dismiss_scouts(node)
        elif node.health.probing:
            node.health = node.health.reached()
        self._give_turn(key)

    def again(self, target: Target, at: float) -> None:
        """Start a target that has ended once more, not before `at`."""
        heapq.heappush(self._later, (at, target))
        self._queued += 1

    def is_scout(self, target: Target) -> bool:
        """Whether the others of its namespace wait for this target."""
        space = self._spaces[target.cluster, target.namespace]
        return space.scout == target and not space.is_open

    def open_space(self, target: Target) -> None:
        """Let the others of the target's namespace start."""
        space = self._spaces[target.cluster, target.namespace]
        if space.is_open:
            return
        space.is_open = True
        self._scouting.pop((target.cluster, target.namespace), None)
        for waiting in space.waiting:
            self._enqueue(waiting)
        space.waiting = []

    def close_space(self, target: Target) -> tuple[Target, ...]:
        """Give up the target's namespace: all of it that has not started, taken out."""
        key = (target.cluster, target.namespace)
        space = self._spaces[key]
        gone = list(space.waiting)
        space.waiting = []
        if space.is_open:  # others went ahead while the scout's end was looked into
            gone += self._take_out(key)
        space.is_open = True
        self._scouting.pop(key, None)
        self._queued -= len(gone)
        return tuple(sorted(gone))

    def _take_out(self, key: SpaceKey) -> list[Target]:
        gone: list[Target] = []
        for node in self._nodes.values():
            gone += [queued for queued in node.queue if (queued.cluster, queued.namespace) == key]
            node.queue = deque(queued for queued in node.queue if (queued.cluster, queued.namespace) != key)
        return gone

    def unreachable(self) -> tuple[Target, ...]:
        """Once nothing else is left to start or in flight: the targets on nodes that do not answer, taken out."""
        if self._flying or any(node.queue and not node.health.is_open for node in self._nodes.values()):
            return ()
        if self._later or any(space.waiting for space in self._spaces.values()):
            return ()
        return tuple(self._drain_nodes())

    def why_silent(self, target: Target) -> Why:
        """What kept its node silent: the node itself, or the API server (or our own want of sockets) before it."""
        return self._nodes[target.cluster, target.node].silent_why

    def drain(self) -> tuple[Target, ...]:
        """All that has not started, taken out."""
        gone = [waiting for space in self._spaces.values() for waiting in space.waiting]
        for space in self._spaces.values():
            space.waiting = []
        gone += [target for _, target in self._later]
        self._later = []
        self._queued -= len(gone)
        return (*self._drain_nodes(), *gone)

    def wake_at(self, now: float) -> float | None:
        """When `take` may have more to give without any end coming: slow start, scouts, probes."""
        times = [self._begun + quarter * 0.25 for quarter in (1, 2, 3)]
        times += [
            space.scouted_at + SCOUT_PATIENCE for space in self._scouting.values() if space.scouted_at is not None
        ]
        silent = [self._nodes[key] for key in self._silent]
        times += [node.health.probe_at for node in silent if node.queue and node.health.probe_at is not None]
        times += [at for at, _ in self._later[:1]]
        # what is due and yet was not taken waits for an end, not for a time
        return min((at for at in times if at > now), default=None)

    def add(self, targets: Iterable[Target]) -> None:
        """Let more targets start: the next wave. What is known of nodes and namespaces holds on."""
        for target in targets:
            self._add(target)

    def _add(self, target: Target) -> None:
        if target.cluster not in self._turns:
            self._turns[target.cluster] = (deque(), deque())
            self._clusters.append(target.cluster)
            self._in_flight[target.cluster] = 0
        self._nodes.setdefault((target.cluster, target.node), _Node())
        space = self._spaces.setdefault((target.cluster, target.namespace), _Space())
        self._queued += 1
        if space.is_open:
            self._enqueue(target)
        elif space.scout is None:
            space.scout = target
            self._enqueue(target)
        else:
            space.waiting.append(target)

    def _enqueue(self, target: Target) -> None:
        key = (target.cluster, target.node)
        self._nodes[key].queue.append(target)
        self._give_turn(key)

    def _give_turn(self, key: NodeKey) -> None:
        node = self._nodes[key]
        if node.queue and not node.has_turn:
            node.has_turn = True
            self._turns[key[0]][key in self._not_ready].append(key)

    def _take_in(self, cluster: str, now: float) -> Target | None:
        well, late = self._turns[cluster]
        target = self._take_turn(well, now)
        if target is None and late and not self._well_wait(cluster):
            target = self._take_turn(late, now)
        return target

    def _take_turn(self, turns: deque[NodeKey], now: float) -> Target | None:
        for _ in range(len(turns)):
            key = turns.popleft()
            node = self._nodes[key]
            node.has_turn = False
            if node.in_flight >= self._pace.max_per_node:
                continue  # it gets a turn again with its next end
            if not node.health.may_try(now):
                self._give_turn(key)
                continue
            target = self._crowd.pick(node.queue)
            if target is not None:
                return self._start(target, key, now)
            self._held.add(key)  # it gets a turn again with any end
        return None

    def _well_wait(self, cluster: str) -> bool:
        waiting = any(
            space.waiting and space.scout is not None and (cluster, space.scout.node) not in self._not_ready
            for key, space in self._spaces.items()
            if key[0] == cluster
        )
        return waiting or any(
            node.queue and not node.health.is_open
            for key, node in self._nodes.items()
            if key[0] == cluster and key not in self._not_ready
        )

    def _start(self, target: Target, key: NodeKey, now: float) -> Target:
        node = self._nodes[key]
        self._crowd.enter(target)
        node.in_flight += 1
        node.health = node.health.tried()
        self._queued -= 1
        self._flying.add(target)
        self._in_flight[key[0]] += 1
        self._give_turn(key)
        space = self._spaces[target.cluster, target.namespace]
        if space.scout == target and not space.is_open:
            space.scouted_at = now
            self._scouting[target.cluster, target.namespace] = space
        return target

    def _take_up_retries(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, target = heapq.heappop(self._later)
            self._enqueue(target)

    def _dismiss_scouts(self, node: _Node) -> None:
        for target in tuple(node.queue):
            if self.is_scout(target):
                self.open_space(target)  # it may never start: the others must not wait for it

    def _open_stale_spaces(self, now: float) -> None:
        for space in list(self._scouting.values()):
            if space.scout is not None and space.scouted_at is not None and now >= space.scouted_at + SCOUT_PATIENCE:
                self.open_space(space.scout)

    def _drain_nodes(self) -> Iterator[Target]:
        for node in self._nodes.values():
            self._queued -= len(node.queue)
            yield from node.queue
            node.queue = deque()


def limit_at(pace: Pace, elapsed: float) -> int:
    """The limit of attempts in flight in one cluster, `elapsed` seconds after the start: slow start, then all."""
    steps: Iterable[int] = pace.slow_start
    for quarter, limit in enumerate(steps, start=1):
        if elapsed < quarter * 0.25:
            return min(limit, pace.concurrency)
    return pace.concurrency
