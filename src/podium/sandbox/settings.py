"""What a sandbox is asked to be."""

from dataclasses import dataclass, field
from enum import Enum


class ExecWire(Enum):
    """Who translates v5 exec streams: the API server (Kubernetes <= 1.35) or the kubelet (1.36 and later)."""

    BY_VERSION = "by-version"
    TRANSLATED = "translated"
    KUBELET = "kubelet"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a user may do: Kubernetes RBAC words, "*" for all; no namespaces means the whole cluster."""

    verbs: tuple[str, ...]
    resources: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    groups: tuple[str, ...] = ("*",)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """A user with a bearer token and limited rights."""

    name: str
    token: str = field(repr=False)
    rules: tuple[Rule, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """All that `serve` needs: `scenario` is a name or a file; `port` 0 takes a free one; equal seeds, equal fleets."""

    pods: int = 60
    node_count: int = 6
    scenario: str = "default"
    faults: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 0
    seed: int | None = None
    version: str = "v1.36.3"
    exec_wire: ExecWire = ExecWire.BY_VERSION
    users: tuple[User, ...] = ()
    file_cap: int = 16 << 20
    """Bytes the private files of one container may have."""
    watch_window: int = 5000
    """Changes kept for watches; older resourceVersions get 410."""
    bookmark_seconds: float = 30.0
    continue_seconds: float = 300.0
    """How long a continue token stays good."""
    stdin_wedges: bool = True
    """Whether stdin beyond the buffers, to a command that ends without reading it, holds the Status for ever."""
    dial_timeout: float = 30.0
    """Seconds until a dial to a node that does not answer fails."""
