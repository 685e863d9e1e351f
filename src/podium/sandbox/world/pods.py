"""Pods as compact records: what many share stands once in a template, JSON is made on demand."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from podium.sandbox.world.items import Json


class State(Enum):
    """What a pod's first container does, in kubectl's words."""

    RUNNING = "Running"
    NOT_READY = "NotReady"
    CRASH_LOOP = "CrashLoopBackOff"
    IMAGE_PULL = "ImagePullBackOff"
    PENDING = "Pending"
    CREATING = "ContainerCreating"
    INIT = "Init"
    COMPLETED = "Completed"
    ERROR = "Error"
    EVICTED = "Evicted"

    @property
    def runs(self) -> bool:
        """Tell whether the container's processes run."""
        return self in (State.RUNNING, State.NOT_READY)


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container of a template."""

    name: str
    image: str
    port: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller of a pod."""

    api_version: str
    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with some pods, and what they log; shared by all pods of one oddity."""

    state: State = State.RUNNING
    exit_code: int = 1
    reason: str = "Error"
    message: str = ""
    log: tuple[str, ...] | None = None
    answers: Mapping[str, "Answers"] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProgramAnswer:
    """What a scenario's program answers to these arguments; None answers to all."""

    args: tuple[str, ...] | None
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    seconds: float = 0.0


Answers = tuple[ProgramAnswer, ...]
WELL = Trouble()


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """What all pods of one revision of a workload share."""

    namespace: str
    labels: Mapping[str, str]
    containers: tuple[ContainerSpec, ...]
    init_containers: tuple[ContainerSpec, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    owner: Owner | None = None
    workload: str = ""
    rollout: int = 1
    restart_policy: str = "Always"
    service_account: str = "default"
    node_selector: Mapping[str, str] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    log_seconds: float = 5.0
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod."""

    template: PodTemplate
    name: str
    uid: str
    created: float
    node: str
    address: str
    node_address: str
    trouble: Trouble = WELL
    restarts: int = 0
    restarted: float | None = None
    deleted: float | None = None
    finished: float | None = None
    node_lost: bool = False
    own_labels: Mapping[str, str] | None = None
    revision: int = 0

    @property
    def namespace(self) -> str:
        """See Item."""
        return self.template.namespace

    @property
    def labels(self) -> Mapping[str, str]:
        """See Item."""
        return self.template.labels if self.own_labels is None else self.own_labels

    @property
    def started(self) -> float:
        """When the present life of the containers began."""
        return self.created + 2 if self.restarted is None else self.restarted

    @property
    def phase(self) -> str:
        """Return status.phase."""
        match self.trouble.state:
            case State.PENDING | State.CREATING | State.IMAGE_PULL | State.INIT:
                return "Pending"
            case State.COMPLETED:
                return "Succeeded"
            case State.ERROR | State.EVICTED:
                return "Failed"
            case _:
                return "Running"

    def at_revision(self, revision: int) -> "Pod":
        """See Item."""
        return replace(self, revision=revision)

    def runs(self, container: str) -> bool:
        """Tell whether a container has processes; sidecars run beside a first container that crash-loops."""
        first = self.template.containers[0].name
        if container == first or self.trouble.state is not State.CRASH_LOOP:
            return self.trouble.state.runs and container in {spec.name for spec in self.template.containers}
        return True

    def container_id(self, container: str, restarts: int | None = None) -> str:
        """Return the runtime's id (64 hex digits) of a container's life."""
        life = self.restarts if restarts is None else restarts
        return hashlib.sha256(f"{self.uid}/{container}/{life}".encode()).hexdigest()

    def fields(self) -> Mapping[str, str]:
        """See Item."""
        address = "" if self.phase == "Pending" else self.address
        return {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "spec.nodeName": self.node,
            "spec.restartPolicy": self.template.restart_policy,
            "spec.schedulerName": "default-scheduler",
            "spec.serviceAccountName": self.template.service_account,
            "spec.hostNetwork": "false",
            "status.phase": self.phase,
            "status.podIP": address,
            "status.podIPs": address,
            "status.nominatedNodeName": "",
        }

    def render(self) -> Json:
        """See Item."""
        # the renderer knows the record, the record must not know the renderer's imports
        from podium.sandbox.world.pod_json import render_pod

        return render_pod(self)
