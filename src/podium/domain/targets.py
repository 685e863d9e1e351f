"""What a command can run in."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One container of one pod: the smallest thing a command can run in.

    `cluster` is the name of the context the pod was found through. `uid` and `node` are those of
    the snapshot, so that a pod of the same name made later is another target.
    """

    cluster: str
    namespace: str
    pod: str
    container: str
    uid: str = ""
    node: str = ""

    def __str__(self) -> str:
        return format_id(self)


def format_id(target: Target) -> str:
    """Write a target as CLUSTER/NAMESPACE/POD/CONTAINER, each part percent-encoded so that it parses back."""
    return "/".join(
        quote(part, safe="@:+=,") for part in (target.cluster, target.namespace, target.pod, target.container)
    )


def parse_id(text: str) -> Target:
    """Read what `format_id` wrote; raises ValueError for anything else. The uid and the node stay empty."""
    parts = text.split("/")
    if len(parts) != 4 or not all(parts):
        raise ValueError(f"not a target: {text!r} (expected CLUSTER/NAMESPACE/POD/CONTAINER)")
    return Target(*(unquote(part) for part in parts))
