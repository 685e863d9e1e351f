"""Who was not run in, though it was asked for: the left-out, what was named and is not there, what was not reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from podium.domain.apart import Apart, Population
from podium.domain.escapes import neutralise
from podium.domain.folding import fold
from podium.domain.inventory import Unreached
from podium.domain.selection import LeftOut, Missing
from podium.domain.traits import Trait, TraitKind
from podium.domain.units import format_count
from podium.features.exec.phrases import plural

TraitsOf = Callable[[LeftOut], tuple[Trait, ...]]


def left_out_pieces(left_out: Sequence[LeftOut], population: Population, traits_of: TraitsOf) -> tuple[str, ...]:
    """Say per label who should run and does not: 31 CrashLoopBackOff (last exit 1, restarts 4-6; pool=c: ...)."""
    pieces: list[str] = []
    for label, members in _by_label(left for left in left_out if left.should_run):
        apart = _named_apart(label, population.all_apart([traits_of(left) for left in members]))
        facts = ", ".join(fact for fact in (_last_exit(members), _restarts(members)) if fact)
        inside = "; ".join(part for part in (facts, str(apart) if apart is not None else "") if part)
        pieces.append(f"{format_count(len(members))} {label}" + (f" ({inside})" if inside else ""))
    return tuple(pieces)


def by_choice_pieces(left_out: Iterable[LeftOut]) -> tuple[str, ...]:
    """Say per label how many were left out because that was asked for, or because they have ended."""
    found = _by_label(left for left in left_out if not left.should_run)
    return tuple(f"{format_count(len(members))} {label}" for label, members in found)


def missing_lines(missing: Iterable[Missing]) -> tuple[str, ...]:
    """Say what was named and is not there."""
    return tuple(
        neutralise(f"not found: {one.name}" + (f" (near: {', '.join(one.near)})" if one.near else ""))
        for one in missing
    )


def unreached_lines(unreached: Iterable[Unreached]) -> tuple[str, ...]:
    """Say what was not asked or did not answer; namespaces of a cluster with the same trouble are folded."""
    namespaces: dict[tuple[str, str, str], list[str]] = {}
    for one in unreached:
        namespaces.setdefault((one.cluster, one.reason.value, one.detail), []).append(one.namespace)
    lines: list[str] = []
    for (cluster, reason, detail), names in namespaces.items():
        if "" in names:
            place = f"cluster {cluster}"
        elif len(names) == 1:
            place = f"namespace {names[0]} of {cluster}"
        else:
            place = f"{plural(len(names), 'namespace')} of {cluster} ({fold(names)})"
        words = " ".join(detail.split())
        lines.append(neutralise(f"not reached: {place}: {reason}" + (f": {words}" if words else "")))
    return tuple(lines)


def _by_label(left_out: Iterable[LeftOut]) -> list[tuple[str, list[LeftOut]]]:
    members: dict[str, list[LeftOut]] = {}
    for left in left_out:
        members.setdefault(neutralise(left.label), []).append(left)
    return sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))


def _named_apart(label: str, found: Sequence[Apart]) -> Apart | None:
    """The best trait, and none where the label already says one that separates: ImagePullBackOff web:4.2.2.

    That they restart is what is wrong with them, and no reason.
    """
    found = [apart for apart in found if apart.trait.kind is not TraitKind.RESTARTS]
    if any(apart.title.rpartition(" ")[2] in label for apart in found):
        return None
    return found[0] if found else None


def _last_exit(members: Sequence[LeftOut]) -> str:
    counts: dict[int, int] = {}
    for left in members:
        if left.last_exit_code is not None:
            counts[left.last_exit_code] = counts.get(left.last_exit_code, 0) + 1
    return f"last exit {_listed(counts)}" if counts else ""


def _listed(counts: Mapping[int, int]) -> str:
    codes = sorted(counts, key=lambda code: (-counts[code], code))
    shown = [str(code) for code in codes[:3]] + (["…"] if len(codes) > 3 else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _restarts(members: Sequence[LeftOut]) -> str:
    fewest, most = min(left.restarts for left in members), max(left.restarts for left in members)
    if most == 0:
        return ""
    return f"restarts {fewest}" if fewest == most else f"restarts {fewest}-{most}"
