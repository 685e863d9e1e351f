"""A snapshot: pods and nodes of a fleet at one moment."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class ContainerKind(enum.Enum):
    """Which list of the pod's spec a container stands in."""

    REGULAR = "container"
    INIT = "init"
    SIDECAR = "sidecar"  # an init container with restartPolicy Always (KEP-753)
    EPHEMERAL = "ephemeral"


class ContainerState(enum.Enum):
    """What the kubelet last said of a container; UNKNOWN where it said nothing."""

    RUNNING = "running"
    WAITING = "waiting"
    TERMINATED = "terminated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Container:
    """One container: spec and status together."""

    name: str
    image: str
    kind: ContainerKind = ContainerKind.REGULAR
    state: ContainerState = ContainerState.UNKNOWN
    reason: str = ""  #: why it waits or ended, in the kubelet's word (CrashLoopBackOff, Completed, ...)
    exit_code: int | None = None  #: of the present state, where terminated
    last_reason: str = ""  #: why its previous life ended (OOMKilled, Error, ...)
    last_exit_code: int | None = None
    restarts: int = 0
    ready: bool = False
    container_id: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a pod: its controller, or the workload above that."""

    kind: str  #: as the API spells it: Deployment, StatefulSet, ...
    name: str


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, with what selection, plans and reports ask of it. `created` in seconds since the epoch."""

    cluster: str
    namespace: str
    name: str
    uid: str
    phase: str = "Unknown"
    reason: str = ""  #: status.reason: Evicted, NodeLost, ...
    message: str = ""  #: why it is not scheduled, in the scheduler's words
    node: str = ""
    ip: str = ""
    created: float = 0.0
    terminating: bool = False
    ready: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    default_container: str = ""  #: annotation kubectl.kubernetes.io/default-container
    controller: Owner | None = None  #: the owner with controller: true
    workload: Owner | None = None  #: the Deployment or CronJob above the controller, else the controller
    revision: str = ""  #: deployment.kubernetes.io/revision where known, else a template or controller hash
    containers: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One node."""

    cluster: str
    name: str
    ready: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    kubelet_version: str = ""


class UnreachedReason(enum.Enum):
    """Why a cluster or a namespace was not asked, or did not answer."""

    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    INCOMPLETE = "list incomplete"  # it failed on a later page: never run on half a list


@dataclass(frozen=True, slots=True)
class Unreached:
    """A cluster, or (with `namespace`) one namespace of it, that the snapshot lacks. `detail` in the server's words."""

    cluster: str
    namespace: str
    reason: UnreachedReason
    detail: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Pods and nodes of all clusters of a fleet at one moment, and what could not be asked.

    `current_revisions` maps (cluster, namespace, workload) to the revision it rolls out now.
    `services` and `cron_jobs` are filled only where a selection names one: (cluster, namespace, name) to its label
    selector, and to the names of its jobs.
    """

    pods: tuple[Pod, ...]
    nodes: Mapping[tuple[str, str], Node] = field(default_factory=dict)  #: by (cluster, name); empty where forbidden
    unreached: tuple[Unreached, ...] = ()
    current_revisions: Mapping[tuple[str, str, Owner], str] = field(default_factory=dict)
    services: Mapping[tuple[str, str, str], Mapping[str, str]] = field(default_factory=dict)
    cron_jobs: Mapping[tuple[str, str, str], frozenset[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  #: said once on stderr: what was forbidden and what it costs

    def node_of(self, pod: Pod) -> Node | None:
        """The node a pod runs on, where nodes could be listed."""
        return self.nodes.get((pod.cluster, pod.node))
