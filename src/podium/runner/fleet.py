"""What features work with: the clusters of one identity, made by bootstrap, closed with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from podium.domain.inventory import Unreached
from podium.ports import AuditTrail, Blobs, Clock, Exec, Inventory, Journals, Reviews, Runs
from podium.runner.gate import Actor


@dataclass(frozen=True, slots=True)
class About:
    """What a cluster says of itself. `skew` in seconds, positive where its clock is ahead, None where it is untold."""

    version: str
    skew: float | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """One reached cluster. `name` is its context; `identity` tells clusters apart (UID of kube-system)."""

    name: str
    server: str
    namespace: str
    identity: str
    inventory: Inventory
    exec: Exec
    reviews: Reviews
    about: Callable[[], Awaitable[About]] | None = None  #: raises ClusterError


@dataclass(frozen=True, slots=True)
class Fleet:
    """All clusters of one connection, and those that could not be reached."""

    clusters: tuple[Cluster, ...]
    unreached: tuple[Unreached, ...]
    clock: Clock
    blobs: Blobs
    journals: Journals
    trail: AuditTrail
    actor: Actor  #: who acts, as far as is known here; the cluster's name for us joins per run
    new_run: Callable[[], str]  #: the name of the next run
    runs: Runs  #: that are kept

    def cluster(self, name: str) -> Cluster:
        """The cluster of that name; raises KeyError."""
        for cluster in self.clusters:
            if cluster.name == name:
                return cluster
        raise KeyError(name)
