"""Where and by what to list: decided from what is wanted and from what the cluster lets us see. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from podium.adapters.kube.errors import IncompleteListError, RefusedError
from podium.adapters.kube.following import is_newer
from podium.adapters.kube.lists import Query
from podium.domain.errors import ClusterError
from podium.domain.globs import globs, is_glob
from podium.domain.inventory import Pod, Unreached, UnreachedReason
from podium.ports import Wanted

WHOLE_CLUSTER = ""  #: the scope of a list over all namespaces
#: More than this, and the cluster is listed at once: each namespace costs a round trip and, later, a watch of its own.
MANY_NAMESPACES = 20
Seen = tuple[Pod, str]  #: a pod and its resourceVersion
MANY_QUERIES = 4  #: more label selectors than this are not pushed down: one list of all is cheaper


@dataclass(frozen=True, slots=True)
class Everywhere:
    """List the cluster once and keep the pods of `only`, None for all; where forbidden, the namespaces one by one."""

    only: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class OneByOne:
    """List each of these namespaces, so that one that is forbidden takes no other with it."""

    names: tuple[str, ...]


def patterns_of(wanted: Wanted, own: str) -> tuple[str, ...]:
    """The names and globs of namespaces that are wanted; the context's own where none is named."""
    return wanted.namespaces or (own,)


def decide_scope(patterns: Sequence[str], known: Iterable[str] | None) -> Everywhere | OneByOne:
    """Choose by number. `known`: the cluster's namespaces, None where they were not needed or not told.

    Names are kept whether known or not; a glob without `known` brings nothing.
    """
    names = dict.fromkeys(one for one in patterns if not is_glob(one))
    wild = globs(one for one in patterns if is_glob(one))
    names.update(dict.fromkeys(one for one in known or () if one in wild))
    return Everywhere(frozenset(names)) if len(names) > MANY_NAMESPACES else OneByOne(tuple(names))


def queries_of(wanted: Wanted) -> tuple[Query, ...]:
    """The selectors to push down, one query for each that unites with the others; a list of one empty query for none.

    Fields are always left to the server, which alone knows them; labels only while few, for the caller filters again.
    """
    labels: tuple[str, ...] = wanted.label_selectors
    fields: tuple[str, ...] = wanted.field_selectors
    if len(labels) * max(len(fields), 1) > MANY_QUERIES:
        labels = ()
    return tuple(
        tuple((name, value) for name, value in (("labelSelector", label), ("fieldSelector", field)) if value)
        for label in labels or ("",)
        for field in fields or ("",)
    )


def unreached(cluster: str, scope: str, error: ClusterError) -> Unreached:
    """Say what a failed list means for its scope."""
    return Unreached(cluster, scope, _reason(error), str(error))


def _reason(error: ClusterError) -> UnreachedReason:
    if isinstance(error, IncompleteListError):
        return UnreachedReason.INCOMPLETE
    if isinstance(error, RefusedError) and error.status == 401:
        return UnreachedReason.UNAUTHORIZED
    if isinstance(error, RefusedError) and error.status == 403:
        return UnreachedReason.FORBIDDEN
    return UnreachedReason.UNREACHABLE


OF_THE_CLUSTER = frozenset({UnreachedReason.UNREACHABLE, UnreachedReason.UNAUTHORIZED})


def collapsed(found: Sequence[Unreached], reached_any: bool) -> tuple[Unreached, ...]:
    """Tell a cluster that does not answer once, not once for each of its namespaces."""
    if reached_any or not found or not all(one.reason in OF_THE_CLUSTER for one in found):
        return tuple(found)
    first = found[0]
    return (Unreached(first.cluster, WHOLE_CLUSTER, first.reason, first.detail),)


def united(lists: Sequence[Sequence[Seen]]) -> tuple[Seen, ...]:
    """Each pod of several lists once. Of two that share a name the newer lives: the other went between the lists."""
    if len(lists) == 1:
        return tuple(lists[0])
    found: dict[tuple[str, str], Seen] = {}
    for pod, version in (seen for one in lists for seen in one):
        known = found.get((pod.namespace, pod.name))
        if known is None or is_newer(version, known[1]):
            found[(pod.namespace, pod.name)] = (pod, version)
    return tuple(found.values())


def older(one: str, other: str) -> str:
    """The older of two versions of a collection, from which a watch misses nothing; the first where not numbers."""
    if one.isdecimal() and other.isdecimal():
        return min(one, other, key=int)
    return one or other
