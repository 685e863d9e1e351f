"""Faults to plant: nodes stopped or cut off, connections cut, API servers restarted, etcd compacted."""

import base64
import re
import signal
from dataclasses import dataclass
from enum import Enum

from . import api, control, lifecycle, network, nodes, processes
from .failure import RigError
from .topology import HOLLOW_PORT, KUBELET_PORT, STREAM_PORT, Cluster, Layout, Node, find_cluster, find_node


class Leg(Enum):
    """A leg of the way from the API server to a container."""

    KUBELET = "kubelet"
    RUNTIME = "runtime"


@dataclass(frozen=True, slots=True)
class Connection:
    """An established TCP connection as `ss` shows it: `address:port` of both ends."""

    local: str
    peer: str

    @property
    def port(self) -> int:
        """Give the local port."""
        return int(self.local.rpartition(":")[2])

    def __str__(self) -> str:
        """Write the connection with an arrow."""
        return f"{self.local} -> {self.peer}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the dialling ends of a leg's connections are: a namespace and a filter for `ss`."""

    node: Node | None
    conditions: tuple[str, ...]

    def command(self, *options: str) -> list[str]:
        """Build the `ss` command that shows (or kills, with -K) these connections."""
        argv = ["ss", "-H", "-t", "-n", *options, "state", "established", *self.conditions]
        return argv if self.node is None else processes.in_netns(self.node, argv)


def place_of(target: str, leg: Leg) -> Place:
    """Find the connections of a target: a node (its kubelet or runtime), a cluster (its clients), or `hollow`."""
    if target == "hollow":
        return Place(None, ("dst", "127.0.0.1", "dport", "=", f":{HOLLOW_PORT}"))
    if target.startswith(("a-", "b-")):
        node = find_node(target)
        if leg is Leg.RUNTIME:
            return Place(node, ("dport", "=", f":{STREAM_PORT}"))
        return Place(None, ("dst", node.address, "dport", "=", f":{KUBELET_PORT}"))
    cluster = find_cluster(target)
    return Place(None, ("dport", "=", f":{cluster.port}"))


def connections(place: Place) -> list[Connection]:
    """List the established connections of a leg, seen from the end that dialled."""
    found = []
    for line in processes.run(place.command()).splitlines():
        fields = line.split()
        ends = [field for field in fields if re.search(r":\d+$", field)]
        if len(ends) == 2:
            found.append(Connection(ends[0], ends[1]))
    return found


def cut(place: Place, port: int | None, *, everything: bool) -> list[Connection]:
    """Cut connections with RST and prove that they are gone; several matches need `port` or `everything`.

    `ss -K` exits with 0 whether it cut anything or not, so the list before and after is compared.
    """
    before = connections(place)
    chosen = [one for one in before if everything or port is None or one.port == port]
    if not chosen:
        raise RigError("no established connection matches; nothing was cut")
    if len(chosen) > 1 and not everything:
        listed = "; ".join(str(one) for one in chosen)
        raise RigError(f"{len(chosen)} connections match, choose with --port PORT or --all: {listed}")
    for one in chosen:
        exact = Place(place.node, (*place.conditions, "sport", "=", f":{one.port}"))
        processes.run(exact.command("-K"))
    left = [one for one in connections(place) if one in chosen]
    if left:
        raise RigError(f"ss -K had no effect on {left[0]} (does this kernel have CONFIG_INET_DIAG_DESTROY?)")
    return chosen


def stop_node(layout: Layout, node: Node) -> str:
    """Stop the kubelet of a node."""
    record = processes.find(layout, nodes.kubelet_name(node))
    if record is None or not processes.is_alive(record):
        return f"the kubelet of {node.name} was stopped already"
    processes.stop(layout, [record], 10.0)
    return f"the kubelet of {node.name} is stopped; its containers go on"


def start_node(layout: Layout, node: Node) -> str:
    """Start the kubelet of a node and wait until the node is Ready."""
    record = processes.find(layout, nodes.kubelet_name(node))
    if record is None or not processes.is_alive(record):
        nodes.start_kubelet(layout, lifecycle.programs_in_use(layout), node)
    await_node(layout, node)
    return f"{node.name} is Ready"


def await_node(layout: Layout, node: Node) -> None:
    """Wait until a node is Ready and its kubelet answers the API server; raise RigError when it is not in time."""
    answers = f"/api/v1/nodes/{node.name}/proxy/healthz"

    def is_back() -> bool:
        # Ready alone may be what the API server remembers from before.
        ready = api.ready_nodes(layout, node.cluster).get(node.name, False)
        return ready and api.exists(layout, node.cluster, answers)

    if not processes.wait_until(is_back, 60.0, 0.2):
        name = nodes.kubelet_name(node)
        raise RigError(f"{node.name} did not get Ready: {processes.last_lines(layout, name)}")


def heal(layout: Layout, node: Node) -> str:
    """Join a node again that was cut off, and wait until it is Ready."""
    network.heal(node)
    await_node(layout, node)
    return f"{node.name} is joined again and Ready"


def restart_apiserver(layout: Layout, cluster: Cluster, number: signal.Signals) -> str:
    """End the API server (TERM, then KILL after 5 s; or KILL at once), start it and wait until it is ready."""
    record = processes.find(layout, control.apiserver_name(cluster))
    if record is not None:
        processes.send(record, number)
        processes.stop(layout, [record], 5.0)
    control.start_apiserver(layout, lifecycle.programs_in_use(layout), cluster)
    control.await_apiserver(layout, cluster)
    return f"the API server of {cluster.context} was restarted and is ready"


def compact(layout: Layout, cluster: Cluster) -> str:
    """Compact etcd up to now and tell the API servers, as their own compactor does every 5 minutes.

    Returns once an exact list of pods at the version before is answered with 410 (API servers page from cached
    snapshots and drop them within 5 s). Both clusters share one etcd, so both forget. Watch caches keep recent
    events: only an API server started afterwards answers 410 to a watch from an old version.
    Source: apiserver storage/etcd3/compact.go and storage/cacher/compactor.go.
    """
    seen = int(api.ask(layout, cluster, "GET", "/api/v1/pods?limit=1").body["metadata"]["resourceVersion"])
    key = base64.b64encode(b"compact_rev_key").decode()
    for _ in range(2):  # a compaction at revision R keeps R: write once to have a later one, once to announce it
        now = int(control.ask_etcd("/v3/kv/range", {"key": key})["header"]["revision"])
        value = base64.b64encode(str(now).encode()).decode()
        control.ask_etcd("/v3/kv/put", {"key": key, "value": value})
    control.ask_etcd("/v3/kv/compaction", {"revision": str(now), "physical": True})
    old = f"/api/v1/pods?limit=1&resourceVersion={seen}&resourceVersionMatch=Exact"
    if not processes.wait_until(lambda: api.ask(layout, cluster, "GET", old).status == 410, 20.0, 0.2):
        raise RigError(f"the API server of {cluster.context} still lists revision {seen} after the compaction")
    return f"etcd is compacted up to revision {now} ({cluster.context} and all others on it)"
