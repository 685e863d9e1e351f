"""Render a pod record as the JSON a kubelet and an API server would have made of it."""

import hashlib

from podium.sandbox.world.items import Json, metadata, stamp
from podium.sandbox.world.pods import ContainerSpec, Pod, State

TOLERATIONS = [
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
]
TOKEN_MOUNT = {
    "name": "kube-api-access",
    "readOnly": True,
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
}
TOKEN_VOLUME: Json = {
    "name": "kube-api-access",
    "projected": {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ],
        "defaultMode": 420,
    },
}


def render_pod(pod: Pod) -> Json:
    """Return the whole Pod object."""
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": pod_metadata(pod),
        "spec": _spec(pod),
        "status": pod_status(pod),
    }


def pod_metadata(pod: Pod) -> Json:
    """Return a pod's metadata."""
    template = pod.template
    more: Json = {}
    if template.annotations:
        more["annotations"] = dict(template.annotations)
    if template.owner is not None:
        more["generateName"] = f"{template.owner.name}-"
        more["ownerReferences"] = [
            {
                "apiVersion": template.owner.api_version,
                "kind": template.owner.kind,
                "name": template.owner.name,
                "uid": template.owner.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    if pod.deleted is not None:
        more |= {"deletionTimestamp": stamp(pod.deleted), "deletionGracePeriodSeconds": 30}
    return metadata(pod, more)


def _container(spec: ContainerSpec) -> Json:
    made: Json = {"name": spec.name, "image": spec.image}
    if spec.port is not None:
        made["ports"] = [{"containerPort": spec.port, "protocol": "TCP"}]
    if spec.env:
        made["env"] = [{"name": name, "value": value} for name, value in spec.env.items()]
    resources: Json = {}
    if spec.limits:
        resources["limits"] = dict(spec.limits)
    if spec.requests:
        resources["requests"] = dict(spec.requests)
    return made | {
        "resources": resources,
        "volumeMounts": [TOKEN_MOUNT],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _spec(pod: Pod) -> Json:
    template = pod.template
    spec: Json = {"volumes": [TOKEN_VOLUME]}
    if template.init_containers:
        spec["initContainers"] = [_container(spec) for spec in template.init_containers]
    spec |= {
        "containers": [_container(one) for one in template.containers],
        "restartPolicy": template.restart_policy,
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": template.service_account,
        "serviceAccount": template.service_account,
    }
    if pod.node != "":
        spec["nodeName"] = pod.node
    if template.node_selector:
        spec["nodeSelector"] = dict(template.node_selector)
    return spec | {
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": TOLERATIONS,
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def pod_status(pod: Pod) -> Json:
    """Return a pod's status."""
    state = pod.trouble.state
    if state is State.EVICTED:
        words = pod.trouble.message or "The node was low on resource: memory. "
        return {
            "phase": "Failed",
            "message": words,
            "reason": "Evicted",
            "startTime": stamp(pod.created),
            "qosClass": "Burstable",
        }
    status: Json = {"phase": pod.phase, "conditions": _conditions(pod)}
    if pod.node == "":
        return status | {"qosClass": _qos(pod)}
    status |= {"hostIP": pod.node_address, "hostIPs": [{"ip": pod.node_address}]}
    if state not in (State.CREATING, State.PENDING):
        status |= {"podIP": pod.address, "podIPs": [{"ip": pod.address}]}
    status["startTime"] = stamp(pod.created)
    template = pod.template
    if template.init_containers:
        status["initContainerStatuses"] = [_init_status(pod, spec) for spec in template.init_containers]
    status["containerStatuses"] = [_container_status(pod, spec, at == 0) for at, spec in enumerate(template.containers)]
    return status | {"qosClass": _qos(pod)}


def _qos(pod: Pod) -> str:
    return "Burstable" if any(spec.requests or spec.limits for spec in pod.template.containers) else "BestEffort"


def _conditions(pod: Pod) -> list[Json]:
    state, since = pod.trouble.state, stamp(pod.created)
    if pod.node == "":
        words = pod.trouble.message or "0/6 nodes are available: 6 Insufficient memory."
        unscheduled = _condition("PodScheduled", since, holds=False)
        return [unscheduled | {"reason": "Unschedulable", "message": words}]
    ready = state is State.RUNNING and not pod.node_lost
    why: Json = {}
    if state is State.COMPLETED:
        why = {"reason": "PodCompleted"}
    elif state is not State.RUNNING:
        names = " ".join(spec.name for spec in pod.template.containers[:1])
        why = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{names}]"}
    moved = stamp(pod.started)
    initialized = _condition("Initialized", since, holds=state is not State.INIT)
    return [
        _condition("PodReadyToStartContainers", since, holds=state is not State.CREATING),
        initialized,
        _condition("Ready", moved, holds=ready) | why,
        _condition("ContainersReady", moved, holds=state is State.RUNNING) | why,
        _condition("PodScheduled", since, holds=True),
    ]


def _condition(kind: str, since: str, *, holds: bool) -> Json:
    return {"type": kind, "status": "True" if holds else "False", "lastProbeTime": None, "lastTransitionTime": since}


def _image_id(image: str) -> str:
    return f"{image.rsplit(':', 1)[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def _container_status(pod: Pod, spec: ContainerSpec, first: bool) -> Json:
    state = pod.trouble.state
    if not first and state in (State.CRASH_LOOP, State.NOT_READY):
        state = State.RUNNING
    restarts = pod.restarts if first else 0
    now, last = _states(pod, spec, state, restarts)
    started = state.runs
    found: Json = {
        "name": spec.name,
        "state": now,
        "lastState": last,
        "ready": state is State.RUNNING,
    }
    found |= {"restartCount": restarts, "image": spec.image}
    if state in (State.CREATING, State.IMAGE_PULL, State.INIT):
        return found | {"imageID": "", "started": False}
    life = restarts - 1 if state is State.CRASH_LOOP else restarts
    identity = f"containerd://{pod.container_id(spec.name, life)}"
    return found | {"imageID": _image_id(spec.image), "containerID": identity, "started": started}


def _states(pod: Pod, spec: ContainerSpec, state: State, restarts: int) -> tuple[Json, Json]:
    trouble = pod.trouble
    last: Json = {}
    if restarts > 0:
        last = {"terminated": _terminated(pod, spec, trouble.exit_code, trouble.reason, restarts - 1)}
    match state:
        case State.RUNNING | State.NOT_READY:
            return {"running": {"startedAt": stamp(pod.started)}}, last
        case State.CRASH_LOOP:
            words = f"back-off 5m0s restarting failed container={spec.name} pod={pod.name}_{pod.namespace}({pod.uid})"
            return {"waiting": {"reason": "CrashLoopBackOff", "message": words}}, last
        case State.IMAGE_PULL:
            words = f'Back-off pulling image "{spec.image}"'
            return {"waiting": {"reason": "ImagePullBackOff", "message": trouble.message or words}}, {}
        case State.INIT:
            return {"waiting": {"reason": "PodInitializing"}}, {}
        case State.COMPLETED:
            return {"terminated": _terminated(pod, spec, 0, "Completed", restarts)}, last
        case State.ERROR:
            return {"terminated": _terminated(pod, spec, trouble.exit_code, trouble.reason, restarts)}, last
        case _:
            return {"waiting": {"reason": "ContainerCreating"}}, {}


def _terminated(pod: Pod, spec: ContainerSpec, code: int, reason: str, life: int) -> Json:
    began = pod.started
    ended = pod.finished if pod.finished is not None else began + 1
    return {
        "exitCode": code,
        "reason": reason,
        "startedAt": stamp(began),
        "finishedAt": stamp(ended),
        "containerID": f"containerd://{pod.container_id(spec.name, life)}",
    }


def _init_status(pod: Pod, spec: ContainerSpec) -> Json:
    done = pod.trouble.state is not State.INIT
    now: Json = (
        {"terminated": _terminated(pod, spec, 0, "Completed", 0)}
        if done
        else {"running": {"startedAt": stamp(pod.started)}}
    )
    return {
        "name": spec.name,
        "state": now,
        "lastState": {},
        "ready": done,
        "restartCount": 0,
        "image": spec.image,
        "imageID": _image_id(spec.image),
        "containerID": f"containerd://{pod.container_id(spec.name, 0)}",
        "started": not done,
    }
