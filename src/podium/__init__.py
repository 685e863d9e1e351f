"""Podium: one command over thousands of pods, with honest results."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from podium.apps.bootstrap import Connect
    from podium.apps.library import End, ExecRun, Fleet, connect
    from podium.domain.commands import Command, CommandKind
    from podium.domain.errors import ClusterError, NothingMatchedError, PodiumError, UsageError
    from podium.domain.outcomes import Cancelled, Failed, Lost, Outcome, Rejected, Skipped, Succeeded, TimedOut
    from podium.domain.selection import Selection, Where
    from podium.domain.targets import Target
    from podium.runner.plan import Pace

_HOMES = {
    "podium.apps.bootstrap": ("Connect",),
    "podium.apps.library": ("End", "ExecRun", "Fleet", "connect"),
    "podium.domain.commands": ("Command", "CommandKind"),
    "podium.domain.errors": ("ClusterError", "NothingMatchedError", "PodiumError", "UsageError"),
    "podium.domain.outcomes": (
        "Cancelled", "Failed", "Lost", "Outcome", "Rejected", "Skipped", "Succeeded", "TimedOut",
    ),
    "podium.domain.selection": ("Selection", "Where"),
    "podium.domain.targets": ("Target",),
    "podium.runner.plan": ("Pace",),
}  # fmt: skip

__all__ = [
    "Cancelled",
    "ClusterError",
    "Command",
    "CommandKind",
    "Connect",
    "End",
    "ExecRun",
    "Failed",
    "Fleet",
    "Lost",
    "NothingMatchedError",
    "Outcome",
    "Pace",
    "PodiumError",
    "Rejected",
    "Selection",
    "Skipped",
    "Succeeded",
    "Target",
    "TimedOut",
    "UsageError",
    "Where",
    "__version__",
    "connect",
]


def __getattr__(name: str) -> object:
    """Import a public name from its home when it is first used, so that the command line starts fast (PEP 562)."""
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
