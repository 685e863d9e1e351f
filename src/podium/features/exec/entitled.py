"""What the rights preflight found, in words: one line of warning, and the Roles that are missing. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from podium.domain.escapes import neutralise
from podium.domain.folding import fold
from podium.domain.globs import is_glob
from podium.domain.rights import Asked, Right, Rights, role_for
from podium.domain.selection import Selection
from podium.domain.units import format_count

BY_NAME = 4  #: namespaces that are asked about by name; more are asked about all at once first


def warnings(rights: Rights) -> tuple[str, ...]:
    """One line per cluster and right that is refused: where, and what will become of it."""
    found: dict[tuple[str, Right], list[str]] = {}
    for one in rights.lacking:
        found.setdefault((one.cluster, one.right), []).append(one.namespace)
    return tuple(
        neutralise(f"rights: {cluster} does not allow {right.verb} {right.resource} in {_spaces(names)}: {right.why}")
        for (cluster, right), names in found.items()
    )


def roles(rights: Rights, who: str, most: int) -> tuple[str, ...]:
    """The first missing Roles as YAML, one a cluster and namespace; none where `who` is not one name."""
    if not who or ", " in who:
        return ()
    return tuple(
        f"# {cluster}\n{role_for([one.right for one in lacking], namespace, who)}"
        for (cluster, namespace), lacking in list(_by_place(rights.lacking).items())[:most]
    )


def more(rights: Rights, shown: int) -> str:
    """How to get the Roles behind the first that are `shown`, "" where there are none."""
    unseen = list(_by_place(rights.lacking))[shown:]
    if not unseen:
        return ""
    cluster, namespace = unseen[0]
    count = f" ({format_count(len(unseen))} such)" if len(unseen) > 1 else ""
    return neutralise(
        f"podium doctor --context {shlex.quote(cluster)} --role exec -n {namespace} prints that Role{count}"
    )


def named(selection: Selection, own: str) -> tuple[str, ...]:
    """The namespaces of a cluster that are known before its pods are; `own` is the context's. Empty: not known."""
    where = selection.effective_where
    names = where.namespaces or (own,)
    if where.everywhere or len(names) > BY_NAME or any(is_glob(name) for name in names):
        return ()
    return names


def _by_place(lacking: Iterable[Asked]) -> dict[tuple[str, str], list[Asked]]:
    found: dict[tuple[str, str], list[Asked]] = {}
    for one in lacking:
        found.setdefault((one.cluster, one.namespace), []).append(one)
    return found


def _spaces(names: list[str]) -> str:
    if len(names) == 1:
        return f"namespace {names[0]}"
    return f"{format_count(len(names))} namespaces ({fold(names)})"
