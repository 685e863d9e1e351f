"""Make the Events that tell of a pod's trouble."""

from podium.sandbox.world.items import Json, Plain, stamp
from podium.sandbox.world.names import Names
from podium.sandbox.world.pods import Pod, State

WARNING = ("Warning", "kubelet")


def make_event(pod: Pod, words: tuple[str, str], origin: tuple[str, str], names: Names, now: float) -> Plain:
    """Return an Event about a pod; words are reason and message, origin is its type and source."""
    reason, message = words
    kind, source = origin
    name = f"{pod.name}.{names.random.getrandbits(60):015x}"
    thing: Json = {"kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid, "apiVersion": "v1"}
    thing |= {
        "resourceVersion": str(pod.revision),
        "fieldPath": f"spec.containers{{{pod.template.containers[0].name}}}",
    }
    body: Json = {
        "involvedObject": thing,
        "reason": reason,
        "message": message,
        "source": {"component": source, "host": pod.node} if source == "kubelet" else {"component": source},
        "firstTimestamp": stamp(now - 600),
        "lastTimestamp": stamp(now - 20),
        "count": 5,
        "type": kind,
        "eventTime": None,
        "reportingComponent": source,
        "reportingInstance": pod.node,
    }
    fields = {f"involvedObject.{key}": str(value) for key, value in thing.items()}
    fields |= {"reason": reason, "type": kind, "source": source, "reportingComponent": source}
    return Plain("v1", "Event", pod.namespace, name, names.uid(), now - 600, {}, {}, body, fields)


def trouble_events(pod: Pod, names: Names, now: float) -> list[Plain]:
    """Return the Events that stand for a pod in trouble; none for one that is well."""
    image = pod.template.containers[0].image
    name = pod.template.containers[0].name
    match pod.trouble.state:
        case State.CRASH_LOOP:
            words = f"Back-off restarting failed container {name} in pod {pod.name}_{pod.namespace}({pod.uid})"
            return [make_event(pod, ("BackOff", words), WARNING, names, now)]
        case State.IMAGE_PULL:
            failed = f'Failed to pull image "{image}": rpc error: code = NotFound desc = "{image}": not found'
            return [
                make_event(pod, ("Failed", failed), WARNING, names, now),
                make_event(pod, ("BackOff", f'Back-off pulling image "{image}"'), WARNING, names, now),
            ]
        case State.PENDING:
            words = pod.trouble.message or "0/6 nodes are available: 6 Insufficient memory."
            return [make_event(pod, ("FailedScheduling", words), ("Warning", "default-scheduler"), names, now)]
        case State.EVICTED:
            return [
                make_event(
                    pod,
                    ("Evicted", pod.trouble.message or "The node was low on resource: memory. "),
                    WARNING,
                    names,
                    now,
                )
            ]
    return []
