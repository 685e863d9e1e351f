"""What a run has come to: a fold of its events."""

from __future__ import annotations

from dataclasses import dataclass, field

from podium.domain.events import Event, Finished, Started
from podium.domain.outcomes import name_of
from podium.domain.runs import counts_of
from podium.domain.targets import Target
from podium.runner.plan import Plan


@dataclass(slots=True)
class RunState:
    """Folded incrementally: `in_flight` maps a target to the wall time of its start, `ends` holds final ends."""

    planned: int
    in_flight: dict[Target, float] = field(default_factory=dict)
    ends: dict[Target, Finished] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> RunState:
        """The state of a plan before it begins: what ended earlier has ended."""
        return cls(len(plan.targets), ends=dict(plan.earlier), counts=counts_of(plan.earlier.values()))

    def apply(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case Started(target, _, at):
                self.in_flight[target] = at
            case Finished():
                self.in_flight.pop(event.target, None)
                if event.next_in is None:
                    self.ends[event.target] = event
                    name = name_of(event.outcome)
                    self.counts[name] = self.counts.get(name, 0) + 1
            case _:
                pass
