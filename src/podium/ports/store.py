"""Where things are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from podium.domain.audit import AuditRecord
from podium.domain.events import Answer, Channel, Event, Stream


class Capture(Protocol):
    """Keeps bytes, bounded, and hashes all of them."""

    def write(self, channel: Channel, data: memoryview) -> None:
        """Take bytes; they are only valid during the call."""
        ...

    def seal(self) -> Answer:
        """End it: what was kept can be read from its Blobs by the digests in the answer."""
        ...


class Blobs(Protocol):
    """Output bytes by hash: equal answers are stored once."""

    def capture(self) -> Capture:
        """A capture for one attempt."""
        ...

    def read(self, stream: Stream, limit: int | None = None) -> bytes:
        """The kept bytes of a stream, at most `limit`."""
        ...

    def close(self) -> None:
        """Give back memory and disk."""
        ...


class Journal(Protocol):
    """What happened, durable."""

    async def append(self, events: Sequence[Event]) -> None:
        """Return once the events would survive a crash, as far as this journal promises; raises JournalError."""
        ...


class Journals(Protocol):
    """Where journals are kept."""

    def open(self, run: str, identity: str) -> Journal:
        """A journal for one run; raises JournalError."""
        ...


class AuditTrail(Protocol):
    """Who did what, kept for good."""

    async def append(self, record: AuditRecord) -> str:
        """Chain a record and return its hash once it would survive a crash; raises NotAllowedError."""
        ...

    def lines(self) -> Sequence[str]:
        """The trail as written, oldest first; raises NotAllowedError."""
        ...
