"""A selection in words, for headers: "all pods of deploy/web", "-l app=web in all namespaces"."""

from __future__ import annotations

from collections.abc import Iterable

from podium.domain.globs import is_glob
from podium.domain.names import format_owner
from podium.domain.selection import Exclude, SamplePer, Selection, Where
from podium.domain.units import format_duration

_SHOWN = 3


def describe(selection: Selection) -> str:
    """Write a selection in one line: what, where, then the flags that narrow it.

    One namespace named exactly, or the context's own, is not repeated.
    """
    return ", ".join([_what(selection) + _where(selection.where), *_flags(selection)])


def _what(selection: Selection) -> str:
    parts: list[str] = []
    pods = [
        *selection.names,
        *(owner.name for owner in selection.owners if owner.kind == "Pod" and not selection.names),
    ]
    owners = [format_owner(owner) for owner in selection.owners if owner.kind != "Pod" or selection.names]
    both = len(pods) > 0 and len(owners) > 0
    if pods:
        parts.append(("pods " if both or len(pods) > 1 or is_glob(pods[0]) else "pod ") + _some(pods))
    if owners:
        joint = " of " if selection.names else " or all pods of "
        parts = [parts[0] + joint + _some(owners)] if both else ["all pods of " + _some(owners)]
    if selection.given is not None:
        parts.append(f"{len(selection.given):,} given targets" if len(selection.given) != 1 else "1 given target")
    if selection.labels:
        parts.append(" or ".join(f"-l {_plain(selector.text)}" for selector in selection.labels))
    if selection.field_selectors:
        parts.append(" or ".join(f"--field-selector {_plain(text)}" for text in selection.field_selectors))
    return " with ".join(parts) if parts else "all pods"


def _where(where: Where) -> str:
    if where.everywhere:
        return " in all namespaces"
    if len(where.namespaces) > 1 or any(map(is_glob, where.namespaces)):
        return f" in {_some(where.namespaces)}"
    return ""


def _flags(selection: Selection) -> list[str]:
    flags = [f"-c {_plain(name)}" for name in selection.containers]
    flags += ["--all-containers"] if selection.all_containers else []
    flags += [f"--node {_plain(name)}" for name in selection.nodes]
    flags += [f"--image {_plain(name)}" for name in selection.images]
    flags += [f"-x {_excluded(exclude)}" for exclude in selection.excludes]
    if selection.ready is not None:
        flags.append(f"--ready {selection.ready.value}")
    if selection.revision is not None:
        flags.append(f"--revision {selection.revision.value}")
    if selection.newer_than is not None:
        flags.append(f"--newer-than {format_duration(selection.newer_than)}")
    if selection.older_than is not None:
        flags.append(f"--older-than {format_duration(selection.older_than)}")
    if selection.restarts_over is not None:
        flags.append(f"--restarts-over {selection.restarts_over}")
    if selection.sample is not None:
        per = "" if selection.sample.per is SamplePer.ALL else f"/{selection.sample.per.value}"
        flags.append(f"--sample {selection.sample.size}{per} --seed {selection.sample.seed}")
    return flags


def _excluded(exclude: Exclude) -> str:
    if exclude.owner is not None:
        return format_owner(exclude.owner)
    return "=".join(exclude.label) if exclude.label is not None else _plain(exclude.name)


def _some(names: Iterable[str]) -> str:
    every = [_plain(name) for name in names]
    more = len(every) - _SHOWN
    return ", ".join(every) if more <= 0 else f"{', '.join(every[:_SHOWN])} and {more:,} more"


def _plain(text: str) -> str:
    """One line that no terminal takes for a command."""
    line = " ".join(text.split())
    return line if line.isprintable() else repr(line)
