"""Answer `kubectl get`: objects as meta.k8s.io/v1 Tables (kubernetes pkg/printers/internalversion)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from podium.sandbox.world.items import Item, Json
from podium.sandbox.world.pods import Pod, State

Cells = list[Any]
Column = tuple[str, str, int]


def human(seconds: float) -> str:
    """Return an age as kubectl shows it (apimachinery duration.HumanDuration)."""
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole >= -2 else "<invalid>"
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(big: int, unit: str, small: int, lesser: str) -> str:
    return f"{big}{unit}" if small == 0 else f"{big}{unit}{small}{lesser}"


def since(text: str | None, now: float) -> str:
    """Return the age of an RFC 3339 time stamp."""
    if text is None:
        return "<none>"
    return human(now - datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp())


def _labels(selector: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items())) or "<none>"


def _pod(item: Item, body: Json, now: float) -> Cells:
    status = body["status"]
    rows: Sequence[Json] = status.get("containerStatuses", ())
    ready = sum(1 for row in rows if row["ready"] and "running" in row["state"])
    restarts = sum(row["restartCount"] for row in rows)
    last = max((row["lastState"]["terminated"]["finishedAt"] for row in rows if row.get("lastState")), default=None)
    shown = str(restarts) if last is None or restarts == 0 else f"{restarts} ({since(last, now)} ago)"
    address, node = status.get("podIP", "<none>"), body["spec"].get("nodeName", "<none>")
    total = len(body["spec"]["containers"])
    return [
        item.name,
        f"{ready}/{total}",
        pod_word(item, body),
        shown,
        human(now - item.created),
        address,
        node,
        "<none>",
        "<none>",
    ]


def pod_word(item: Item, body: Json) -> str:
    """Return the STATUS column of a pod (printPod)."""
    status = body["status"]
    word: str = status.get("reason") or status["phase"]
    for row in reversed(status.get("containerStatuses", ())):
        state = row["state"]
        if "waiting" in state:
            word = state["waiting"]["reason"]
        elif "terminated" in state:
            word = state["terminated"]["reason"]
    if isinstance(item, Pod):
        if item.trouble.state is State.INIT:
            word = f"Init:0/{len(item.template.init_containers)}"
        if item.deleted is not None:
            word = "Terminating"
    return word


def _node(item: Item, body: Json, now: float) -> Cells:
    status = body["status"]
    ready = next((one["status"] for one in status["conditions"] if one["type"] == "Ready"), "Unknown")
    info = status["nodeInfo"]
    word = "Ready" if ready == "True" else "NotReady"
    if body["spec"].get("unschedulable"):
        word += ",SchedulingDisabled"
    address = status["addresses"][0]["address"]
    age = human(now - item.created)
    wide = [address, "<none>", info["osImage"], info["kernelVersion"], info["containerRuntimeVersion"]]
    return [item.name, word, "<none>", age, info["kubeletVersion"], *wide]


def _template_cells(body: Json) -> Cells:
    spec = body["spec"]
    template = spec["template"] if "template" in spec else spec["jobTemplate"]["spec"]["template"]
    containers = template["spec"]["containers"]
    return [",".join(one["name"] for one in containers), ",".join(one["image"] for one in containers)]


def _selector(body: Json) -> str:
    return _labels(body["spec"].get("selector", {}).get("matchLabels", {}))


def _deployment(item: Item, body: Json, now: float) -> Cells:
    status = body["status"]
    ready = f"{status['readyReplicas']}/{body['spec']['replicas']}"
    age = human(now - item.created)
    cells = [item.name, ready, status["updatedReplicas"], status["availableReplicas"], age]
    return [*cells, *_template_cells(body), _selector(body)]


def _replica_set(item: Item, body: Json, now: float) -> Cells:
    status = body["status"]
    cells = [
        item.name,
        body["spec"]["replicas"],
        status["replicas"],
        status["readyReplicas"],
        human(now - item.created),
    ]
    return [*cells, *_template_cells(body), _selector(body)]


def _stateful_set(item: Item, body: Json, now: float) -> Cells:
    ready = f"{body['status']['readyReplicas']}/{body['spec']['replicas']}"
    return [item.name, ready, human(now - item.created), *_template_cells(body)]


def _daemon_set(item: Item, body: Json, now: float) -> Cells:
    status = body["status"]
    numbers = [status["desiredNumberScheduled"], status["currentNumberScheduled"], status["numberReady"]]
    numbers += [status["updatedNumberScheduled"], status["numberAvailable"]]
    return [item.name, *numbers, "<none>", human(now - item.created), *_template_cells(body), _selector(body)]


def _job(item: Item, body: Json, now: float) -> Cells:
    status = body["status"]
    done = f"{status.get('succeeded', 0)}/{body['spec']['completions']}"
    word = "Complete" if "completionTime" in status else "Running"
    return [item.name, word, done, "40s", human(now - item.created), *_template_cells(body), _selector(body)]


def _cron_job(item: Item, body: Json, now: float) -> Cells:
    spec = body["spec"]
    last = since(body["status"].get("lastScheduleTime"), now)
    return [
        item.name,
        spec["schedule"],
        "<none>",
        spec["suspend"],
        0,
        last,
        human(now - item.created),
        *_template_cells(body),
        "<none>",
    ]


def _service(item: Item, body: Json, now: float) -> Cells:
    spec = body["spec"]
    ports = ",".join(f"{one['port']}/{one['protocol']}" for one in spec["ports"]) or "<none>"
    return [
        item.name,
        spec["type"],
        spec["clusterIP"],
        "<none>",
        ports,
        human(now - item.created),
        _labels(spec["selector"]),
    ]


def _event(item: Item, body: Json, now: float) -> Cells:
    thing = body["involvedObject"]
    what = f"{str(thing['kind']).lower()}/{thing['name']}"
    first, last = since(body["firstTimestamp"], now), since(body["lastTimestamp"], now)
    source = ", ".join(str(part) for part in body["source"].values())
    cells = [last, body["type"], body["reason"], what, thing.get("fieldPath", ""), source]
    return [*cells, str(body["message"]).strip(), first, str(body["count"]), item.name]


def _namespace(item: Item, body: Json, now: float) -> Cells:
    return [item.name, body["status"]["phase"], human(now - item.created)]


def _lease(item: Item, body: Json, now: float) -> Cells:
    return [item.name, body["spec"]["holderIdentity"], human(now - item.created)]


def _controller_revision(item: Item, body: Json, now: float) -> Cells:
    owner = body["metadata"]["ownerReferences"][0]
    return [item.name, f"{owner['kind'].lower()}.apps/{owner['name']}", body["revision"], human(now - item.created)]


def _plain(item: Item, body: Json, now: float) -> Cells:
    del body
    return [item.name, human(now - item.created)]


def _columns(text: str) -> tuple[Column, ...]:
    found: list[Column] = []
    for part in text.split("|"):
        wide, integer = part.startswith("+"), part.endswith("#")
        found.append((part.strip("+#"), "integer" if integer else "string", 1 if wide else 0))
    return tuple(found)


Cell = Callable[[Item, Json, float], Cells]
WIDE = "|+Containers|+Images|+Selector"
TABLES: Mapping[str, tuple[tuple[Column, ...], Cell]] = {
    "pods": (_columns("Name|Ready|Status|Restarts|Age|+IP|+Node|+Nominated Node|+Readiness Gates"), _pod),
    "nodes": (
        _columns(
            "Name|Status|Roles|Age|Version|+Internal-IP|+External-IP|+OS-Image|+Kernel-Version|+Container-Runtime"
        ),
        _node,
    ),
    "deployments": (_columns("Name|Ready|Up-to-date#|Available#|Age" + WIDE), _deployment),
    "replicasets": (_columns("Name|Desired#|Current#|Ready#|Age" + WIDE), _replica_set),
    "statefulsets": (_columns("Name|Ready|Age|+Containers|+Images"), _stateful_set),
    "daemonsets": (
        _columns("Name|Desired#|Current#|Ready#|Up-to-date#|Available#|Node Selector|Age" + WIDE),
        _daemon_set,
    ),
    "controllerrevisions": (_columns("Name|Controller|Revision#|Age"), _controller_revision),
    "jobs": (_columns("Name|Status|Completions|Duration|Age" + WIDE), _job),
    "cronjobs": (_columns("Name|Schedule|Timezone|Suspend|Active#|Last Schedule|Age" + WIDE), _cron_job),
    "services": (_columns("Name|Type|Cluster-IP|External-IP|Port(s)|Age|+Selector"), _service),
    "events": (_columns("Last Seen|Type|Reason|Object|+Subobject|+Source|Message|+First Seen|+Count|+Name"), _event),
    "namespaces": (_columns("Name|Status|Age"), _namespace),
    "leases": (_columns("Name|Holder|Age"), _lease),
}
FALLBACK = (_columns("Name|Age"), _plain)


def columns(plural: str) -> list[Json]:
    """Return a kind's column definitions."""
    rows, _ = TABLES.get(plural, FALLBACK)
    return [
        {
            "name": name,
            "type": kind,
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": priority,
        }
        for name, kind, priority in rows
    ]


def partial(body: Json) -> Json:
    """Return an object as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": body["metadata"]}


def row(plural: str, item: Item, now: float, include: str) -> Json:
    """Return an object's row; `include` is Metadata, Object or None."""
    _, cells = TABLES.get(plural, FALLBACK)
    body = item.render()
    made: Json = {"cells": cells(item, body, now)}
    if include == "Object":
        made["object"] = body
    elif include != "None":
        made["object"] = partial(body)
    return made
