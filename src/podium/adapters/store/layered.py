"""Outputs of this process first, of kept runs next: what a resumed run shows of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podium.domain.events import Stream
from podium.ports import Blobs, Capture, Runs


class LayeredBlobs:
    """Captures go to `own`; what `own` does not have is read from the kept `runs`."""

    def __init__(self, own: Blobs, runs: Runs) -> None:
        self._own = own
        self._runs = runs

    def capture(self) -> Capture:
        """A capture for one attempt."""
        return self._own.capture()

    def read(self, stream: Stream, limit: int | None = None) -> bytes:
        """The kept bytes of a stream; empty where they are not kept any more."""
        try:
            return self._own.read(stream, limit)
        except KeyError:
            pass
        try:
            return self._runs.read(stream, limit)
        except KeyError:
            return b""

    def close(self) -> None:
        """Give back memory and disk."""
        self._own.close()


if TYPE_CHECKING:

    def _fits(one: LayeredBlobs) -> Blobs:
        return one
