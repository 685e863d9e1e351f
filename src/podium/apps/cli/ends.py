"""Why a verb ends before its end."""

from __future__ import annotations

from dataclasses import dataclass

from podium.domain.errors import PodiumError


@dataclass(frozen=True, slots=True)
class Cause:
    """What asks us to end. `grace` is the time, in seconds, that what is in flight may still take."""

    text: str
    status: int
    grace: float


CTRL_C = Cause("Ctrl-C", 130, 5.0)
CLOSED = Cause("a closed stdout", 130, 5.0)
SIGTERM = Cause("SIGTERM", 143, 20.0)
SIGHUP = Cause("SIGHUP", 129, 20.0)


class EndedEarlyError(PodiumError):
    """Ended on request before anything ran."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(f"ended by {cause.text}; nothing ran")
        self.cause = cause
