"""Facts of a run, in the past tense. They hold digests of outputs, never output bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from podium.domain.outcomes import Outcome
from podium.domain.targets import Target


class Channel(IntEnum):
    """The streams a target writes, numbered as on the wire (v4/v5.channel.k8s.io)."""

    STDOUT = 1
    STDERR = 2


@dataclass(frozen=True, slots=True)
class Stream:
    """One output stream, whole: `digest` is SHA-256 over all `size` bytes, also those that were not `kept`."""

    digest: bytes
    size: int
    kept: int

    @property
    def truncated(self) -> bool:
        """Whether bytes were passed over when keeping."""
        return self.kept < self.size


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target wrote."""

    stdout: Stream
    stderr: Stream


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt is about to reach for its target. `at` in seconds since the epoch."""

    target: Target
    attempt: int
    at: float


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt, or (attempt 0) a target that was never tried, has ended. `seconds` since its start.

    `next_in` is the delay before another attempt; None when this end is final.
    """

    target: Target
    attempt: int
    outcome: Outcome
    answer: Answer
    seconds: float
    at: float
    next_in: float | None = None


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something about the run that a person should read once: `text` is one line."""

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class WaveBegan:
    """Wave `number` of `of`, with `size` targets, has begun."""

    number: int
    of: int
    size: int
    at: float


Event = Started | Finished | Noticed | WaveBegan
