"""What a cluster can be asked and told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from podium.domain.admission import Admission
from podium.domain.commands import Command
from podium.domain.events import Channel
from podium.domain.inventory import Snapshot
from podium.domain.outcomes import Outcome, Why
from podium.domain.targets import Target


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a snapshot should hold.

    `namespaces`: names or globs; empty is the context's own namespace; `all_namespaces` wins.
    `label_selectors` and `field_selectors` unite within one kind and may be left to the server; the caller filters
    again by label. `kinds`: further kinds a selection needs, lower case singular: service, cronjob, replicaset.
    `welcome`: kinds that only help to explain; where they are refused nothing is said.
    """

    namespaces: tuple[str, ...] = ()
    all_namespaces: bool = False
    label_selectors: tuple[str, ...] = ()
    field_selectors: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    welcome: frozenset[str] = frozenset()
    nodes: bool = True


class Inventory(Protocol):
    """Pods and nodes of one cluster."""

    async def snapshot(self, wanted: Wanted) -> Snapshot:
        """List what is wanted, whole or not at all per namespace.

        What could not be asked stands in `Snapshot.unreached`; raises UsageError, in the server's words, where it
        refuses a selector.
        """
        ...

    def changes(self) -> AsyncIterator[Change]:
        """Follow the snapshot: yield each change of a pod from its resourceVersion on, without a gap, until closed."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """A pod of the snapshot changed: deleted, or its containers as they are now (name -> container id, running)."""

    uid: str
    deleted: bool
    containers: Mapping[str, tuple[str, bool]]


class Reviews(Protocol):
    """Ask a cluster who we are and what we may do."""

    async def who_am_i(self) -> str:
        """The cluster's own name for us (SelfSubjectReview); raises ClusterError."""
        ...

    async def may(self, verb: str, resource: str, namespace: str) -> bool | None:
        """Whether we may `verb` the `resource` (`pods/exec`) in `namespace`, "" for all; None when it will not say."""
        ...


class Flow(Protocol):
    """A source of bytes that can be held back."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Output(Protocol):
    """Where a target's bytes go as they come."""

    def attach(self, flow: Flow) -> None:
        """Take hold of the source before its first byte: it may be paused and resumed from then on."""
        ...

    def reach(self) -> None:
        """The target's node has answered: a stream may stand before that, when somebody translates it on the way."""
        ...

    def write(self, channel: Channel, data: memoryview) -> None:
        """Take bytes; they are only valid during the call."""
        ...

    def learn(self, why: Why) -> None:
        """Take notice of what would explain a timeout, should one come."""
        ...


class Exec(Protocol):
    """Run commands in targets of one cluster."""

    async def exec(self, admission: Admission, target: Target, command: Command, output: Output) -> Outcome:
        """Run `command` in `target` once and say how it ended. What the target did is the Outcome; only bugs raise.

        Raises AdmissionError for a target or command outside the admission. When cancelled, closes its connection.
        """
        ...
