"""Faults that strike an exec: which ones a session carries, and what each does to it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from podium.sandbox.faults.box import FaultBox
from podium.sandbox.faults.grammar import Fault, Kind
from podium.sandbox.wire.channels import Shape

ENDS = (
    Kind.DROP_BEFORE_STATUS,
    Kind.DROP_AFTER_STATUS,
    Kind.HALF_OPEN,
    Kind.EMPTY_END,
    Kind.FALSE_SUCCESS,
    Kind.RESTART,
    Kind.VANISH,
    Kind.REPLACE,
)
SHAPES = (Kind.LATENCY, Kind.SLOW_STDIN, Kind.SLOW_OUTPUT, Kind.FRAGMENT, Kind.TEXT_FRAMES)
AT_ONCE = (Kind.RESTART, Kind.VANISH, Kind.REPLACE, Kind.FALSE_SUCCESS)
"""Kinds that mean nothing at the Status: without after= they strike as soon as the command runs."""
DEFAULT_DELAY = 0.1


@dataclass(slots=True)
class SessionFaults:
    """What one exec carries; `due` is set when an end strikes before the command's own."""

    end: Fault | None = None
    shapes: dict[Kind, Fault] = field(default_factory=dict)
    due: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0

    def value(self, kind: Kind) -> float | None:
        """Return a shape's value, None where it is not planted."""
        fault = self.shapes.get(kind)
        return None if fault is None else fault.value

    @property
    def shape(self) -> Shape:
        """Return how frames look."""
        fragment = self.value(Kind.FRAGMENT)
        return Shape(None if fragment is None else max(1, int(fragment)), Kind.TEXT_FRAMES in self.shapes)

    def arm(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        """Start the clock of an end that strikes by time."""
        if self.end is None or self.end.after_bytes is not None:
            return
        delay = self.end.after
        if delay is None and self.end.kind in AT_ONCE:
            delay = DEFAULT_DELAY
        if delay is not None:
            later(delay, self.due.set)

    def allow(self, size: int) -> int:
        """Return how many of these output bytes may go out; the end is due when they are fewer."""
        if self.end is None or self.end.after_bytes is None:
            return size
        left = max(0, self.end.after_bytes - self.sent)
        self.sent += min(size, left)
        if size >= left:
            self.due.set()
        return min(size, left)

    @property
    def at_status(self) -> Fault | None:
        """Return the end that strikes when the Status is due, if it waits for that."""
        return self.end if self.end is not None and self.end.at_status and self.end.kind not in AT_ONCE else None


def carried(box: FaultBox, facts: dict[str, str]) -> SessionFaults:
    """Return what an exec with these facts carries."""
    if not box.planted:
        return SessionFaults()
    shapes = {fault.kind: fault for fault in box.all_strikes(SHAPES, facts)}
    return SessionFaults(box.strikes(ENDS, facts), shapes)
