"""A scripted fleet for engine tests: each target does what its script says, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from podium.adapters.store.blobs import TemporaryBlobs
from podium.adapters.store.journal import MemoryJournals
from podium.domain.admission import Admission
from podium.domain.audit import AuditRecord
from podium.domain.commands import Command
from podium.domain.events import Channel, Event
from podium.domain.inventory import Snapshot
from podium.domain.outcomes import Outcome, Proof, Succeeded
from podium.domain.runs import Closing, RunRecord
from podium.domain.targets import Target
from podium.ports import Change, Output, Wanted
from podium.runner.engine import Engine
from podium.runner.fleet import Cluster, Fleet
from podium.runner.gate import Actor, Passage, Purpose, admit
from podium.runner.order import spread
from podium.runner.plan import Care, Pace, Plan
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
    commands: list[tuple[Target, Command]] = field(default_factory=list)

    async def exec(self, admission: Admission, target: Target, command: Command, output: Output) -> Outcome:
        assert admission.covers(target, command)
        self.commands.append((target, command))
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

    async def open(self, record: RunRecord) -> ListJournal:
        return self

    async def take(self, run: str) -> ListJournal:
        return self

    def asked_to_cancel(self) -> bool:
        return False

    async def close(self, closing: Closing | None) -> None: ...

    async def append(self, events: Sequence[Event]) -> None:
        self.events += events


class ListTrail:
    """Keeps audit records in a list."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []

    async def append(self, record: AuditRecord) -> str:
        self.records.append(record)
        return f"hash-{len(self.records)}"

    def lines(self) -> tuple[str, ...]:
        return ()


def admitted(plan: Plan) -> Admission:
    """Pass the gate without a loop: nothing in it waits with a trail in memory."""
    passing = admit(plan, Actor("tester"), Purpose("", ()), ListTrail(), 0.0)
    try:
        passing.send(None)
    except StopIteration as done:
        passage: Passage = done.value
        return passage.admission
    raise AssertionError("the gate waited")


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
        self.trail = ListTrail()
        self.fleet = Fleet(
            (only,),
            (),
            self.clock,
            self.blobs,
            self.journal,
            self.trail,
            Actor("", "", "al", "laptop"),
            lambda: "run",
            MemoryJournals("al@laptop", self.blobs),
        )

    def engine(self, plan: Plan) -> Engine:
        return Engine(self.fleet, plan, admitted(plan), self.journal)


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
    care = plan.get("care", Care())
    assert isinstance(care, Care)
    return Plan("run", "exec", command, spread(some, not_ready), pace or Pace(), not_ready, care, lives=lives)


def most_at_once(spans: list[tuple[Target, float, float]]) -> int:
    steps = sorted([(start, 1) for _, start, _ in spans] + [(end, -1) for _, _, end in spans])
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most
