"""The parts of Kubernetes objects that we read, and nothing else: JSON into partial structs, structs into values.

Fields and their meaning: k8s.io/api core/v1, apps/v1, batch/v1 and apimachinery meta/v1. Unknown fields are passed
over without being built, which is most of the speed and of the memory. Fields stand in the order in which Go writes
them, for the decoder looks for the next one first.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

Item = TypeVar("Item")


class Partial(msgspec.Struct, gc=False, rename="camel"):
    """A part of an object. Never in a cycle, so the collector need not look at it."""


class OwnerReference(Partial):
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(Partial):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None


class ContainerSpec(Partial):
    name: str
    image: str = ""
    restart_policy: str | None = None


class PodSpec(Partial):
    init_containers: list[ContainerSpec] | None = None
    containers: list[ContainerSpec] | None = None
    ephemeral_containers: list[ContainerSpec] | None = None
    node_name: str = ""


class Running(Partial):
    """Running: we only ask whether it is there."""


class Waiting(Partial):
    reason: str = ""


class Terminated(Partial):
    exit_code: int = 0
    reason: str = ""


class State(Partial):
    running: Running | None = None
    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Partial):
    name: str
    state: State | None = None
    last_state: State | None = None
    ready: bool = False
    restart_count: int = 0
    container_id: str = msgspec.field(default="", name="containerID")


class Condition(Partial):
    type: str
    status: str = ""
    message: str = ""


class PodStatus(Partial):
    phase: str = ""
    conditions: list[Condition] | None = None
    reason: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    init_container_statuses: list[ContainerStatus] | None = None
    container_statuses: list[ContainerStatus] | None = None
    ephemeral_container_statuses: list[ContainerStatus] | None = None


class PodObject(Partial):
    metadata: Metadata
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class Taint(Partial):
    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(Partial):
    taints: list[Taint] | None = None


class NodeSystem(Partial):
    kubelet_version: str = ""


class NodeStatus(Partial):
    conditions: list[Condition] | None = None
    node_info: NodeSystem = msgspec.field(default_factory=NodeSystem)


class NodeObject(Partial):
    metadata: Metadata
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)


class Bare(Partial):
    """An object of which the metadata is enough: Namespace, ReplicaSet, Job."""

    metadata: Metadata


class Revision(Partial):
    """A ControllerRevision: the template history of StatefulSets and DaemonSets."""

    metadata: Metadata
    revision: int = 0


class ServiceSpec(Partial):
    selector: dict[str, str] | None = None


class ServiceObject(Partial):
    metadata: Metadata
    spec: ServiceSpec = msgspec.field(default_factory=ServiceSpec)


class ListMeta(Partial):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Page(Partial, Generic[Item]):
    """One page of a list."""

    kind: str = ""
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    items: list[Item] | None = None


class StatusDetails(Partial):
    retry_after_seconds: int = 0


class StatusObject(Partial):
    """What the API server answers instead of an object: a refusal in its own words."""

    kind: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: StatusDetails | None = None


class WatchEvent(Partial):
    """One line of a watch. `object` is read by `type`."""

    type: str
    object: msgspec.Raw


PODS = msgspec.json.Decoder(Page[PodObject])
NODES = msgspec.json.Decoder(Page[NodeObject])
BARE = msgspec.json.Decoder(Page[Bare])
REVISIONS = msgspec.json.Decoder(Page[Revision])
SERVICES = msgspec.json.Decoder(Page[ServiceObject])
ONE_BARE = msgspec.json.Decoder(Bare)
ONE_POD = msgspec.json.Decoder(PodObject)
STATUS = msgspec.json.Decoder(StatusObject)
WATCH_EVENT = msgspec.json.Decoder(WatchEvent)


@contextmanager
def collection_paused() -> Iterator[None]:
    """Hold the garbage collector back while many values that are in no cycle are built."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
