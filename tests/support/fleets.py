"""A scripted fleet for engine tests: each target does what its script says, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from podium.adapters.store.blobs import TemporaryBlobs
from podium.domain.admission import Admission
from podium.domain.commands import Command
from podium.domain.events import Channel, Event
from podium.domain.inventory import Snapshot
from podium.domain.outcomes import Outcome, Proof, Succeeded
from podium.domain.targets import Target
from podium.ports import Change, Output, Wanted
from podium.runner.engine import Engine
from podium.runner.fleet import Cluster, Fleet
from podium.runner.gate import admit
from podium.runner.order import spread
from podium.runner.plan import Pace, Plan
from support.virtual_time import VirtualClock


class NoFlow:
    def pause(self) -> None: ...

    def resume(self) -> None: ...


@dataclass(frozen=True)
class Act:
    """What one target does: after `connect` seconds it is reached (unless never), after `work` more it ends."""

    outcome: Outcome = Succeeded(Proof.RUNTIME)
    connect: float = 0.01
    work: float = 0.1
    reached: bool = True
    translated: bool = False  # the stream stands before the node has answered
    stdout: bytes = b""


@dataclass
class ScriptedExec:
    """Plays acts and records who ran when: `spans` of (target, start, end)."""

    act_of: Callable[[Target], Act]
    spans: list[tuple[Target, float, float]] = field(default_factory=list)
    open: set[Target] = field(default_factory=set)
    peak: int = 0

    async def exec(self, admission: Admission, target: Target, command: Command, output: Output) -> Outcome:
        assert admission.covers(target, command)
        act = self.act_of(target)
        begun = asyncio.get_running_loop().time()
        self.open.add(target)
        self.peak = max(self.peak, len(self.open))
        try:
            await asyncio.sleep(act.connect)
            if act.reached:
                output.attach(NoFlow())
                if not act.translated:
                    output.reach()
            if act.stdout:
                output.write(Channel.STDOUT, memoryview(act.stdout))
            await asyncio.sleep(act.work)
            return act.outcome
        finally:
            self.open.discard(target)
            self.spans.append((target, begun, asyncio.get_running_loop().time()))


@dataclass
class ScriptedInventory:
    """Yields `changes` as they are put into the queue."""

    queue: asyncio.Queue[Change] = field(default_factory=asyncio.Queue)

    async def snapshot(self, wanted: Wanted) -> Snapshot:
        return Snapshot(())

    async def changes(self) -> AsyncIterator[Change]:
        while True:
            yield await self.queue.get()


@dataclass
class ScriptedReviews:
    """Answers from a table of (verb, resource, namespace); counts what it was asked."""

    answers: Mapping[tuple[str, str, str], bool | None] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def who_am_i(self) -> str:
        return "tester"

    async def may(self, verb: str, resource: str, namespace: str) -> bool | None:
        self.asked.append((verb, resource, namespace))
        return self.answers.get((verb, resource, namespace), True)


class ListJournal:
    """Keeps events in a list."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def open(self, run: str, identity: str) -> ListJournal:
        return self

    async def append(self, events: Sequence[Event]) -> None:
        self.events += events


@dataclass
class Stage:
    """A fleet of one cluster with everything scripted."""

    act_of: Callable[[Target], Act]
    reviews: ScriptedReviews = field(default_factory=ScriptedReviews)
    cluster: str = "c"

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.exec = ScriptedExec(self.act_of)
        self.inventory = ScriptedInventory()
        self.journal = ListJournal()
        self.blobs = TemporaryBlobs()
        only = Cluster(self.cluster, "https://c", "default", "id", self.inventory, self.exec, self.reviews)
        self.fleet = Fleet((only,), (), self.clock, self.blobs, self.journal, lambda: "run")

    def engine(self, plan: Plan) -> Engine:
        return Engine(self.fleet, plan, admit(plan, "tester"), self.journal)


def targets(count: int, nodes: int = 4, namespaces: int = 1, cluster: str = "c") -> tuple[Target, ...]:
    return tuple(
        Target(cluster, f"ns{n % namespaces}", f"pod-{n}", "main", uid=f"{cluster}-u{n}", node=f"n{n % nodes}")
        for n in range(count)
    )


def plan_of(some: Sequence[Target], pace: Pace | None = None, timeout: float | None = 300.0, **plan: object) -> Plan:
    command = Command(("hostname",), timeout=timeout)
    not_ready = plan.get("not_ready", frozenset())
    assert isinstance(not_ready, frozenset)
    lives = dict.fromkeys(some, "life-1")
    return Plan("run", "exec", command, spread(some, not_ready), pace or Pace(), not_ready, lives)
