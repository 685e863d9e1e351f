"""What stands where: clusters, nodes, addresses, ports. Pure values."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

DEFAULT_VERSION = "1.36.3"
BRIDGE = "pdm-rig0"
HOST_ADDRESS = "10.213.0.1"
BRIDGE_NETWORK = "10.213.0.0/24"
ETCD_PORT = 22379
ETCD_PEER_PORT = 22380
KUBELET_PORT = 10250
STREAM_PORT = 10010
HOLLOW_PORT = 27250
DEFAULT_HOME = "/var/tmp/podium-rig"


class ClusterName(Enum):
    """A cluster of the rig; the context is `rig-` plus the value."""

    A = "a"
    B = "b"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One control plane: its own API server, CA and etcd prefix."""

    name: ClusterName
    port: int
    service_range: str
    feature_gates: str

    @property
    def context(self) -> str:
        """Name the kubeconfig context of this cluster."""
        return f"rig-{self.name.value}"

    @property
    def local_url(self) -> str:
        """Give the address that clients on this machine use."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def node_url(self) -> str:
        """Give the address that reaches the API server from a node's network namespace."""
        return f"https://{HOST_ADDRESS}:{self.port}"


@dataclass(frozen=True, slots=True)
class Node:
    """One node: a network namespace with a containerd and a kubelet of its own."""

    name: str
    cluster: Cluster
    address: str
    pod_range: str

    @property
    def netns(self) -> str:
        """Name the network namespace of the node."""
        return f"podium-rig-{self.name}"

    @property
    def link(self) -> str:
        """Name the host's end of the node's veth (15 characters at most)."""
        return f"pdm-{self.name}"


OLD_WIRE = "ExtendWebSocketsToKubelet=false,AuthorizePodWebsocketUpgradeCreatePermission=false"
CLUSTER_A = Cluster(ClusterName.A, 26443, "10.215.0.0/24", "")
CLUSTER_B = Cluster(ClusterName.B, 26444, "10.215.1.0/24", OLD_WIRE)
CLUSTERS = (CLUSTER_A, CLUSTER_B)
NODES = (
    Node("a-n1", CLUSTER_A, "10.213.0.11", "10.214.0.0/23"),
    Node("a-n2", CLUSTER_A, "10.213.0.12", "10.214.2.0/23"),
    Node("b-n1", CLUSTER_B, "10.213.0.21", "10.214.4.0/23"),
)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of Kubernetes, without the leading v."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        """Write the version as Kubernetes does, without the v."""
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def staging(self) -> str:
        """Give the version of the staging modules, which start at v0."""
        return f"v0.{self.minor}.{self.patch}"


def parse_version(text: str) -> Version:
    """Read `1.36.3` or `v1.36.3`; raise ValueError for anything else."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text)
    if found is None:
        raise ValueError(f"not a Kubernetes version: {text!r} (write it like {DEFAULT_VERSION})")
    return Version(int(found[1]), int(found[2]), int(found[3]))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything lies: the rig's home, the cache of built programs, the repository."""

    home: Path
    cache: Path
    repository: Path

    @property
    def sources(self) -> Path:
        """Give the folder with go.mod and the rig's own programs."""
        return self.repository / "tests" / "cluster" / "rig"

    @property
    def kubeconfig(self) -> Path:
        """Give the merged kubeconfig with one context for each cluster."""
        return self.home / "kubeconfig"

    @property
    def bin(self) -> Path:
        """Give the folder with links to the programs that a developer wants on PATH."""
        return self.home / "bin"

    @property
    def network(self) -> str:
        """Name the pods' network: one a home, because CNI caches results by that name in a folder of the machine."""
        if str(self.home) == DEFAULT_HOME:
            return "podium-rig"
        return "podium-rig-" + hashlib.sha256(str(self.home).encode()).hexdigest()[:8]

    @property
    def records(self) -> Path:
        """Give the folder with one file for each process started."""
        return self.home / "processes"

    @property
    def logs(self) -> Path:
        """Give the folder with one log for each process."""
        return self.home / "logs"

    def pki(self, cluster: Cluster) -> Path:
        """Give the folder with the keys and certificates of one cluster."""
        return self.home / "pki" / cluster.name.value

    def audit_log(self, cluster: Cluster) -> Path:
        """Give the audit log of one API server (JSON lines)."""
        return self.home / "audit" / f"{cluster.name.value}.log"

    def node(self, node: Node) -> Path:
        """Give the folder of one node."""
        return self.home / "nodes" / node.name

    def containerd_socket(self, node: Node) -> Path:
        """Give the socket of the node's containerd."""
        return self.node(node) / "containerd.sock"


def layout_from(environment: Mapping[str, str], repository: Path) -> Layout:
    """Take the folders from PODIUM_RIG_HOME and PODIUM_RIG_CACHE, or their defaults."""
    home = environment.get("PODIUM_RIG_HOME") or DEFAULT_HOME
    user_cache = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME") or "/root") / ".cache")
    cache = environment.get("PODIUM_RIG_CACHE") or str(Path(user_cache) / "podium-rig")
    return Layout(Path(home).resolve(), Path(cache).resolve(), repository)


def find_node(name: str) -> Node:
    """Find a node by name; raise ValueError that lists the names there are."""
    for node in NODES:
        if node.name == name:
            return node
    raise ValueError(f"no node {name!r} in the rig; there are {', '.join(n.name for n in NODES)}")


def find_cluster(name: str) -> Cluster:
    """Find a cluster by `a`, `b` or its context; raise ValueError that lists the names there are."""
    for cluster in CLUSTERS:
        if name.lower() in (cluster.name.value, cluster.context):
            return cluster
    raise ValueError(f"no cluster {name!r} in the rig; there are a (rig-a) and b (rig-b)")
