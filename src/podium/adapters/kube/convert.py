"""Objects into domain values. Equal strings, owners and label sets are kept once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from podium.adapters.kube.objects import (
    Condition,
    ContainerSpec,
    ContainerStatus,
    Metadata,
    NodeObject,
    PodObject,
)
from podium.domain.inventory import Container, ContainerKind, ContainerState, Node, Owner, Pod

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
TEMPLATE_HASH = "pod-template-hash"
CONTROLLER_HASH = "controller-revision-hash"
CRON_JOB_RUN = re.compile(r"-[0-9]{8,10}$")  # the job controller appends the scheduled minute (cronjob/utils.go)


class Pool:
    """Values that pods of one workload repeat thousands of times, each kept once for one list."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._labels: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
        self._owners: dict[tuple[str, str], Owner] = {}

    def text(self, text: str) -> str:
        """The one string that equals `text`."""
        return self._texts.setdefault(text, text)

    def labels(self, labels: Mapping[str, str] | None) -> Mapping[str, str]:
        """The one label set that equals `labels`; shared, so never to be changed."""
        key = tuple(labels.items()) if labels else ()
        found = self._labels.get(key)
        if found is None:
            text = self.text
            found = self._labels[key] = {text(name): text(value) for name, value in key}
        return found

    def owner(self, kind: str, name: str) -> Owner:
        """The one owner of that kind and name."""
        found = self._owners.get((kind, name))
        if found is None:
            found = self._owners[(kind, name)] = Owner(self.text(kind), self.text(name))
        return found


def pod_of(cluster: str, item: PodObject, pool: Pool) -> Pod:
    """Convert one pod. Its workload and revision are what its own labels and owner tell (see `workload_above`)."""
    meta, spec, status = item.metadata, item.spec, item.status
    text = pool.text
    labels = pool.labels(meta.labels)
    controller = controller_of(meta, pool)
    conditions = status.conditions or ()
    return Pod(
        cluster=cluster,
        namespace=text(meta.namespace),
        name=meta.name,
        uid=meta.uid,
        phase=text(status.phase or "Unknown"),
        reason=text(status.reason),
        message=text(_unscheduled(conditions)),
        node=text(spec.node_name),
        ip=status.pod_ip,
        created=meta.creation_timestamp.timestamp() if meta.creation_timestamp is not None else 0.0,
        terminating=meta.deletion_timestamp is not None,
        ready=_holds(conditions, "Ready"),
        labels=labels,
        default_container=text(meta.annotations.get(DEFAULT_CONTAINER, "")) if meta.annotations else "",
        controller=controller,
        workload=workload_above(controller, labels, pool),
        revision=labels.get(TEMPLATE_HASH) or labels.get(CONTROLLER_HASH, ""),
        containers=_containers(item, pool),
    )


def controller_of(meta: Metadata, pool: Pool) -> Owner | None:
    """The owner with `controller: true`."""
    for reference in meta.owner_references or ():
        if reference.controller:
            return pool.owner(reference.kind, reference.name)
    return None


def workload_above(controller: Owner | None, labels: Mapping[str, str], pool: Pool) -> Owner | None:
    """The workload a user thinks of, without a further request.

    A Deployment names its ReplicaSets NAME-HASH and puts HASH on the pods (deployment/sync.go); a CronJob names its
    Jobs NAME-MINUTES. A Job made by hand from a CronJob is only told by listing jobs.
    """
    if controller is None:
        return None
    if controller.kind == "ReplicaSet":
        ending = labels.get(TEMPLATE_HASH, "")
        if ending and controller.name.endswith("-" + ending):
            return pool.owner("Deployment", controller.name[: -len(ending) - 1])
    if controller.kind == "Job":
        above, runs = CRON_JOB_RUN.subn("", controller.name)
        if runs and above:
            return pool.owner("CronJob", above)
    return controller


def node_of(cluster: str, item: NodeObject, pool: Pool) -> Node:
    """Convert one node. Taints as kubectl writes them: KEY=VALUE:EFFECT."""
    taints = item.spec.taints or ()
    return Node(
        cluster=cluster,
        name=item.metadata.name,
        ready=_holds(item.status.conditions or (), "Ready"),
        labels=pool.labels(item.metadata.labels),
        taints=tuple(
            pool.text(f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}")
            for taint in taints
        ),
        kubelet_version=pool.text(item.status.node_info.kubelet_version),
    )


def _holds(conditions: Sequence[Condition], name: str) -> bool:
    for condition in conditions:
        if condition.type == name:
            return condition.status == "True"
    return False


def _unscheduled(conditions: Sequence[Condition]) -> str:
    for condition in conditions:
        if condition.type == "PodScheduled":
            return condition.message if condition.status == "False" else ""
    return ""


def _containers(item: PodObject, pool: Pool) -> tuple[Container, ...]:
    spec, status = item.spec, item.status
    regular = _told(spec.containers, status.container_statuses, ContainerKind.REGULAR, pool)
    if spec.init_containers is None and spec.ephemeral_containers is None:
        return regular
    return (
        *regular,
        *_told(spec.init_containers, status.init_container_statuses, ContainerKind.INIT, pool),
        *_told(spec.ephemeral_containers, status.ephemeral_container_statuses, ContainerKind.EPHEMERAL, pool),
    )


def _told(
    specs: list[ContainerSpec] | None, statuses: list[ContainerStatus] | None, kind: ContainerKind, pool: Pool
) -> tuple[Container, ...]:
    if not specs:
        return ()
    if len(specs) == 1 and statuses is not None and len(statuses) == 1 and specs[0].name == statuses[0].name:
        return (_container(specs[0], statuses[0], kind, pool),)
    by_name = {status.name: status for status in statuses or ()}
    return tuple(_container(spec, by_name.get(spec.name), kind, pool) for spec in specs)


def _container(spec: ContainerSpec, status: ContainerStatus | None, kind: ContainerKind, pool: Pool) -> Container:
    name, image = pool.text(spec.name), pool.text(spec.image)
    if kind is ContainerKind.INIT and spec.restart_policy == "Always":
        kind = ContainerKind.SIDECAR
    if status is None:
        return Container(name, image, kind)
    state, reason, exit_code = _state(status)
    last = status.last_state.terminated if status.last_state is not None else None
    return Container(
        name,
        image,
        kind,
        state,
        pool.text(reason),
        exit_code,
        pool.text(last.reason) if last is not None else "",
        last.exit_code if last is not None else None,
        status.restart_count,
        status.ready,
        status.container_id,
    )


def _state(status: ContainerStatus) -> tuple[ContainerState, str, int | None]:
    state = status.state
    if state is None:
        return ContainerState.UNKNOWN, "", None
    if state.running is not None:
        return ContainerState.RUNNING, "", None
    if state.terminated is not None:
        return ContainerState.TERMINATED, state.terminated.reason, state.terminated.exit_code
    if state.waiting is not None:
        return ContainerState.WAITING, state.waiting.reason, None
    # Go's API says of an empty state that it means waiting (core/v1 ContainerState)
    return ContainerState.WAITING, "", None
