"""Whether an attempt is made again, and when: only what is safe, and only where it can help."""

from __future__ import annotations

from dataclasses import dataclass

from podium.domain.outcomes import Failed, Lost, Outcome, Rejected, TimedOut, Why

AT_MOST = 5

CAN_PASS = frozenset(
    {
        Why.CONTAINER_NOT_FOUND,  # just restarted: kubelet says so for a moment
        Why.NOT_RUNNING,
        Why.NODE_UNREACHABLE,
        Why.API_UNREACHABLE,
        Why.THROTTLED,
    }
)
OUR_DOING = frozenset({Why.INTERRUPTED, Why.SLEPT, Why.RUN_TIMEOUT, Why.DEADLINE})
FOR_GOOD = frozenset({Why.POD_GONE, Why.POD_REPLACED})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retries` after the first attempt. `on_exit`: exit codes worth another try. Delays in seconds.

    The delay before retry n is random between 0 and `base` x `factor` to the power n - 1 (full jitter), at least what
    a server asked for by Retry-After.
    """

    retries: int = 2
    on_exit: frozenset[int] = frozenset()
    idempotent: bool = False
    base: float = 0.1
    factor: float = 2.0

    def delay_after(self, outcome: Outcome, attempt: int, fraction: float) -> float | None:
        """Seconds until the next attempt, None when this end is final; `fraction` is random, 0 <= fraction < 1."""
        if attempt > self.retries or not self._is_worth_it(outcome):
            return None
        delay = fraction * self.base * self.factor ** (attempt - 1)
        asked = outcome.retry_after if isinstance(outcome, Rejected) else None
        return delay if asked is None else max(delay, asked)

    def _is_worth_it(self, outcome: Outcome) -> bool:
        match outcome:
            case Rejected(reason):
                return reason.why in CAN_PASS
            case Failed(code):
                return code in self.on_exit
            case Lost(reason) | TimedOut(reason):
                return self.idempotent and reason.why not in OUR_DOING | FOR_GOOD
            case _:
                return False
