"""Which nodes are worth another connection."""

from __future__ import annotations

from dataclasses import dataclass, replace

from podium.domain.outcomes import Lost, Outcome, Rejected, Why

FAILURES_TO_OPEN = 3
PROBE_AFTER = 5.0  #: seconds until an open node is tried again, doubled each time
PROBE_AT_MOST = 60.0


def is_connect_failure(outcome: Outcome) -> bool:
    """Whether the way to the node failed: refused, a dial error from the API server, or no answer in time."""
    match outcome:
        case Rejected(reason):
            return reason.why in (Why.NODE_UNREACHABLE, Why.API_UNREACHABLE)
        case Lost(reason):
            return reason.why is Why.NO_ANSWER
        case _:
            return False


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """Connect failures in a row on one node, and when an open one may be probed. Times in seconds."""

    failures: int = 0
    probe_at: float | None = None
    probing: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nothing but a probe may go to this node."""
        return self.failures >= FAILURES_TO_OPEN

    def may_try(self, now: float) -> bool:
        """Whether an attempt may start: any on a well node, one probe at its time on an open one."""
        if not self.is_open:
            return True
        return not self.probing and self.probe_at is not None and now >= self.probe_at

    def tried(self) -> NodeHealth:
        """An attempt has started."""
        return replace(self, probing=True) if self.is_open else self

    def reached(self) -> NodeHealth:
        """The node has answered."""
        return NodeHealth()

    def failed(self, now: float) -> NodeHealth:
        """An attempt could not reach it."""
        failures = self.failures + 1
        if failures < FAILURES_TO_OPEN:
            return NodeHealth(failures)
        wait = min(PROBE_AFTER * 2.0 ** (failures - FAILURES_TO_OPEN), PROBE_AT_MOST)
        return NodeHealth(failures, now + wait)
