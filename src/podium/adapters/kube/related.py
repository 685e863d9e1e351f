"""What stands above and beside pods: revisions, services, the jobs of cron jobs. Listed only where a selection asks.

ReplicaSets carry deployment.kubernetes.io/revision (deployment/util); ControllerRevisions are the history of
StatefulSets, whose pods name the ControllerRevision, and of DaemonSets, whose pods carry its hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from podium.adapters.kube.convert import CONTROLLER_HASH, Pool, controller_of
from podium.adapters.kube.lists import Kind
from podium.adapters.kube.objects import BARE, REVISIONS, SERVICES, Bare, Revision, ServiceObject
from podium.domain.inventory import Owner, Pod

REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class Above:
    """A ReplicaSet, Job or ControllerRevision and who owns it. `number` orders the revisions of one owner."""

    namespace: str
    name: str
    owner: Owner | None
    number: int = 0
    mark: str = ""  #: what pods of this revision are told by


@dataclass(frozen=True, slots=True)
class ServiceSelector:
    """A service and the labels of its pods; empty for one without a selector, which picks no pod."""

    namespace: str
    name: str
    selector: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Related:
    """All that was asked for and came."""

    replica_sets: tuple[Above, ...] = ()
    controller_revisions: tuple[Above, ...] = ()
    jobs: tuple[Above, ...] | None = None
    services: tuple[ServiceSelector, ...] = ()
    notes: tuple[str, ...] = field(default=())


def replica_sets(pool: Pool) -> Kind[Bare, Above]:
    """ReplicaSets with the revision of their Deployment."""

    def convert(item: Bare) -> Above:
        number = (item.metadata.annotations or {}).get(REVISION, "")
        return _above(item.metadata.namespace, item, pool, int(number) if number.isdecimal() else 0, number)

    return Kind("/apis/apps/v1", "replicasets", BARE, convert)


def controller_revisions(pool: Pool) -> Kind[Revision, Above]:
    """The template history of StatefulSets and DaemonSets."""

    def convert(item: Revision) -> Above:
        mark = (item.metadata.labels or {}).get(CONTROLLER_HASH, "") or item.metadata.name
        return _above(item.metadata.namespace, item, pool, item.revision, mark)

    return Kind("/apis/apps/v1", "controllerrevisions", REVISIONS, convert)


def jobs(pool: Pool) -> Kind[Bare, Above]:
    """Jobs and the CronJob above them."""
    return Kind("/apis/batch/v1", "jobs", BARE, lambda item: _above(item.metadata.namespace, item, pool, 0, ""))


def services(pool: Pool) -> Kind[ServiceObject, ServiceSelector]:
    """Services and whom they pick."""

    def convert(item: ServiceObject) -> ServiceSelector:
        meta = item.metadata
        return ServiceSelector(pool.text(meta.namespace), pool.text(meta.name), pool.labels(item.spec.selector))

    return Kind("/api/v1", "services", SERVICES, convert)


def _above(namespace: str, item: Bare | Revision, pool: Pool, number: int, mark: str) -> Above:
    meta = item.metadata
    return Above(pool.text(namespace), pool.text(meta.name), controller_of(meta, pool), number, pool.text(mark))


def current_revisions(cluster: str, related: Related) -> dict[tuple[str, str, Owner], str]:
    """The revision each workload rolls out now: a rollback, too, gives the old template the highest number."""
    newest: dict[tuple[str, str, Owner], Above] = {}
    for above in (*related.replica_sets, *related.controller_revisions):
        if above.owner is None or above.mark == "":
            continue
        key = (cluster, above.namespace, above.owner)
        known = newest.get(key)
        if known is None or above.number > known.number:
            newest[key] = above
    return {key: above.mark for key, above in newest.items()}


def informed(pods: Iterable[Pod], related: Related) -> tuple[Pod, ...]:
    """The pods, with workload and revision as the lists know them instead of as names suggest."""
    sets = {(above.namespace, above.name): above for above in related.replica_sets}
    runs = {(above.namespace, above.name): above for above in related.jobs or ()}
    if not sets and not runs:
        return tuple(pods)
    return tuple(_informed(pod, sets, runs) for pod in pods)


def _informed(pod: Pod, sets: Mapping[tuple[str, str], Above], runs: Mapping[tuple[str, str], Above]) -> Pod:
    controller = pod.controller
    if controller is None:
        return pod
    if controller.kind == "ReplicaSet":
        above = sets.get((pod.namespace, controller.name))
        if above is not None:
            return replace(pod, workload=above.owner or controller, revision=above.mark or pod.revision)
    if controller.kind == "Job":
        above = runs.get((pod.namespace, controller.name))
        if above is not None:
            return replace(pod, workload=above.owner or controller)
    return pod


def jobs_of_cron_jobs(cluster: str, related: Related) -> dict[tuple[str, str, str], frozenset[str]]:
    """The names of each CronJob's jobs, also of those made by hand from it."""
    names: dict[tuple[str, str, str], set[str]] = {}
    for above in related.jobs or ():
        if above.owner is not None and above.owner.kind == "CronJob":
            names.setdefault((cluster, above.namespace, above.owner.name), set()).add(above.name)
    return {key: frozenset(found) for key, found in names.items()}
