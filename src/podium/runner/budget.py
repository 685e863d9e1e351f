"""How many targets may end badly before a run stops, and the brake for a command that is wrong everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from podium.domain.outcomes import Failed, Lost, Outcome, Rejected, Why, is_bad, name_of, reason_of

BRAKE_AFTER = 50


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may end badly: in all, lost, rejected; None is no limit. 0 stops at the first one.

    `brake` stops when the first BRAKE_AFTER ends are all bad for one same reason. `strict` keeps in flight no more
    than may still end badly. `first_wave` allows none to end badly in the first wave.
    """

    max_failures: int | None = None
    max_lost: int | None = None
    max_rejected: int | None = None
    strict: bool = False
    first_wave: bool = False
    brake: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """Stop, and why; `why` goes into the skipped targets."""

    why: Why
    text: str


@dataclass(slots=True)
class Spending:
    """What final ends have spent of a budget: a fold over outcomes."""

    ended: int = 0
    bad: int = 0
    lost: int = 0
    rejected: int = 0
    kinds: dict[object, int] = field(default_factory=dict)

    def take(self, outcome: Outcome) -> None:
        """Count one final end."""
        self.ended += 1
        if not is_bad(outcome):
            return
        self.bad += 1
        self.lost += isinstance(outcome, Lost)
        self.rejected += isinstance(outcome, Rejected)
        kind = _kind_of(outcome)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


def _kind_of(outcome: Outcome) -> object:
    reason = reason_of(outcome)
    code = outcome.exit_code if isinstance(outcome, Failed) else None
    return (name_of(outcome), code, None if reason is None else reason.why)


def judge(budget: Budget, spent: Spending, wave: int = 1) -> Verdict | None:
    """Whether to stop now, in `wave` (from 1); None is to go on."""
    limits: Mapping[str, tuple[int | None, int]] = {
        "--max-failures": (budget.max_failures, spent.bad),
        "--max-lost": (budget.max_lost, spent.lost),
        "--max-rejected": (budget.max_rejected, spent.rejected),
    }
    for flag, (limit, count) in limits.items():
        if limit is not None and count > limit:
            return Verdict(Why.BUDGET, f"{count} ended badly, more than {flag} {limit} allows")
    if budget.first_wave and wave == 1 and spent.bad > 0:
        return Verdict(Why.BUDGET, "a target of the first wave ended badly (--max-failures N allows some)")
    if budget.brake and spent.ended == spent.bad == BRAKE_AFTER and len(spent.kinds) == 1:
        return Verdict(Why.BRAKE, f"the first {BRAKE_AFTER} all ended alike and badly (--max-failures 100% goes on)")
    return None


def room(budget: Budget, spent: Spending) -> int | None:
    """With `strict`: how many attempts may be in flight so that no more than one too many can end badly."""
    if not budget.strict:
        return None
    pairs = (
        (budget.max_failures, spent.bad),
        (budget.max_lost, spent.lost),
        (budget.max_rejected, spent.rejected),
    )
    return min((max(limit - count + 1, 0) for limit, count in pairs if limit is not None), default=None)
