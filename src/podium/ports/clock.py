"""Time."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time."""

    def wall(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that stand still while the machine sleeps."""
        ...

    def boottime(self) -> float:
        """Seconds that also count the machine's sleep."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
