"""The flags that narrow a selection pod by pod: --ready --node --revision --newer-than --older-than --restarts-over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podium.domain.globs import globs
from podium.domain.inventory import Owner, Pod, Snapshot
from podium.domain.leftout import restarts_of
from podium.domain.matching import Test
from podium.domain.selection import Age, Readiness, Selection


@dataclass(frozen=True, slots=True)
class Filter:
    """Pods that do not pass are left out by choice, under `label`."""

    label: str
    passes: Test


def filters_of(selection: Selection, snapshot: Snapshot, now: float) -> tuple[Filter, ...]:
    """The filters that were asked for; all must pass. `now` in seconds since the epoch."""
    filters: list[Filter] = []
    if selection.ready is not None:
        wanted = selection.ready is Readiness.YES
        filters.append(Filter("not ready" if wanted else "ready", lambda pod: pod.ready is wanted))
    if selection.nodes:
        nodes = globs(selection.nodes)
        filters.append(Filter("on another node", lambda pod: pod.node in nodes))
    if selection.revision is not None:
        filters.append(_by_revision(selection.revision, snapshot))
    filters += _by_age(selection, now)
    limit = selection.restarts_over
    if limit is not None:
        filters.append(Filter(f"{limit} restarts or fewer", lambda pod: restarts_of(pod) > limit))
    return tuple(filters)


def _by_age(selection: Selection, now: float) -> list[Filter]:
    filters: list[Filter] = []
    newer, older = selection.newer_than, selection.older_than
    if newer is not None:
        filters.append(Filter("too old", lambda pod: now - pod.created < newer))
    if older is not None:
        filters.append(Filter("too new", lambda pod: now - pod.created > older))
    return filters


def _by_revision(age: Age, snapshot: Snapshot) -> Filter:
    current = current_revisions(snapshot)
    wanted = age is Age.NEW

    def passes(pod: Pod) -> bool:
        """A pod without a workload or a revision is neither new nor old."""
        if pod.workload is None or pod.revision == "":
            return False
        newest = current.get((pod.cluster, pod.namespace, pod.workload))
        return newest is not None and (pod.revision == newest) is wanted

    return Filter("of another revision", passes)


def current_revisions(snapshot: Snapshot) -> Mapping[tuple[str, str, Owner], str]:
    """The revision each workload rolls out now: as the snapshot says, else that of its youngest pod."""
    youngest: dict[tuple[str, str, Owner], tuple[float, str]] = {}
    for pod in snapshot.pods:
        if pod.workload is not None and pod.revision != "":
            key = (pod.cluster, pod.namespace, pod.workload)
            youngest[key] = max(youngest.get(key, (float("-inf"), "")), (pod.created, pod.revision))
    return {key: revision for key, (_, revision) in youngest.items()} | dict(snapshot.current_revisions)
