"""What was asked for and is not there, and what looks like it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from podium.domain.globs import is_glob
from podium.domain.inventory import Owner, Pod, Snapshot
from podium.domain.labels import Operator, Requirement
from podium.domain.matching import Given, owned_by
from podium.domain.names import format_owner
from podium.domain.near import near
from podium.domain.selection import Missing, Selection
from podium.domain.targets import Target, format_id

_LOOKED_UP = 3  # a near name is looked up for so many missing ones: each costs milliseconds in a big fleet
_MOST_NEAR = 4


def missing_of(selection: Selection, snapshot: Snapshot, pods: Sequence[Pod]) -> tuple[Missing, ...]:
    """What was named exactly and has no pod among those of the right place and labels."""
    absent: list[tuple[str, bool]] = []  # how it is written, and whether it names a workload
    exact = [name for name in selection.names if not is_glob(name)]
    if exact:
        there = {pod.name for pod in pods}
        absent += [(name, False) for name in dict.fromkeys(exact) if name not in there]
    absent += [(format_owner(owner), owner.kind != "Pod") for owner in _without_pods(selection.owners, snapshot, pods)]
    if selection.given is not None:
        given = Given(selection.given)
        found = {target for pod in pods for target in given.of(pod)}
        absent += [(_written(target), False) for target in dict.fromkeys(selection.given) if target not in found]
    return tuple(
        Missing(name, _near_name(name, snapshot, of_workload=workload) if place < _LOOKED_UP else ())
        for place, (name, workload) in enumerate(absent)
    )


def _without_pods(owners: Iterable[Owner], snapshot: Snapshot, pods: Sequence[Pod]) -> list[Owner]:
    """Owners named exactly that own none of the pods; one pass over the pods for all that pods tell themselves."""
    exact = [owner for owner in dict.fromkeys(owners) if not is_glob(owner.name)]
    if not exact:
        return []
    there = {owner for pod in pods for owner in (pod.workload, pod.controller) if owner is not None}
    names = {pod.name for pod in pods}
    return [
        owner
        for owner in exact
        if owner not in there
        and not (owner.kind == "Pod" and owner.name in names)
        and not (owner.kind in {"Service", "CronJob"} and any(map(owned_by((owner,), snapshot), pods)))
    ]


def _written(target: Target) -> str:
    """A given target as it was written: what was left open is left out."""
    if target.cluster != "":
        return format_id(target)
    return f"{target.namespace}/{target.pod}" if target.namespace != "" else target.pod


def _near_name(name: str, snapshot: Snapshot, *, of_workload: bool) -> tuple[str, ...]:
    if of_workload:
        return near(name, _owners_in(snapshot))
    if "/" in name and not name.startswith("pod/"):
        return ()
    return _near_pod(name.rpartition("/")[2], snapshot)


def _near_pod(name: str, snapshot: Snapshot) -> tuple[str, ...]:
    """Pods of a like name, then workloads: who asks for the pod `web` mostly means deploy/web."""
    workloads: dict[str, list[str]] = {}
    for owner in sorted({format_owner(pod.workload) for pod in snapshot.pods if pod.workload is not None}):
        workloads.setdefault(owner.partition("/")[2], []).append(owner)
    alike = near(name, workloads)
    first = workloads.get(name, [])
    pods = near(name, (pod.name for pod in snapshot.pods))
    return tuple(dict.fromkeys((*first, *pods, *(owner for one in alike for owner in workloads[one]))))[:_MOST_NEAR]


def _owners_in(snapshot: Snapshot) -> Iterable[str]:
    owners = {owner for pod in snapshot.pods for owner in (pod.workload, pod.controller) if owner is not None}
    services = (f"svc/{name}" for _, _, name in snapshot.services)
    return sorted({*map(format_owner, owners), *services})


def near_misses(selection: Selection, snapshot: Snapshot, missing: Sequence[Missing]) -> tuple[str, ...]:
    """Names close to what was asked: of missing names, then of globs and of labels."""
    found = [name for one in missing for name in one.near]
    for name in selection.names:
        if is_glob(name):
            found += _near_pod(name.strip("*?"), snapshot)
    for owner in selection.owners:
        if is_glob(owner.name):
            found += near(format_owner(owner).rstrip("*?"), _owners_in(snapshot))
    for selector in selection.labels:
        for requirement in selector.requirements:
            found += _near_label(requirement, snapshot)
    return tuple(dict.fromkeys(found))[:_MOST_NEAR]


def _near_label(requirement: Requirement, snapshot: Snapshot) -> Iterable[str]:
    """Values of the same key, else keys, that look like the one asked for."""
    key = requirement.key
    values = sorted({pod.labels[key] for pod in snapshot.pods if key in pod.labels})
    if not values:
        return near(key, sorted({other for pod in snapshot.pods for other in pod.labels}))
    if requirement.operator is not Operator.IN:
        return ()
    return [f"{key}={close}" for value in sorted(requirement.values) for close in near(value, values)]
