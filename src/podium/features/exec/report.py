"""The whole of a run as one value: what text, JSON and JUnit are rendered from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podium.domain.events import Finished
from podium.domain.inventory import Pod, Unreached
from podium.domain.outcomes import Proof, Succeeded, name_of
from podium.domain.selection import LeftOut, Resolution
from podium.domain.targets import Target
from podium.runner.plan import Plan


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run stopped before its end, and the exit status that says so (5, or 128 + signal)."""

    text: str
    status: int


@dataclass(frozen=True, slots=True)
class Report:
    """A run, over. `ends` holds the final end of every planned target, in the plan's order."""

    plan: Plan
    resolution: Resolution
    unreached: tuple[Unreached, ...]
    ends: Mapping[Target, Finished]
    seconds: float
    allow_skipped: bool = False
    stop: Stop | None = None
    notes: tuple[str, ...] = ()
    resumable: bool = False  #: `podium resume` can go on with it

    @property
    def pods(self) -> Mapping[Target, Pod]:
        """The pod of each target."""
        return {picked.target: picked.pod for picked in self.resolution.picked}

    @property
    def counts(self) -> dict[str, int]:
        """How many targets ended in each outcome, by its JSON name; only those that occur."""
        counts: dict[str, int] = {}
        for end in self.ends.values():
            name = name_of(end.outcome)
            counts[name] = counts.get(name, 0) + 1
        return counts

    @property
    def translated(self) -> int:
        """How many successes rest on a translated Status alone."""
        return sum(
            isinstance(end.outcome, Succeeded) and end.outcome.proof is Proof.TRANSLATED for end in self.ends.values()
        )

    @property
    def missing(self) -> tuple[LeftOut, ...]:
        """The left-out that should have run."""
        return tuple(left for left in self.resolution.left_out if left.should_run)

    @property
    def complete(self) -> bool:
        """Nothing unreached, and nothing left out or absent that counts."""
        return not self.unreached and (self.allow_skipped or not (self.missing or self.resolution.missing))

    @property
    def exit_status(self) -> int:
        """CLI.md, "Exit status": signal > 5 > 1 > 0 (2, 6, 4 and 3 are decided before a run, as errors)."""
        if self.stop is not None:
            return self.stop.status
        all_well = all(isinstance(end.outcome, Succeeded) for end in self.ends.values())
        return 0 if all_well and self.complete else 1
