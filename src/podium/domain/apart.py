"""What sets an odd group apart from the rest, from the snapshot alone.

The rule. A trait's value is named when it separates and is no accident:

* At least three quarters of the targets that have it are odd, and at least three quarters of the odd have it; and the
  odd are so much rarer elsewhere that the two rates differ by at least three quarters. Choosing as many targets at
  random would do as well with *some* value of that kind less than once in five: the chance for this value (the
  hypergeometric tail) times the number of values of its kind.
* Or no odd target is elsewhere, a third of those that have it are odd (the others may be odd in another way: lost here,
  skipped there), and that chance is below one in a hundred.
* A single odd target is explained by a revision or an image at most: all else about it is where it happens to be.
* A revision or image that is just a whole workload's is named by the workload.

So a single odd target is never explained by its own node, nor two odd ones of four by what may be a coin's toss;
twenty targets of a node that are all odd are, and so is the one target of twenty with a new image.

Of several, the one that separates best (to one part in twenty) wins, then the earlier kind, then the smaller value;
a revision that is no number comes after the image, which says more, and a workload's name before its namespace where
no other workload has it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from podium.domain.traits import Trait, TraitKind, long_title_of, title_of
from podium.domain.units import format_count

_ENOUGH = 0.75
_ACCIDENT = 0.2
_SOME = 1 / 3
_RARE = 0.01
_FOR_ONE = frozenset({TraitKind.REVISION, TraitKind.IMAGE})
_ORDER = tuple(TraitKind)


@dataclass(frozen=True, slots=True)
class Apart:
    """A trait that separates: `inside` of its `size` targets are odd, and `strays` of the `others` elsewhere."""

    trait: Trait
    title: str
    inside: int
    size: int
    strays: int
    others: int

    @property
    def is_exact(self) -> bool:
        """Whether it names the odd ones and nobody else."""
        return self.inside == self.size and self.strays == 0

    def __str__(self) -> str:
        within = f"{format_count(self.inside)}/{format_count(self.size)}"
        return f"{self.title}: {within}, elsewhere {format_count(self.strays)}/{format_count(self.others)}"


@dataclass(slots=True)
class Population:
    """All targets of a run (and where the left-out are asked about, those too), counted once by trait."""

    members: Sequence[tuple[Trait, ...]]
    _sizes: Counter[Trait] = field(default_factory=Counter)
    _values: Counter[TraitKind] = field(default_factory=Counter)
    _titles: Counter[str] = field(default_factory=Counter)
    _workloads: dict[Trait, set[Trait]] = field(default_factory=dict)  # of each revision and image

    def __post_init__(self) -> None:
        for traits in self.members:
            self._sizes.update(traits)
            workload = next((trait for trait in traits if trait.kind is TraitKind.WORKLOAD), None)
            for trait in traits:
                if workload is not None and trait.kind in _FOR_ONE:
                    self._workloads.setdefault(trait, set()).add(workload)
        self._values.update(trait.kind for trait in self._sizes)
        self._titles.update(title_of(trait) for trait in self._sizes)

    def sets_apart(self, odd: Sequence[tuple[Trait, ...]], prefer: TraitKind | None = None) -> Apart | None:
        """The one trait that best tells `odd`, a part of the members, from all others; None where none does.

        A trait of the kind to `prefer` wins where it separates no worse than the best.
        """
        found = self.all_apart(odd)
        if not found:
            return None
        liked = (apart for apart in found if apart.trait.kind is prefer and _rank(apart)[0] <= _rank(found[0])[0])
        return next(liked, found[0])

    def all_apart(self, odd: Sequence[tuple[Trait, ...]]) -> list[Apart]:
        """Every trait that the rule names, the best first."""
        if not 0 < len(odd) < len(self.members):
            return []
        counts: Counter[Trait] = Counter()
        for traits in odd:
            counts.update(traits)
        found = [apart for trait, inside in counts.items() if (apart := self._judge(trait, inside, len(odd)))]
        return sorted(found, key=_rank)

    def _judge(self, trait: Trait, inside: int, odd: int) -> Apart | None:
        size, total = self._sizes[trait], len(self.members)
        others, strays = total - size, odd - inside
        if others == 0 or (odd == 1 and trait.kind not in _FOR_ONE) or self._is_whole_workload(trait):
            return None
        separates = inside >= _ENOUGH * size and inside >= _ENOUGH * odd
        separates = separates and inside / size - strays / others >= _ENOUGH
        holds_all = strays == 0 and inside >= _SOME * size
        if not separates and not holds_all:
            return None
        if self._values[trait.kind] * _chance(inside, size, odd, total) > (_ACCIDENT if separates else _RARE):
            return None
        title = title_of(trait)
        clear = self._titles[title] == 1
        return Apart(trait, title if clear else long_title_of(trait), inside, size, strays, others)

    def _is_whole_workload(self, trait: Trait) -> bool:
        owners = self._workloads.get(trait, set())
        return len(owners) == 1 and all(self._sizes[owner] == self._sizes[trait] for owner in owners)


def _rank(apart: Apart) -> tuple[int, int, int, str, str]:
    separation = Fraction(apart.inside, apart.size) - Fraction(apart.strays, apart.others)
    trait = apart.trait
    return (-round(separation * 20), _place(apart), -apart.inside, trait.scope, trait.value)


def _place(apart: Apart) -> int:
    """How early a trait explains: by its kind, but a hash after the image, and a name before a place."""
    trait = apart.trait
    if trait.kind is TraitKind.REVISION and not trait.value.isdigit():
        return 2 * _ORDER.index(TraitKind.IMAGE) + 1
    if trait.kind is TraitKind.WORKLOAD and apart.title == title_of(trait):
        return 2 * _ORDER.index(TraitKind.CLUSTER) - 1
    return 2 * _ORDER.index(trait.kind)


def _chance(inside: int, size: int, odd: int, total: int) -> float:
    """The chance that of `odd` targets chosen at random at least `inside` are among the `size`."""
    whole = _log_choose(total, odd)
    most = min(size, odd)
    return min(
        1.0,
        math.fsum(
            math.exp(_log_choose(size, hits) + _log_choose(total - size, odd - hits) - whole)
            for hits in range(inside, most + 1)
            if odd - hits <= total - size
        ),
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
