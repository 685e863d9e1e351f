"""What a run is about, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from podium.domain.selection import LeftOut, LeftOutWhy, Resolution
from podium.domain.units import format_count
from podium.features.exec.phrases import plural


def container_choice(resolution: Resolution) -> str | None:
    """How containers were chosen where a choice was made, None where there was none to make."""
    choices = resolution.container_choice
    if not choices:
        return None
    return "container: " + ", ".join(f"{format_count(number)} {how}" for how, number in choices)


def seed(resolution: Resolution) -> str | None:
    """How to choose the same sample again, None where nothing was chosen by chance."""
    return None if resolution.seed is None else f"sample: --seed {resolution.seed} chooses the same"


def protected(left_out: Iterable[LeftOut]) -> str | None:
    """How many pods were left out of protected namespaces, None where none were."""
    counts = Counter(left.pod.namespace for left in left_out if left.why is LeftOutWhy.PROTECTED)
    if not counts:
        return None
    names = ", ".join(sorted(counts)[:4]) + (", …" if len(counts) > 4 else "")
    return f"left out: {plural(sum(counts.values()), 'pod')} of protected namespaces ({names}); -n NAME takes them"
