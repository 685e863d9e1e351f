"""What the exec feature is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from podium.domain.commands import Command
from podium.domain.selection import Selection
from podium.runner.plan import Care, Pace


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """One run: pick targets, run the command in each."""

    selection: Selection
    command: Command
    pace: Pace = Pace()
    care: Care = Care()
    min_targets: int = 1
    allow_skipped: bool = False
