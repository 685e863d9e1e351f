"""Notice that this machine slept: the clock that counts sleep ran ahead between two ticks."""

from __future__ import annotations

from dataclasses import dataclass

TICK = 5.0
GAP = 30.0


@dataclass(frozen=True, slots=True)
class Tick:
    """One reading of the clock that also counts sleep, seconds."""

    boottime: float

    def slept(self, boottime: float) -> bool:
        """Whether more than GAP seconds are missing between this tick and the next at `boottime`."""
        return boottime - self.boottime > GAP
