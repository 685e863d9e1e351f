"""What will be run, on what, at what pace: printable before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from podium.domain.commands import Command
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

    `waves` part the targets; empty is one wave of all.
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
