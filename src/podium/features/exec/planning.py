"""From a request to a plan: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from podium.domain.commands import Command
from podium.domain.errors import UsageError
from podium.domain.inventory import Pod, Snapshot, Unreached, UnreachedReason
from podium.domain.selection import LeftOutWhy, Picked, Resolution, Selection, Where
from podium.domain.substitution import Facts, has_tokens, substitute
from podium.domain.targets import Target
from podium.domain.units import Share
from podium.features.exec.request import BY_DEFAULT, Caution, ExecRequest, Reach
from podium.ports import Wanted
from podium.runner.order import arrange
from podium.runner.plan import Care, Plan, Workload
from podium.runner.waves import Waves, cut, with_canary


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
    """Order the picked targets, cut them into waves, and bound what may go wrong."""
    caution = request.caution
    not_ready = frozenset(key for key, node in snapshot.nodes.items() if not node.ready)
    pods = {picked.target: picked.pod for picked in resolution.picked}
    targets = arrange(pods, caution.order, lambda target: pods[target].created, run, not_ready)
    workloads = {target: key for target, pod in pods.items() if (key := _workload(pod)) is not None}
    return Plan(
        run=run,
        action=action,
        command=request.command,
        targets=targets,
        pace=request.pace,
        not_ready=not_ready,
        care=Care(caution.retry, caution.budget_for(len(targets))),
        waves=_waves(targets, workloads, caution),
        workloads=workloads,
        at_once=_at_once(workloads, caution.max_per_workload),
        lives={picked.target: _life(picked) for picked in resolution.picked},
        commands=_commands(request.command, resolution.picked),
    )


def _waves(targets: Sequence[Target], workloads: Mapping[Target, Workload], caution: Caution) -> Waves:
    if caution.canary:
        return with_canary(targets, lambda target: workloads.get(target, target), caution.marks)
    return cut(targets, caution.marks) if caution.marks else ()


def _at_once(workloads: Mapping[Target, Workload], share: Share | None) -> Mapping[Workload, int]:
    """Percentages are of the workload's planned targets, rounded down, at least 1."""
    if share is None:
        return {}
    return {workload: max(share.of(size), 1) for workload, size in Counter(workloads.values()).items()}


def _commands(command: Command, picked: Iterable[Picked]) -> Mapping[Target, Command]:
    """Each target's own command, where something is substituted; raises UsageError naming the first that cannot."""
    if not has_tokens(command):
        return {}
    return {one.target: substitute(command, _facts(one)) for one in picked}


def _facts(picked: Picked) -> Facts:
    target, pod = picked.target, picked.pod
    return Facts(target.pod, target.namespace, target.container, target.node, pod.ip, pod.labels)


def _workload(pod: Pod) -> Workload | None:
    owner = pod.workload
    return None if owner is None else (pod.cluster, pod.namespace, owner.kind, owner.name)


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
