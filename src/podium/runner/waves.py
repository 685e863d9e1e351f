"""In how many steps a run reaches its targets: a few first, then more."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from podium.domain.errors import UsageError
from podium.domain.targets import Target
from podium.domain.units import Count, Percent, Share, parse_share

Waves = tuple[tuple[Target, ...], ...]


def cut(targets: Sequence[Target], marks: Iterable[Share] = ()) -> Waves:
    """Cut targets, in their order, at cumulative marks; percentages are rounded up, what is left is the last wave.

    Marks that do not reach further than the one before make no wave.
    """
    waves: list[tuple[Target, ...]] = []
    start = 0
    for mark in marks:
        end = min(reach(mark, len(targets)), len(targets))
        if end > start:
            waves.append(tuple(targets[start:end]))
            start = end
    if start < len(targets):
        waves.append(tuple(targets[start:]))
    return tuple(waves)


def with_canary(
    targets: Sequence[Target], workload_of: Callable[[Target], object], marks: Iterable[Share] = ()
) -> Waves:
    """Let one target of each workload go first, as a wave of its own; the rest is cut at the marks."""
    seen: set[object] = set()
    canaries: list[Target] = []
    rest: list[Target] = []
    for target in targets:
        workload = workload_of(target)
        (rest if workload in seen else canaries).append(target)
        seen.add(workload)
    return tuple(wave for wave in (tuple(canaries), *cut(rest, marks)) if wave)


def reach(mark: Share, total: int) -> int:
    """How many targets a mark takes in; percentages are rounded up."""
    if isinstance(mark, Count):
        return mark.number
    return math.ceil(mark.hundredths * total / 100)


def parse_marks(text: str) -> tuple[Share, ...]:
    """Read `1,10%,50%,100%`; raises UsageError where a mark cannot be read or does not rise."""
    marks = tuple(parse_share(part.strip()) for part in text.split(","))
    for kind in (Count, Percent):
        sizes = [mark.of(1_000_000) for mark in marks if isinstance(mark, kind)]
        if sizes != sorted(set(sizes)):
            raise UsageError(f"waves must rise: {text!r}")
    if any(mark.of(1_000_000) == 0 for mark in marks):
        raise UsageError(f"a wave of nothing: {text!r}")
    return marks
