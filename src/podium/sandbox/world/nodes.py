"""Make nodes and their leases."""

from dataclasses import replace

from podium.sandbox.world.items import Json, Lease, Now, Plain, stamp
from podium.sandbox.world.names import Names, node_address
from podium.sandbox.world.scenario import Scenario

HEARTBEAT_LOST = 45.0
"""Seconds since a NotReady node was last heard of."""


def make_nodes(scenario: Scenario, count: int, version: str, names: Names, now: float) -> list[Plain]:
    """Return `count` nodes, spread over the scenario's pools by share and over three zones."""
    total = sum(pool.share for pool in scenario.pools)
    nodes: list[Plain] = []
    given = dict.fromkeys((pool.name for pool in scenario.pools), 0)
    for number in range(count):
        # the pool that lags most behind its share gets the next node
        pool = max(scenario.pools, key=lambda one: one.share / total * (number + 1) - given[one.name])
        index = given[pool.name]
        given[pool.name] += 1
        odd = next((one for one in scenario.odd_nodes if one.pool == pool.name and one.index == index), None)
        name = f"node-{number + 1}"
        # a zone must not coincide with a pool, or nobody could tell which of them sets pods apart
        zone = number + number // len(scenario.pools)
        labels = {
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "pool": pool.name,
            "topology.kubernetes.io/zone": f"zone-{zone % 3 + 1}",
            **pool.labels,
        }
        created = now - 40 * 86400
        node = Plain("v1", "Node", "", name, names.uid(), created, labels, {}, _body(number, version))
        nodes.append(with_ready(node, now, ready=odd is None or odd.ready))
    return nodes


def make_leases(nodes: list[Plain], names: Names, clock: Now) -> list[Lease]:
    """Return each node's lease; a node that is not ready stopped renewing a while ago."""
    now = clock()
    return [
        Lease(node.name, names.uid(), node.created, None if is_ready(node) else now - HEARTBEAT_LOST, clock)
        for node in nodes
    ]


def is_ready(node: Plain) -> bool:
    """Tell whether a node's Ready condition is True."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in node.body["status"]["conditions"])


def address_of(node: Plain) -> str:
    """Return a node's internal address."""
    return str(node.body["status"]["addresses"][0]["address"])


def with_ready(node: Plain, now: float, *, ready: bool) -> Plain:
    """Return a node with its conditions and taints as a ready or an unreachable node has them."""
    since = stamp(now - (86400 if ready else HEARTBEAT_LOST))
    conditions = [
        _condition(kind, "False" if ready else "Unknown", f"Kubelet{reason}" if ready else "NodeStatusUnknown", since)
        for kind, reason in (
            ("MemoryPressure", "HasSufficientMemory"),
            ("DiskPressure", "HasNoDiskPressure"),
            ("PIDPressure", "HasSufficientPID"),
        )
    ]
    last = ("True", "KubeletReady") if ready else ("Unknown", "NodeStatusUnknown")
    conditions.append(_condition("Ready", *last, since))
    spec: Json = {"podCIDR": node.body["spec"].get("podCIDR", "10.244.0.0/24")}
    if not ready:
        unreachable = {"key": "node.kubernetes.io/unreachable", "timeAdded": since}
        spec["taints"] = [unreachable | {"effect": "NoSchedule"}, unreachable | {"effect": "NoExecute"}]
    body = {"spec": spec, "status": node.body["status"] | {"conditions": conditions}}
    return replace(node, body=body, selectable={"spec.unschedulable": "false"})


def _condition(kind: str, status: str, reason: str, since: str) -> Json:
    words = "kubelet is posting ready status" if reason == "KubeletReady" else "Kubelet stopped posting node status."
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": since,
        "lastTransitionTime": since,
        "reason": reason,
        "message": words if kind == "Ready" or status == "Unknown" else reason,
    }


def _body(number: int, version: str) -> Json:
    amounts = {"cpu": "16", "ephemeral-storage": "203056560Ki", "memory": "65536000Ki", "pods": "250"}
    status: Json = {
        "capacity": amounts,
        "allocatable": amounts,
        "addresses": [
            {"type": "InternalIP", "address": node_address(number)},
            {"type": "Hostname", "address": f"node-{number + 1}"},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "machineID": f"{number:032x}",
            "systemUUID": f"{number:032x}",
            "bootID": f"{number:032x}",
            "kernelVersion": "6.12.0-sandbox",
            "osImage": "Podium Sandbox",
            "containerRuntimeVersion": "containerd://2.2.0",
            "kubeletVersion": version,
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
        "conditions": [],
    }
    return {"spec": {"podCIDR": f"10.244.{number % 256}.0/24"}, "status": status}
