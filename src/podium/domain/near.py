"""Names that look like one that was not found."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from heapq import nlargest

_MOST = 3
_BOUND = 500  # so many are compared letter by letter, whatever the fleet's size


def near(word: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """At most three candidates close to `word`: the closest first, then such as hold it."""
    unique: Iterable[str] = dict.fromkeys(candidates)
    pairs = {word[place : place + 2] for place in range(len(word) - 1)}
    likely = nlargest(_BOUND, unique, key=lambda one: (sum(pair in one for pair in pairs), -abs(len(one) - len(word))))
    close = get_close_matches(word, likely, n=_MOST, cutoff=0.65)
    within = [one for one in likely if len(word) > 2 and word in one and one not in close]
    return tuple((close + within)[:_MOST])
