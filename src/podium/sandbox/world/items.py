"""Records that can be listed and watched, and the plain ones among them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

Json = dict[str, Any]


class Item(Protocol):
    """One object of the API; records are replaced, never changed, once they stand in the store."""

    @property
    def namespace(self) -> str:
        """Its namespace, "" for cluster-scoped ones."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def uid(self) -> str:
        """Its UID."""

    @property
    def created(self) -> float:
        """Seconds since 1970."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""

    @property
    def revision(self) -> int:
        """Its resourceVersion."""

    def at_revision(self, revision: int) -> "Item":
        """Return it with another resourceVersion."""

    def fields(self) -> Mapping[str, str]:
        """Return what field selectors can ask for."""

    def render(self) -> Json:
        """Return the whole object."""


def stamp(seconds: float) -> str:
    """Return seconds since 1970 as metav1.Time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(seconds: float) -> str:
    """Return seconds since 1970 as metav1.MicroTime."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def metadata(item: Item, more: Json | None = None) -> Json:
    """Return an object's metadata, further keys in `more`."""
    found: Json = {"name": item.name}
    if item.namespace != "":
        found["namespace"] = item.namespace
    found |= {"uid": item.uid, "resourceVersion": str(item.revision), "creationTimestamp": stamp(item.created)}
    if item.labels:
        found["labels"] = dict(item.labels)
    return found | (more or {})


@dataclass(frozen=True, slots=True)
class Plain:
    """An object kept as the JSON it is; `body` lacks the metadata but what `meta` adds."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    created: float
    labels: Mapping[str, str] = field(default_factory=dict)
    meta: Json = field(default_factory=dict)
    body: Json = field(default_factory=dict)
    selectable: Mapping[str, str] = field(default_factory=dict)
    revision: int = 0

    def at_revision(self, revision: int) -> "Plain":
        """See Item."""
        return Plain(
            self.api_version,
            self.kind,
            self.namespace,
            self.name,
            self.uid,
            self.created,
            self.labels,
            self.meta,
            self.body,
            self.selectable,
            revision,
        )

    def fields(self) -> Mapping[str, str]:
        """See Item."""
        return {"metadata.name": self.name, "metadata.namespace": self.namespace, **self.selectable}

    def render(self) -> Json:
        """See Item."""
        return {"kind": self.kind, "apiVersion": self.api_version, "metadata": metadata(self, self.meta), **self.body}


@dataclass(frozen=True, slots=True)
class Lease:
    """A node's Lease: renewed every ten seconds while the node is well, without a change in the store."""

    name: str
    uid: str
    created: float
    stopped: float | None
    now: "Now"
    revision: int = 0
    namespace: str = "kube-node-lease"

    @property
    def labels(self) -> Mapping[str, str]:
        """See Item."""
        return {}

    def at_revision(self, revision: int) -> "Lease":
        """See Item."""
        return Lease(self.name, self.uid, self.created, self.stopped, self.now, revision, self.namespace)

    def fields(self) -> Mapping[str, str]:
        """See Item."""
        return {"metadata.name": self.name, "metadata.namespace": self.namespace}

    def render(self) -> Json:
        """See Item."""
        renewed = self.stopped if self.stopped is not None else self.now() // 10 * 10
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": micro_stamp(renewed)}
        return {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": metadata(self), "spec": spec}


class Now(Protocol):
    """A clock: seconds since 1970."""

    def __call__(self) -> float:
        """Return the present moment."""
