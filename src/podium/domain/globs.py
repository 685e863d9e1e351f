"""Names and globs: `*`, `?` and `[...]`, over the whole text, letters in their case."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import translate

_MAGIC = frozenset("*?[")


def is_glob(text: str) -> bool:
    """Whether the text stands for more than itself."""
    return not _MAGIC.isdisjoint(text)


@dataclass(frozen=True, slots=True)
class Globs:
    """Names and globs in union; no pattern matches nothing. Made by `globs`."""

    exact: frozenset[str]
    pattern: re.Pattern[str] | None = field(default=None)

    def __contains__(self, name: str) -> bool:
        return name in self.exact or (self.pattern is not None and self.pattern.match(name) is not None)


def globs(patterns: Iterable[str]) -> Globs:
    """Compile names and globs once for many tests."""
    every = tuple(patterns)
    wild = [translate(one) for one in every if is_glob(one)]
    return Globs(
        frozenset(one for one in every if not is_glob(one)),
        re.compile("|".join(wild)) if wild else None,
    )
