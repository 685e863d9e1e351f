"""What a run is about, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from podium.domain.globs import is_glob
from podium.domain.names import format_owner
from podium.domain.selection import LeftOut, LeftOutWhy, Resolution, Selection
from podium.domain.units import format_count


def counted(number: int, noun: str) -> str:
    """1 target, 1,163 targets."""
    return f"{format_count(number)} {noun}{'' if number == 1 else 's'}"


def what(selection: Selection) -> str:
    """A selection in words: all pods of deploy/web in shop."""
    kinds = [
        _any_of("", selection.names),
        _any_of("of ", [format_owner(owner) for owner in selection.owners]),
        _any_of("with ", [selector.text for selector in selection.labels]),
        _any_of("where ", selection.field_selectors),
        "as given" if selection.given is not None else "",
    ]
    said = " ".join(kind for kind in kinds if kind)
    place = " in all namespaces" if selection.where.everywhere else _any_of(" in ", selection.where.namespaces)
    noun = "pods" if selection.names or selection.given is not None else "all pods"
    if len(selection.names) == 1 and not is_glob(selection.names[0]):
        noun = "pod"
    return f"{noun} {said}".rstrip() + place


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
    return f"left out: {counted(sum(counts.values()), 'pod')} of protected namespaces ({names}); -n NAME takes them"


def _any_of(before: str, words: Iterable[str]) -> str:
    every = tuple(words)
    if not every:
        return ""
    return before + ", ".join(every[:3]) + (f", … ({len(every)})" if len(every) > 3 else "")
