"""What will be run, on what, at what pace: printable before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from podium.domain.commands import Command
from podium.domain.events import Finished
from podium.domain.outcomes import Reason
from podium.domain.targets import Target
from podium.runner.budget import Budget
from podium.runner.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how long. Seconds; None is no limit. `deadline` in seconds since the epoch."""

    concurrency: int = 64  #: attempts in flight per cluster
    concurrency_in_all: int = 256
    max_per_node: int = 8
    slow_start: tuple[int, ...] = (8, 16, 32, 64)  #: limits in the four quarters of the first second
    connect_timeout: float = 10.0
    run_timeout: float | None = None
    deadline: float | None = None


Workload = tuple[str, str, str, str]  # (cluster, namespace, kind, name)


@dataclass(frozen=True, slots=True)
class Care:
    """What is done about bad ends."""

    retry: RetryPolicy = RetryPolicy()
    budget: Budget = Budget()


@dataclass(frozen=True, slots=True)
class Plan:
    """Command x targets x care. `targets` in the order they start, those on `not_ready` nodes last.

    `waves` part the targets that are to run; empty is one wave of all. A resumed run has targets that ended `earlier`
    and count, and some that are `absent` by now and are skipped for the reason given.
    """

    run: str
    action: str
    command: Command
    targets: tuple[Target, ...]
    pace: Pace = Pace()
    not_ready: frozenset[tuple[str, str]] = field(default=frozenset())  #: (cluster, node)
    care: Care = Care()
    waves: tuple[tuple[Target, ...], ...] = ()
    workloads: Mapping[Target, Workload] = field(default_factory=dict)  #: of each target that has one
    at_once: Mapping[Workload, int] = field(default_factory=dict)  #: --max-per-workload: in flight of one workload
    lives: Mapping[Target, str] = field(default_factory=dict)  #: the container id of each target in the snapshot
    commands: Mapping[Target, Command] = field(default_factory=dict)  #: where something was substituted: its own
    earlier: Mapping[Target, Finished] = field(default_factory=dict)
    absent: Mapping[Target, Reason] = field(default_factory=dict)

    @property
    def pending(self) -> tuple[Target, ...]:
        """The targets that are still to run."""
        return tuple(target for target in self.targets if target not in self.earlier and target not in self.absent)

    def command_for(self, target: Target) -> Command:
        """What this target runs."""
        return self.commands.get(target, self.command)
