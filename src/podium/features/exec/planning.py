"""From a request to a plan: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from podium.domain.errors import UsageError
from podium.domain.inventory import Snapshot, Unreached, UnreachedReason
from podium.domain.selection import LeftOutWhy, Picked, Resolution, Selection, Where
from podium.features.exec.request import BY_DEFAULT, ExecRequest, Reach
from podium.ports import Wanted
from podium.runner.order import spread
from podium.runner.plan import Plan


def wanted_for(selection: Selection) -> Wanted:
    """What a snapshot must hold to resolve a selection."""
    where = selection.effective_where
    return Wanted(
        namespaces=where.namespaces,
        all_namespaces=where.everywhere,
        label_selectors=tuple(selector.text for selector in selection.labels),
        field_selectors=selection.field_selectors,
        kinds=selection.kinds,
        welcome=frozenset({"replicaset"}),  # their numbers are how people call revisions
    )


def merge(snapshots: Sequence[Snapshot], unreached: Iterable[Unreached]) -> Snapshot:
    """Make one snapshot of several clusters'; raises UsageError where one pod stands in two of them."""
    seen: dict[str, str] = {}
    for snapshot in snapshots:
        for pod in snapshot.pods:
            other = seen.setdefault(pod.uid, pod.cluster)
            if other != pod.cluster:
                raise UsageError(
                    f"contexts {other} and {pod.cluster} show the same pod {pod.namespace}/{pod.name}: they are one "
                    "cluster, name one of them"
                )
    if len(snapshots) == 1:
        return replace(snapshots[0], unreached=(*unreached, *snapshots[0].unreached))
    return Snapshot(
        pods=tuple(pod for snapshot in snapshots for pod in snapshot.pods),
        nodes={key: node for snapshot in snapshots for key, node in snapshot.nodes.items()},
        unreached=(*unreached, *(one for snapshot in snapshots for one in snapshot.unreached)),
        current_revisions={key: value for one in snapshots for key, value in one.current_revisions.items()},
        services={key: value for one in snapshots for key, value in one.services.items()},
        cron_jobs={key: value for one in snapshots for key, value in one.cron_jobs.items()},
        notes=tuple(dict.fromkeys(note for one in snapshots for note in one.notes)),
    )


def plan_for(request: ExecRequest, resolution: Resolution, snapshot: Snapshot, run: str, action: str) -> Plan:
    """Order the picked targets: spread over nodes, NotReady ones last."""
    not_ready = frozenset(key for key, node in snapshot.nodes.items() if not node.ready)
    return Plan(
        run=run,
        action=action,
        command=request.command,
        targets=spread((picked.target for picked in resolution.picked), not_ready),
        pace=request.pace,
        not_ready=not_ready,
        lives={picked.target: _life(picked) for picked in resolution.picked},
    )


def _life(picked: Picked) -> str:
    name = picked.target.container
    return next((one.container_id for one in picked.pod.containers if one.name == name), "")


def nothing_matched(selection: Selection, resolution: Resolution, snapshot: Snapshot, again: str = "") -> str:
    """One line for a selection without targets: left-out counted, near misses and what containers there are named."""
    parts = ["nothing matched" + _looked_in(selection)]
    if resolution.left_out:
        see = ["podium targets", *([again] if again else []), "--left-out"]
        parts = [f"no target: all {len(resolution.left_out)} left out (see: {' '.join(see)})"]
        parts += _other_containers(resolution)
    if resolution.near_misses:
        parts.append("did you mean " + ", ".join(resolution.near_misses) + "?")
    elif not resolution.left_out and selection.effective_where == Where():
        parts.append("looked in the context's own namespace only; -n NAMESPACE or -A say where")
    parts += [f"{one.cluster}: {one.namespace or 'cluster'} {one.reason.value}" for one in snapshot.unreached]
    return "; ".join(parts)


def all_unreached(unreached: Sequence[Unreached], reach: Reach = BY_DEFAULT) -> str:
    """One line where no cluster answered: each one's own words, and what to do about a refusal."""
    words = list(dict.fromkeys(one.detail for one in unreached))
    forbidden = [one.namespace for one in unreached if one.reason is UnreachedReason.FORBIDDEN and one.namespace]
    if forbidden:
        words.append(f"`podium doctor{reach.at(None)} --role exec -n {forbidden[0]}` prints the Role that is missing")
    return "; ".join(words)


def _looked_in(selection: Selection) -> str:
    names = selection.effective_where.namespaces
    return f" in {', '.join(names)}" if names else ""


def _other_containers(resolution: Resolution) -> list[str]:
    """Where no pod has a container of the name asked for: the names there are."""
    if any(left.why is not LeftOutWhy.NO_SUCH_CONTAINER for left in resolution.left_out):
        return []
    there = dict.fromkeys(container.name for left in resolution.left_out for container in left.pod.containers)
    return [f"no such container; there are {', '.join(list(there)[:8])}"]
