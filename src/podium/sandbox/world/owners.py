"""Make the objects that own pods: deployments and their replica sets, stateful and daemon sets, jobs, services."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podium.sandbox.world.items import Item, Json, Plain, stamp
from podium.sandbox.world.names import Names
from podium.sandbox.world.scenario import Workload, WorkloadKind

if TYPE_CHECKING:
    from podium.sandbox.world.fleet import Revision
    from podium.sandbox.world.pods import Pod

AGE = 30 * 86400.0
ROLLOUT = "deployment.kubernetes.io/revision"
HASH = "controller.kubernetes.io/hash"


@dataclass(slots=True)
class OwnerSet:
    """Owners by plural name."""

    shelves: dict[str, list[Item]] = field(default_factory=dict)

    def add(self, plural: str, *items: Item) -> None:
        """Put more on their shelf."""
        self.shelves.setdefault(plural, []).extend(items)


def make_owners(
    owners: OwnerSet,
    workload: Workload,
    revisions: Mapping[tuple[int, str], "Revision"],
    pods: list["Pod"],
    *,
    names: Names,
    now: float,
) -> None:
    """Add what owns a workload's pods."""
    ordered = sorted(revisions.values(), key=lambda one: one.number)
    uid = names.uid()
    if pods and pods[0].template.owner is not None and workload.kind is not WorkloadKind.DEPLOYMENT:
        uid = pods[0].template.owner.uid
    match workload.kind:
        case WorkloadKind.DEPLOYMENT:
            owners.add("deployments", _deployment(workload, ordered, uid, now))
            owners.add("replicasets", *(_replica_set(workload, revision, uid, now) for revision in ordered))
        case WorkloadKind.STATEFUL_SET:
            owners.add("statefulsets", _stateful_set(workload, ordered, uid, now))
            owners.add("controllerrevisions", *_history(workload, ordered, uid, now))
        case WorkloadKind.DAEMON_SET:
            owners.add("daemonsets", _daemon_set(workload, ordered, uid, now))
            owners.add("controllerrevisions", *_history(workload, ordered, uid, now))
        case WorkloadKind.JOB:
            owners.add("jobs", _job(workload, ordered, uid, now))
        case WorkloadKind.CRON_JOB:
            owners.add("cronjobs", _cron_job(workload, uid, now))
        case WorkloadKind.NAKED:
            return
    if any(spec.port is not None for spec in workload.containers):
        owners.add("services", _service(workload, names, now))


def pod_template(workload: Workload, revision: "Revision | None") -> Json:
    """Return spec.template."""
    containers = workload.containers if revision is None else revision.template.containers
    labels = workload.labels if revision is None else revision.template.labels
    meta: Json = {"labels": dict(labels)}
    if workload.annotations:
        meta["annotations"] = dict(workload.annotations)
    rows: list[Json] = []
    for spec in containers:
        row: Json = {"name": spec.name, "image": spec.image, "imagePullPolicy": "IfNotPresent"}
        if spec.port is not None:
            row["ports"] = [{"containerPort": spec.port, "protocol": "TCP"}]
        row["resources"] = {
            key: dict(found) for key, found in (("limits", spec.limits), ("requests", spec.requests)) if found
        }
        rows.append(row)
    return {
        "metadata": meta,
        "spec": {"containers": rows, "restartPolicy": "Always", "schedulerName": "default-scheduler"},
    }


def _plain(api: str, workload: Workload, uid: str, now: float, *, meta: Json, body: Json) -> Plain:
    return Plain(
        api, workload.kind.value, workload.namespace, workload.name, uid, now - AGE, workload.labels, meta, body
    )


def _sums(revisions: list["Revision"]) -> tuple[int, int, int]:
    latest = revisions[-1].pods if revisions else 0
    return sum(one.pods for one in revisions), sum(one.ready for one in revisions), latest


def _deployment(workload: Workload, revisions: list["Revision"], uid: str, now: float) -> Plain:
    total, ready, latest = _sums(revisions)
    number = revisions[-1].number if revisions else workload.revision
    spec = {
        "replicas": total,
        "selector": {"matchLabels": dict(workload.labels)},
        "template": pod_template(workload, None),
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    }
    well = ready == total
    since = stamp(now - AGE)
    condition = {
        "type": "Available",
        "status": "True" if well else "False",
        "lastUpdateTime": since,
        "lastTransitionTime": since,
        "reason": "MinimumReplicasAvailable" if well else "MinimumReplicasUnavailable",
        "message": "Deployment has minimum availability." if well else "Deployment does not have minimum availability.",
    }
    status: Json = {"observedGeneration": 1, "replicas": total, "updatedReplicas": latest, "readyReplicas": ready}
    status |= {"availableReplicas": ready, "conditions": [condition]}
    if not well:
        status["unavailableReplicas"] = total - ready
    meta = {"generation": 1, "annotations": {ROLLOUT: str(number)}}
    return _plain("apps/v1", workload, uid, now, meta=meta, body={"spec": spec, "status": status})


def _replica_set(workload: Workload, revision: "Revision", owner: str, now: float) -> Plain:
    found = revision.template.owner
    name, uid = (workload.name, "") if found is None else (found.name, found.uid)
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name, "uid": owner}
    meta = {
        "generation": 1,
        "annotations": {ROLLOUT: str(revision.number)},
        "ownerReferences": [reference | {"controller": True, "blockOwnerDeletion": True}],
    }
    labels = revision.template.labels
    spec = {
        "replicas": revision.pods,
        "selector": {"matchLabels": dict(labels)},
        "template": pod_template(workload, revision),
    }
    status = {"replicas": revision.pods, "fullyLabeledReplicas": revision.pods, "readyReplicas": revision.ready}
    status |= {"availableReplicas": revision.ready, "observedGeneration": 1}
    body = {"spec": spec, "status": status}
    return Plain("apps/v1", "ReplicaSet", workload.namespace, name, uid, now - AGE, labels, meta, body)


def _stateful_set(workload: Workload, revisions: list["Revision"], uid: str, now: float) -> Plain:
    total, ready, latest = _sums(revisions)
    spec = {
        "replicas": total,
        "selector": {"matchLabels": dict(workload.labels)},
        "template": pod_template(workload, None),
        "serviceName": workload.name,
    }
    digest = revisions[-1].hash if revisions else ""
    status = {
        "observedGeneration": 1,
        "replicas": total,
        "readyReplicas": ready,
        "currentReplicas": total,
        "updatedReplicas": latest,
        "availableReplicas": ready,
        "currentRevision": f"{workload.name}-{revisions[0].hash if revisions else ''}",
        "updateRevision": f"{workload.name}-{digest}",
    }
    return _plain("apps/v1", workload, uid, now, meta={"generation": 1}, body={"spec": spec, "status": status})


def _daemon_set(workload: Workload, revisions: list["Revision"], uid: str, now: float) -> Plain:
    total, ready, latest = _sums(revisions)
    spec = {"selector": {"matchLabels": dict(workload.labels)}, "template": pod_template(workload, None)}
    status = {
        "currentNumberScheduled": total,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": total,
        "numberReady": ready,
        "numberAvailable": ready,
        "updatedNumberScheduled": latest,
        "observedGeneration": 1,
    }
    return _plain("apps/v1", workload, uid, now, meta={"generation": 1}, body={"spec": spec, "status": status})


def _history(workload: Workload, revisions: list["Revision"], owner: str, now: float) -> list[Plain]:
    return [_controller_revision(workload, revision, owner, now) for revision in revisions]


def _controller_revision(workload: Workload, revision: "Revision", owner: str, now: float) -> Plain:
    """A template of a StatefulSet or DaemonSet (controller/history; the two controllers label it differently)."""
    reference = {"apiVersion": "apps/v1", "kind": workload.kind.value, "name": workload.name, "uid": owner}
    meta = {"ownerReferences": [reference | {"controller": True, "blockOwnerDeletion": True}]}
    key = HASH if workload.kind is WorkloadKind.STATEFUL_SET else "controller-revision-hash"
    labels = {**workload.labels, key: revision.hash}
    body = {
        "data": {"spec": {"template": {**pod_template(workload, revision), "$patch": "replace"}}},
        "revision": revision.number,
    }
    name, uid = f"{workload.name}-{revision.hash}", str(uuid.uuid5(uuid.UUID(owner), revision.hash))
    return Plain("apps/v1", "ControllerRevision", workload.namespace, name, uid, now - AGE, labels, meta, body)


def _job(workload: Workload, revisions: list["Revision"], uid: str, now: float) -> Plain:
    total, _, _ = _sums(revisions)
    spec = {
        "parallelism": total,
        "completions": total,
        "backoffLimit": 6,
        "selector": {"matchLabels": {"batch.kubernetes.io/job-name": workload.name}},
        "template": pod_template(workload, None),
    }
    began = stamp(now - 3600)
    done = {"type": "Complete", "status": "True", "lastProbeTime": began, "lastTransitionTime": began}
    status = {"conditions": [done], "startTime": began, "completionTime": began, "succeeded": total, "ready": 0}
    return _plain("batch/v1", workload, uid, now, meta={"generation": 1}, body={"spec": spec, "status": status})


def _cron_job(workload: Workload, uid: str, now: float) -> Plain:
    template: Json = {"metadata": {}, "spec": {"template": pod_template(workload, None)}}
    spec = {"schedule": workload.schedule, "concurrencyPolicy": "Forbid", "suspend": False, "jobTemplate": template}
    status = {"lastScheduleTime": stamp(now // 86400 * 86400)}
    return _plain("batch/v1", workload, uid, now, meta={"generation": 1}, body={"spec": spec, "status": status})


def _service(workload: Workload, names: Names, now: float) -> Plain:
    ports = [
        {"name": spec.name, "port": spec.port, "targetPort": spec.port, "protocol": "TCP"}
        for spec in workload.containers
        if spec.port is not None
    ]
    address = f"10.96.{names.between(0, 255)}.{names.between(1, 254)}"
    spec: Json = {"clusterIP": address, "clusterIPs": [address], "type": "ClusterIP", "ports": ports}
    spec |= {"selector": dict(workload.labels), "sessionAffinity": "None"}
    body = {"spec": spec, "status": {"loadBalancer": {}}}
    return Plain("v1", "Service", workload.namespace, workload.name, names.uid(), now - AGE, workload.labels, {}, body)
