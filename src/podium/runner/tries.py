"""Which attempt of a target comes next, what its ends spend, and what a target that waits for a retry ends as."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from podium.domain.events import Finished
from podium.domain.targets import Target
from podium.runner.budget import Spending, Verdict, judge, room
from podium.runner.plan import Care


class Tries:
    """The attempts of a run, as its care sees them: no clock, no tasks."""

    def __init__(self, care: Care, earlier: Iterable[Finished] = ()) -> None:
        self._care = care
        self._spent = Spending()
        for end in earlier:
            self._spent.take(end.outcome)
        self._wave = 1
        self._attempts: dict[Target, int] = {}
        self._waiting: dict[Target, Finished] = {}

    @property
    def room(self) -> int | None:
        """How many attempts may be in flight (--strict), None for no limit of the budget's."""
        return room(self._care.budget, self._spent)

    def verdict(self) -> Verdict | None:
        """Why a run must not even begin: what ended earlier has spent its budget."""
        return judge(self._care.budget, self._spent, self._wave)

    def enter(self, wave: int) -> None:
        """A wave has begun, counted from 1."""
        self._wave = wave

    def begin(self, target: Target) -> int:
        """Count an attempt that starts now; returns its number, from 1."""
        self._waiting.pop(target, None)
        number = self._attempts.get(target, 0) + 1
        self._attempts[target] = number
        return number

    def weigh(self, end: Finished, fraction: float, *, stopped: bool) -> Finished:
        """Say whether the end is final: `next_in` is set where another attempt follows. `fraction` is random."""
        if stopped:
            return end
        delay = self._care.retry.delay_after(end.outcome, end.attempt, fraction)
        return end if delay is None else replace(end, next_in=delay)

    def settle(self, end: Finished) -> Verdict | None:
        """Take an end in; returns why the run must stop, if it must."""
        if end.next_in is not None:
            self._waiting[end.target] = end
            return None
        self._spent.take(end.outcome)
        return judge(self._care.budget, self._spent, self._wave)

    def give_up(self, target: Target) -> Finished | None:
        """The end of a target whose retry will not come, as its last attempt ended; None where it was never tried."""
        end = self._waiting.pop(target, None)
        return None if end is None else replace(end, next_in=None)
