"""Names that look like one that was not found."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 3
_BOUND = 2000


def near(word: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """At most three candidates close to `word`, the closest first; bounded work, whatever the fleet's size."""
    unique = dict.fromkeys(candidates)
    if len(unique) > _BOUND:
        alike = [one for one in unique if one[:3] == word[:3] or word in one]
        unique = dict.fromkeys(alike[:_BOUND])
    close = get_close_matches(word, unique, n=_MOST, cutoff=0.65)
    within = [one for one in unique if len(word) > 2 and word in one and one not in close]
    return tuple((close + within)[:_MOST])
