"""Two runs side by side: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podium.domain.events import Finished
from podium.domain.outcomes import Failed, name_of
from podium.domain.targets import Target

Place = tuple[str, str, str, str]  #: cluster, namespace, pod, container


@dataclass(frozen=True, slots=True)
class Difference:
    """A target that ended otherwise in the other run; None where it was not in that run, or has no end there."""

    place: Place
    before: Finished | None
    after: Finished | None

    @property
    def what(self) -> str:
        """The difference in words."""
        if self.before is None or self.after is None:
            return f"{_in_words(self.before)} -> {_in_words(self.after)}"
        before, after = _in_words(self.before), _in_words(self.after)
        return "output differs" if before == after else f"{before} -> {after}"


def compare(before: Mapping[Target, Finished], after: Mapping[Target, Finished]) -> tuple[Difference, ...]:
    """Who ended otherwise or wrote something else, by name: a pod that was replaced under its name is the same."""
    old = {_place(target): end for target, end in before.items()}
    new = {_place(target): end for target, end in after.items()}
    return tuple(
        Difference(place, old.get(place), new.get(place))
        for place in sorted({*old, *new})
        if _essence(old.get(place)) != _essence(new.get(place))
    )


def _place(target: Target) -> Place:
    return (target.cluster, target.namespace, target.pod, target.container)


def _essence(end: Finished | None) -> object:
    return None if end is None else (_in_words(end), end.answer.stdout.digest, end.answer.stderr.digest)


def _in_words(end: Finished | None) -> str:
    if end is None:
        return "absent"
    code = f" {end.outcome.exit_code}" if isinstance(end.outcome, Failed) else ""
    return name_of(end.outcome).replace("_", " ") + code
