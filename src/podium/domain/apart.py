"""What sets an odd group apart from the rest, from the snapshot alone.

The rule. A trait's value is named when it separates and is no accident:

* At least three quarters of the targets that have it are odd, and at least three quarters of the odd have it; and the
  odd are so much rarer elsewhere that the two rates differ by at least three quarters.
* Choosing as many targets at random would do as well with *some* value of that kind less than once in five: the chance
  for this value (the hypergeometric tail) times the number of values of its kind. So a single odd target is never
  explained by its own node, of which each is alone, nor two odd ones of four by a coin's toss; twenty targets of a node
  that are all odd are, and so is the one target of twenty with a new image.
* A single odd target is explained by a revision or an image at most: all else about it is where it happens to be.

Of several, the one that separates best (to one part in twenty) wins, then the earlier kind, then the smaller value.
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

    def __post_init__(self) -> None:
        for traits in self.members:
            self._sizes.update(traits)
        self._values.update(trait.kind for trait in self._sizes)
        self._titles.update(title_of(trait) for trait in self._sizes)

    def sets_apart(self, odd: Sequence[tuple[Trait, ...]]) -> Apart | None:
        """The one trait that best tells `odd`, a part of the members, from all others; None where none does."""
        found = self.all_apart(odd)
        return found[0] if found else None

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
        if others == 0 or (odd == 1 and trait.kind not in _FOR_ONE):
            return None
        if inside < _ENOUGH * size or inside < _ENOUGH * odd:
            return None
        if Fraction(inside, size) - Fraction(strays, others) < _ENOUGH:
            return None
        if self._values[trait.kind] * _chance(inside, size, odd, total) > _ACCIDENT:
            return None
        title = title_of(trait)
        clear = self._titles[title] == 1
        return Apart(trait, title if clear else long_title_of(trait), inside, size, strays, others)


def _rank(apart: Apart) -> tuple[int, int, int, str, str]:
    separation = Fraction(apart.inside, apart.size) - Fraction(apart.strays, apart.others)
    trait = apart.trait
    return (-round(separation * 20), _ORDER.index(trait.kind), -apart.inside, trait.scope, trait.value)


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
