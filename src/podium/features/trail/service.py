"""The trail feature: read what the gate wrote, and say whether it holds."""

from __future__ import annotations

from dataclasses import dataclass

from podium.domain.audit import Entry, Flaw, verify
from podium.features.trail.query import Query, matching
from podium.ports import AuditTrail


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying came to. `head` is the last entry's hash, "" for an empty trail."""

    entries: int
    flaws: tuple[Flaw, ...]
    head: str


class TrailService:
    """Reads one audit trail. All of it raises NotAllowedError where the trail cannot be read."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    def find(self, query: Query) -> tuple[Entry, ...]:
        """The entries that a query means, oldest first; lines that are no entries are passed over (see verify)."""
        entries, _ = verify(self._trail.lines())
        return matching(entries, query)

    def verify(self, head: str | None = None) -> Verified:
        """Check the whole chain; with `head`, that this hash stands in it."""
        entries, flaws = verify(self._trail.lines(), head)
        return Verified(len(entries), flaws, entries[-1].hash if entries else "")
