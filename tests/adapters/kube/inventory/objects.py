"""Objects as a real API server writes them, as plain data."""

from __future__ import annotations

import json
from typing import Any

Object = dict[str, Any]


def pod(name: str = "web-6f9c7-a1b2c", namespace: str = "shop", **given: Any) -> Object:
    """A running pod of deploy/web; `given` replaces top parts: labels, uid, version, owner, spec, status."""
    labels = given.get("labels", {"app": "web", "pod-template-hash": "6f9c7"})
    owner = given.get("owner", ("ReplicaSet", "web-6f9c7"))
    meta: Object = {
        "name": name,
        "namespace": namespace,
        "uid": given.get("uid", f"uid-{namespace}-{name}"),
        "resourceVersion": str(given.get("version", 100)),
        "creationTimestamp": "2026-11-24T10:00:00Z",
        "labels": labels,
        "annotations": given.get("annotations", {}),
        "managedFields": [
            {"manager": "kubelet", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {}}}
        ],
        **given.get("meta", {}),
    }
    if owner is not None:
        meta["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1], "uid": "u", "controller": True}
        ]
    return {
        "metadata": meta,
        "spec": {"nodeName": "n1", "containers": [{"name": "web", "image": "web:4.2.1"}], **given.get("spec", {})},
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}],
            "containerStatuses": [container_status("web")],
            **given.get("status", {}),
        },
    }


def container_status(name: str, **given: Any) -> Object:
    """The kubelet's word on a running container."""
    return {
        "name": name,
        "ready": True,
        "restartCount": 0,
        "containerID": f"containerd://{name:x<64}",
        "image": "docker.io/library/web:4.2.1",
        "state": {"running": {"startedAt": "2026-11-24T10:00:01Z"}},
        **given,
    }


def node(name: str = "n1", *, ready: str = "True", **given: Any) -> Object:
    """A node."""
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": {"pool": "a"}},
        "spec": given.get("spec", {}),
        "status": {
            "conditions": [{"type": "Ready", "status": ready, "message": "kubelet is posting ready status"}],
            "nodeInfo": {"kubeletVersion": "v1.36.3"},
        },
    }


def bare(name: str, namespace: str = "", **meta: Any) -> Object:
    """An object of which only the metadata counts."""
    return {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", **meta}}


def owned(name: str, namespace: str, owner: tuple[str, str], **meta: Any) -> Object:
    """A ReplicaSet, Job or ControllerRevision with a controller."""
    reference = {"kind": owner[0], "name": owner[1], "uid": "u", "controller": True}
    return bare(name, namespace, ownerReferences=[reference], **meta)


def page(items: list[Object], version: str = "1000", more: str = "") -> bytes:
    """One page of a list."""
    meta: Object = {"resourceVersion": version}
    if more:
        meta["continue"] = more
    return json.dumps({"kind": "List", "apiVersion": "v1", "metadata": meta, "items": items}).encode()


def status(code: int, message: str, reason: str = "", **details: Any) -> bytes:
    """A refusal."""
    return json.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details,
            "code": code,
        }
    ).encode()
