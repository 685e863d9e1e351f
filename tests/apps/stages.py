"""The command line over a scripted fleet: `podium(...)` runs `main` in this process and gives what came out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from podium.adapters.clock import SystemClock
from podium.adapters.store.blobs import TemporaryBlobs
from podium.adapters.store.journal import MemoryJournals
from podium.apps import bootstrap
from podium.apps.cli.main import main
from podium.domain.admission import Admission
from podium.domain.commands import Command
from podium.domain.events import Channel, Event
from podium.domain.inventory import Container, ContainerState, Owner, Pod, Snapshot, Unreached
from podium.domain.outcomes import Outcome, Proof, Succeeded
from podium.domain.runs import Closing, RunRecord
from podium.domain.targets import Target
from podium.ports import Change, Output, Wanted
from podium.runner.fleet import About, Cluster, Fleet
from podium.runner.gate import Actor
from support.fleets import ListTrail, NoFlow, ScriptedReviews


@dataclass(frozen=True)
class Act:
    """What one target does: writes, waits `work` seconds, ends. `then` is called when it is under way."""

    outcome: Outcome = Succeeded(Proof.RUNTIME)
    stdout: bytes | Sequence[bytes] = b"ok\n"
    stderr: bytes = b""
    work: float = 0.0
    then: Callable[[], None] | None = None


@dataclass
class ActedExec:
    """Plays acts; `seen` are the commands it was given."""

    act_of: Callable[[Target], Act]
    seen: list[tuple[Target, Command]] = field(default_factory=list)

    async def exec(self, admission: Admission, target: Target, command: Command, output: Output) -> Outcome:
        assert admission.covers(target, command)
        self.seen.append((target, command))
        act = self.act_of(target)
        output.attach(NoFlow())
        for piece in [act.stdout] if isinstance(act.stdout, bytes) else act.stdout:
            output.write(Channel.STDOUT, memoryview(piece))
            await asyncio.sleep(0)
        if act.stderr:
            output.write(Channel.STDERR, memoryview(act.stderr))
        if act.then is not None:
            act.then()
        await asyncio.sleep(act.work)
        return act.outcome


@dataclass
class GivenInventory:
    """Gives one snapshot, or an error; nothing changes."""

    found: Snapshot | Exception
    wanted: list[Wanted] = field(default_factory=list)

    async def snapshot(self, wanted: Wanted) -> Snapshot:
        self.wanted.append(wanted)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    async def changes(self) -> AsyncIterator[Change]:
        await asyncio.Event().wait()
        yield Change("", deleted=True, containers={})


@dataclass
class OpenJournals:
    """Keeps nothing, or refuses."""

    error: Exception | None = None

    async def open(self, record: RunRecord) -> OpenJournals:
        return self

    async def take(self, run: str) -> OpenJournals:
        return self

    def asked_to_cancel(self) -> bool:
        return False

    async def close(self, closing: Closing | None) -> None: ...

    async def append(self, events: Sequence[Event]) -> None:
        if self.error is not None:
            raise self.error


@dataclass
class Stage:
    """A fleet of one cluster; what a test sets is what main() meets."""

    pods: Sequence[Pod]
    act_of: Callable[[Target], Act] = lambda _: Act()
    unreached: tuple[Unreached, ...] = ()
    notes: tuple[str, ...] = ()
    error: Exception | None = None
    journal_error: Exception | None = None
    cluster: str = "prod/eu"
    reviews: ScriptedReviews = field(default_factory=ScriptedReviews)
    settings: list[bootstrap.Connect] = field(default_factory=list)
    version: str = "v1.36.3"

    def __post_init__(self) -> None:
        self.trail = ListTrail()
        self.exec = ActedExec(lambda target: self.act_of(target))  # noqa: PLW0108 - a test may set act_of later

    async def _about(self) -> About:
        return About(self.version, 0.0)

    @asynccontextmanager
    async def connect(self, settings: bootstrap.Connect) -> AsyncIterator[Fleet]:
        self.settings.append(settings)
        if self.error is not None:
            raise self.error
        inventory = GivenInventory(Snapshot(tuple(self.pods), unreached=self.unreached, notes=self.notes))
        only = Cluster(self.cluster, "https://c", "shop", "id", inventory, self.exec, self.reviews, self._about)
        journals = OpenJournals(self.journal_error)
        blobs = TemporaryBlobs()
        try:
            yield Fleet(
                (only,),
                (),
                SystemClock(),
                blobs,
                journals,
                self.trail,
                Actor("", "", "al", "laptop"),
                lambda: "01JX7KABCDEF",
                MemoryJournals("al@laptop", blobs),
            )
        finally:
            blobs.close()


def pod(name: str, *containers: Container, namespace: str = "shop", cluster: str = "prod/eu", **more: Any) -> Pod:
    own = containers or (Container("app", "app:1", state=ContainerState.RUNNING, ready=True, container_id="c1"),)
    values: dict[str, Any] = {
        "phase": "Running",
        "node": "n1",
        "ready": True,
        "workload": Owner("Deployment", "web"),
        "created": 1.0,
        **more,
    }
    return Pod(cluster, namespace, name, f"uid-{namespace}-{name}", containers=own, **values)


def crashing(name: str) -> Pod:
    container = Container("app", "app:1", state=ContainerState.WAITING, reason="CrashLoopBackOff", last_exit_code=1)
    return pod(name, container, ready=False)


@dataclass(frozen=True)
class Ran:
    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Terminal:
    """Runs the command line against a stage."""

    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[bytes]

    def __call__(self, stage: Stage | None, *argv: str) -> Ran:
        with self._met(stage):
            status = main(argv)
        captured = self.capture.readouterr()
        return Ran(status, captured.out, captured.err.decode())

    @contextmanager
    def _met(self, stage: Stage | None) -> Iterator[None]:
        with self.monkeypatch.context() as patch:
            if stage is not None:
                patch.setattr(bootstrap, "connect", stage.connect)
            yield
