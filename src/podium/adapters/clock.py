"""The machine's clocks."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from podium.ports import Clock


class SystemClock:
    """Time as the machine tells it; where no clock counts sleep, `boottime` is the wall clock."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime(self) -> float:
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


if TYPE_CHECKING:
    _: Clock = SystemClock()
