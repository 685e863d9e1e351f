"""How a target ended: exactly one outcome each, called a success only with proof.

Proof decides (docs/explanation/outcomes.md): *rejected* never began, *lost* may have begun and its end was not seen.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Proof(enum.Enum):
    """Who said how the command ended."""

    RUNTIME = "runtime"  # a Status that nobody translated on the way
    MARK = "mark"  # the end mark of our shell wrapper, in band
    TRANSLATED = "translated"  # a Status the API server's v5 translator wrote: it can be invented


class Stopped(enum.Enum):
    """Whether the command is known to have ended after we gave it up."""

    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"


class Why(enum.Enum):
    """The reason behind an outcome that is not a plain exit status."""

    # rejected: never began
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "pod not found"
    CONTAINER_NOT_FOUND = "container not found"
    NOT_RUNNING = "container not running"
    NO_EXECUTABLE = "no such executable"
    NO_SHELL = "no shell"
    NOT_EXECUTABLE = "not executable"
    BAD_CWD = "no such working directory"
    NODE_UNREACHABLE = "node unreachable"
    API_UNREACHABLE = "API server unreachable"
    THROTTLED = "throttled"
    REFUSED = "refused by the API server"
    REPLACED_BEFORE = "pod replaced since the snapshot"
    # lost: may have begun
    NO_STATUS = "stream ended without a status"
    BROKEN = "connection broken"
    NO_ANSWER = "no answer to the upgrade request"
    UNKNOWN_STATUS = "unknown status"
    POD_GONE = "pod deleted"
    POD_REPLACED = "pod replaced"
    CONTAINER_RESTARTED = "container restarted"
    SLEPT = "this machine slept"
    INTERRUPTED = "interrupted"
    STALLED = "client stalled"
    BUG = "a bug in Podium"
    # failed
    CONTAINER_REPLACED = "container replaced"
    NOT_FOUND_IN_SHELL = "command not found"
    SIGNALLED = "killed by a signal"
    # timed out
    TIMEOUT = "timeout"
    STDOUT_HELD = "a background child holds stdout"
    RUN_TIMEOUT = "run timeout"
    DEADLINE = "deadline"
    # skipped
    NAMESPACE_FORBIDDEN = "namespace forbidden"
    BUDGET = "budget"
    BRAKE = "brake"
    CHECK = "check between waves"
    BREAKER = "breaker"
    GONE = "gone"  # replaced or deleted before a resumed run came to it
    NOT_SEEN = "not seen"  # its cluster or namespace could not be asked when the run was resumed
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, and the words of whoever said so. `detail` never holds argv beyond its first word."""

    why: Why
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.why.value}: {self.detail}" if self.detail else self.why.value


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Exit status 0 was received."""

    proof: Proof


@dataclass(frozen=True, slots=True)
class Failed:
    """Exit status `exit_code`, not 0, was received."""

    exit_code: int
    proof: Proof = Proof.RUNTIME
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """We ended it: its time, or the run's, was over."""

    reason: Reason
    stopped: Stopped = Stopped.UNCONFIRMED


@dataclass(frozen=True, slots=True)
class Cancelled:
    """We ended it on request; unless `stopped` is confirmed it may still run."""

    stopped: Stopped = Stopped.UNCONFIRMED


@dataclass(frozen=True, slots=True)
class Rejected:
    """The command never began, and that is proven. `retry_after`: seconds a server asked to wait."""

    reason: Reason
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """The command may have begun; its end was never seen."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Skipped:
    """Planned, never started."""

    reason: Reason


Outcome = Succeeded | Failed | TimedOut | Cancelled | Rejected | Lost | Skipped

NAMES: dict[type[Outcome], str] = {
    Succeeded: "succeeded",
    Failed: "failed",
    TimedOut: "timed_out",
    Cancelled: "cancelled",
    Rejected: "rejected",
    Lost: "lost",
    Skipped: "skipped",
}


def name_of(outcome: Outcome) -> str:
    """The outcome's name in JSON, in the order of NAMES everywhere."""
    return NAMES[type(outcome)]


def reason_of(outcome: Outcome) -> Reason | None:
    """The reason an outcome carries, None for a plain exit status."""
    match outcome:
        case Succeeded() | Cancelled():
            return None
        case Failed() | TimedOut() | Rejected() | Lost() | Skipped():
            return outcome.reason


def is_bad(outcome: Outcome) -> bool:
    """Whether it counts against a budget: failed, timed out, rejected, lost; not skipped or cancelled."""
    return isinstance(outcome, Failed | TimedOut | Rejected | Lost)
