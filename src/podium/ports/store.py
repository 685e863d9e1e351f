"""Where things are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from podium.domain.audit import AuditRecord
from podium.domain.events import Answer, Channel, Event, Stream
from podium.domain.runs import Closing, RunHead, RunRecord


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
    """What happened in one run, durable. Whoever has it holds the run: nobody else can, until it is closed."""

    async def append(self, events: Sequence[Event]) -> None:
        """Return once the events would survive a crash, as far as this journal promises; raises JournalError.

        What a Finished wrote is kept before it, as far as the limits allow.
        """
        ...

    def asked_to_cancel(self) -> bool:
        """Whether somebody asked this run to end (`Runs.cancel`)."""
        ...

    async def close(self, closing: Closing | None) -> None:
        """Let go of the run; None where it was broken off. Raises JournalError where that cannot be written."""
        ...


class Journals(Protocol):
    """Where journals are kept."""

    async def open(self, record: RunRecord) -> Journal:
        """The journal of a new run, whose record stands in it when this returns; raises JournalError."""
        ...

    async def take(self, run: str) -> Journal:
        """The journal of a run that was begun, under the next epoch.

        Raises RunHeldError while a process runs it, JournalError.
        """
        ...


class Runs(Protocol):
    """The runs that are kept, to read. All raise JournalError where they cannot be read."""

    def heads(self) -> Sequence[RunHead]:
        """All runs, newest first."""
        ...

    def record(self, run: str) -> RunRecord:
        """What was planned; raises KeyError."""
        ...

    def events(self, run: str, after: int = 0) -> Sequence[tuple[int, Event]]:
        """What happened after the event numbered `after`, in order, each with its number."""
        ...

    def read(self, stream: Stream, limit: int | None = None) -> bytes:
        """Kept output, at most `limit` bytes; raises KeyError where it is not kept any more."""
        ...

    def cancel(self, run: str) -> None:
        """Ask the process that runs it to end it."""
        ...


class AuditTrail(Protocol):
    """Who did what, kept for good."""

    async def append(self, record: AuditRecord) -> str:
        """Chain a record and return its hash once it would survive a crash; raises NotAllowedError."""
        ...

    def lines(self) -> Sequence[str]:
        """The trail as written, oldest first; raises NotAllowedError."""
        ...
