"""Which pods of a snapshot a selection speaks of: names, owners, labels, given targets, -x."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from podium.domain.globs import Globs, globs, is_glob
from podium.domain.inventory import Owner, Pod, Snapshot
from podium.domain.selection import Exclude, Where
from podium.domain.targets import Target

Test = Callable[[Pod], bool]


def within(where: Where, own_namespace: Mapping[str, str]) -> Test:
    """Whether a pod lies where was asked; `own_namespace` is the context's own of each cluster."""
    if where.everywhere:
        return lambda _: True
    if not where.namespaces:
        return lambda pod: own_namespace.get(pod.cluster) == pod.namespace
    named = globs(where.namespaces)
    return lambda pod: pod.namespace in named


def is_protected(where: Where, names: Iterable[str]) -> Test:
    """Whether a pod lies in a protected namespace, of these `names` or globs, that nobody named exactly."""
    protected = globs(names)
    named = frozenset(where.namespaces)
    if not where.everywhere and not any(is_glob(name) for name in named):
        return lambda _: False
    known: dict[str, bool] = {}

    def test(pod: Pod) -> bool:
        answer = known.get(pod.namespace)
        if answer is None:
            answer = known[pod.namespace] = pod.namespace in protected and pod.namespace not in named
        return answer

    return test


@dataclass(frozen=True, slots=True)
class OwnedBy:
    """Pods of some owners: by controller or workload, a service's selector, a cron job's jobs, or the pod itself."""

    names: Mapping[str, Globs]  #: by kind
    snapshot: Snapshot

    def __call__(self, pod: Pod) -> bool:
        for owner in (pod.workload, pod.controller):
            if owner is not None and owner.kind in self.names and owner.name in self.names[owner.kind]:
                return True
        if "Pod" in self.names and pod.name in self.names["Pod"]:
            return True
        if "Service" in self.names and self._behind_service(pod, self.names["Service"]):
            return True
        return "CronJob" in self.names and self._of_cron_job(pod, self.names["CronJob"])

    def _behind_service(self, pod: Pod, names: Globs) -> bool:
        """A service without a selector has no pods that a snapshot could tell."""
        return any(
            cluster == pod.cluster
            and namespace == pod.namespace
            and name in names
            and len(selector) > 0
            and all(pod.labels.get(key) == value for key, value in selector.items())
            for (cluster, namespace, name), selector in self.snapshot.services.items()
        )

    def _of_cron_job(self, pod: Pod, names: Globs) -> bool:
        job = pod.controller
        if job is None or job.kind != "Job":
            return False
        return any(
            cluster == pod.cluster and namespace == pod.namespace and name in names and job.name in jobs
            for (cluster, namespace, name), jobs in self.snapshot.cron_jobs.items()
        )


def owned_by(owners: Iterable[Owner], snapshot: Snapshot) -> OwnedBy:
    """Pods of any of the owners; names may be globs."""
    by_kind: dict[str, list[str]] = {}
    for owner in owners:
        by_kind.setdefault(owner.kind, []).append(owner.name)
    return OwnedBy({kind: globs(names) for kind, names in by_kind.items()}, snapshot)


class Given:
    """The targets of --targets-from, found by pod; what a target leaves open ("") fits anything."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._by_pod: dict[str, list[Target]] = {}
        for target in targets:
            self._by_pod.setdefault(target.pod, []).append(target)

    def of(self, pod: Pod) -> tuple[Target, ...]:
        """The given targets that speak of this pod; one with a uid only of the very same pod."""
        return tuple(
            target
            for target in self._by_pod.get(pod.name, ())
            if target.cluster in {"", pod.cluster}
            and target.namespace in {"", pod.namespace}
            and target.uid in {"", pod.uid}
        )

    def __call__(self, pod: Pod) -> bool:
        return len(self.of(pod)) > 0


def excluded(excludes: Sequence[Exclude], snapshot: Snapshot) -> Test:
    """Whether any -x speaks of the pod."""
    names = globs(one.name for one in excludes if one.name)
    owners = owned_by((one.owner for one in excludes if one.owner is not None), snapshot)
    labels = frozenset(one.label for one in excludes if one.label is not None)

    def test(pod: Pod) -> bool:
        if pod.name in names or owners(pod):
            return True
        return any(pod.labels.get(key) == value for key, value in labels)

    return test
