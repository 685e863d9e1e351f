"""The live line on a terminal: how far a run is, how fast, and who holds it up."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from podium.apps.cli.outlet import Outlet
from podium.domain.events import Channel, Event
from podium.domain.targets import Target
from podium.domain.units import format_count, format_elapsed
from podium.domain.widths import cut
from podium.ports import Flow
from podium.runner.state import RunState

PERIOD = 0.1  #: seconds between two looks: at most ten a second
SLOW = 3.0  #: seconds after which a target is worth naming
_CLEAR = "\r\x1b[K"


def describe(state: RunState, elapsed: float, now: float) -> str:
    """Say in one line how far a run is; `now` and the starts are seconds since the epoch."""
    done = len(state.ends)
    parts = [f"{format_count(done)}/{format_count(state.planned)} done"]
    parts.append(f"{format_count(len(state.in_flight))} running")
    counts = state.counts
    bad = {name: counts.get(name, 0) for name in ("failed", "timed_out", "rejected", "lost", "skipped")}
    parts += [f"{format_count(number)} {name.replace('_', ' ')}" for name, number in bad.items() if number > 0]
    if done > 0 and elapsed >= 0.5:
        parts.append(f"{done / elapsed:,.0f}/s")
    held = _held_up(state.in_flight, now, waiting=state.planned - done - len(state.in_flight))
    return " · ".join([*parts, held] if held else parts)


def _held_up(in_flight: Mapping[Target, float], now: float, waiting: int) -> str:
    """Who is slow; a node where it alone holds everything up."""
    if not in_flight:
        return ""
    slowest, since = min(in_flight.items(), key=lambda item: item[1])
    if now - since < SLOW:
        return ""
    nodes = Counter(target.node for target in in_flight)
    if waiting == 0 and len(nodes) == 1 and len(in_flight) > 1:
        return f"all wait for node {slowest.node}, {format_elapsed(now - since)}"
    return f"slowest {slowest.pod} on {slowest.node}, {format_elapsed(now - since)}"


class Progress:
    """A view that redraws one line of a terminal, only while the terminal keeps up."""

    def __init__(self, state: RunState, outlet: Outlet, columns: Callable[[], int | None]) -> None:
        self._state = state
        self._outlet = outlet
        self._columns = columns
        self._begun = time.monotonic()
        self._drawn = False
        self._task = asyncio.create_task(self._draw_on())

    def attach(self, target: Target, flow: Flow) -> None:
        """Bytes do not show here."""

    def write(self, target: Target, channel: Channel, data: memoryview) -> None:
        """Bytes do not show here."""

    def take(self, event: Event) -> None:
        """Count."""
        self._state.apply(event)

    async def close(self) -> None:
        """Take the line away."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._drawn:
            self._outlet.write(_CLEAR.encode())
        await self._outlet.close()

    async def _draw_on(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            if self._outlet.is_idle:
                text = describe(self._state, time.monotonic() - self._begun, time.time())
                columns = self._columns() or 80
                self._outlet.write((_CLEAR + cut(text, columns - 1)).encode("utf-8", "replace"))
                self._drawn = True
