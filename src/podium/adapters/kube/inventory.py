"""Pods and nodes of one cluster: one paged list where allowed, namespaces one by one where not."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from podium.adapters.kube import related, scopes
from podium.adapters.kube.convert import Pool, node_of, pod_of
from podium.adapters.kube.discovery import identity_of
from podium.adapters.kube.lists import Kind, Listed, Query, Requests, Waits, in_path, is_forbidden, list_all
from podium.adapters.kube.objects import BARE, NODES, PODS, Bare, Item, NodeObject, PodObject
from podium.adapters.kube.related import Related
from podium.adapters.kube.scopes import WHOLE_CLUSTER, Everywhere, OneByOne, Seen
from podium.adapters.kube.together import both, together
from podium.adapters.kube.watch import Watching, follow
from podium.domain.errors import ClusterError
from podium.domain.globs import globs, is_glob
from podium.domain.inventory import Node, Snapshot, Unreached
from podium.ports import Change, Clock, Wanted

AT_ONCE = 16  #: lists of one cluster under way

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Part:
    """What one scope gave: a namespace, or WHOLE_CLUSTER."""

    scope: str
    seen: tuple[Seen, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Reached:
    """What all scopes gave."""

    parts: tuple[Part, ...] = ()
    unreached: tuple[Unreached, ...] = ()
    notes: tuple[str, ...] = field(default=())


class KubeInventory:
    """Fulfils ports.Inventory over plain requests. `note` is told, once each, what costs the user something."""

    def __init__(
        self,
        requests: Requests,
        cluster: str,
        namespace: str,
        *,
        clock: Clock,
        note: Callable[[str], None],
        jitter: Callable[[], float] = random.random,
        endpoint: str = "",
    ) -> None:
        self._requests = requests
        self._cluster = cluster
        self._namespace = namespace
        self._waits = Waits(clock.sleep, jitter)
        self._note = note
        self._endpoint = endpoint
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._watching: tuple[Watching, ...] | None = None

    async def identity(self) -> str:
        """What tells this cluster from others, whatever its context is called (see discovery.identity_of)."""
        return await identity_of(self._requests, self._endpoint)

    async def snapshot(self, wanted: Wanted) -> Snapshot:
        """List what is wanted (see ports.Inventory)."""
        pool = Pool()
        reached, (nodes, node_notes) = await both(self._reach(wanted, pool), self._nodes(wanted.nodes, pool))
        more = await self._related(wanted, [part.scope for part in reached.parts], pool)
        self._watching = tuple(Watching(part.scope, part.version, part.seen) for part in reached.parts if part.seen)
        notes = (*reached.notes, *(node_notes if reached.parts else ()), *more.notes)
        pods = [pod for part in reached.parts for pod, _ in part.seen]
        if not pods and not reached.unreached:
            notes = (*notes, *await self._no_such_namespace(wanted.namespaces))
        return Snapshot(
            pods=related.informed(pods, more),
            nodes={(self._cluster, node.name): node for node in nodes},
            unreached=reached.unreached,
            current_revisions=related.current_revisions(self._cluster, more),
            services={(self._cluster, one.namespace, one.name): one.selector for one in more.services},
            cron_jobs=related.jobs_of_cron_jobs(self._cluster, more),
            notes=notes,
        )

    def changes(self) -> AsyncIterator[Change]:
        """Follow the last snapshot (see ports.Inventory); a RuntimeError before the first one."""
        if self._watching is None:
            raise RuntimeError("changes() before snapshot()")
        return follow(self._requests, self._watching, self._waits, self._note)

    async def _reach(self, wanted: Wanted, pool: Pool) -> Reached:
        kind = _pods(self._cluster, pool)
        queries = scopes.queries_of(wanted)
        patterns = scopes.patterns_of(wanted, self._namespace)
        if wanted.all_namespaces:
            return await self._everywhere(kind, queries, Everywhere(), ("*",))
        names: list[str] | None = None
        notes: tuple[str, ...] = ()
        refused: tuple[Unreached, ...] = ()
        if any(map(is_glob, patterns)):
            try:
                names = await self._namespaces()
            except ClusterError as error:
                refused = tuple(scopes.unreached(self._cluster, one, error) for one in patterns if is_glob(one))
            else:
                notes = tuple(f"no namespace of {self._cluster} matches {one}" for one in _idle(patterns, names))
        match scopes.decide_scope(patterns, names):
            case Everywhere() as scope:
                found = await self._everywhere(kind, queries, scope, tuple(sorted(scope.only or ())))
            case OneByOne(names=chosen):
                found = await self._one_by_one(kind, queries, chosen)
        if not found.parts and refused:
            return Reached((), scopes.collapsed((*refused, *found.unreached), False), found.notes)
        return Reached(found.parts, (*refused, *found.unreached), (*notes, *found.notes))

    async def _everywhere(
        self, kind: Kind[PodObject, Seen], queries: Sequence[Query], scope: Everywhere, patterns: tuple[str, ...]
    ) -> Reached:
        """List the cluster at once; where that is forbidden, what `patterns` name of it."""
        try:
            part = await self._part(kind, queries, WHOLE_CLUSTER)
        except ClusterError as error:
            if not is_forbidden(error):
                return Reached(unreached=(scopes.unreached(self._cluster, WHOLE_CLUSTER, error),))
            return await self._instead(kind, queries, patterns, error)
        if scope.only is not None:
            part = Part(part.scope, tuple(one for one in part.seen if one[0].namespace in scope.only), part.version)
        return Reached((part,))

    async def _instead(
        self, kind: Kind[PodObject, Seen], queries: Sequence[Query], patterns: tuple[str, ...], refusal: ClusterError
    ) -> Reached:
        """List namespaces one by one, as the cluster may not be; the context's own where they are not told either."""
        if "*" not in patterns:
            return await self._one_by_one(kind, queries, patterns)
        try:
            return await self._one_by_one(kind, queries, tuple(await self._namespaces()))
        except ClusterError as error:
            if not is_forbidden(error):
                return Reached(unreached=(scopes.unreached(self._cluster, WHOLE_CLUSTER, error),))
        own = await self._one_by_one(kind, queries, (self._namespace,))
        rest = scopes.unreached(self._cluster, WHOLE_CLUSTER, refusal)
        hint = f"{rest.detail}; namespaces cannot be listed either: name those you may see with -n"
        asked = f" (only {self._namespace} was asked)" if own.parts else ""
        return Reached(own.parts, (Unreached(rest.cluster, "", rest.reason, hint + asked), *own.unreached), own.notes)

    async def _one_by_one(self, kind: Kind[PodObject, Seen], queries: Sequence[Query], names: Sequence[str]) -> Reached:
        async def one(name: str) -> Part | Unreached:
            try:
                return await self._part(kind, queries, name)
            except ClusterError as error:
                return scopes.unreached(self._cluster, name, error)

        found = await together([one(name) for name in names])
        parts = tuple(part for part in found if isinstance(part, Part))
        lacking = [part for part in found if isinstance(part, Unreached)]
        return Reached(parts, scopes.collapsed(lacking, bool(parts)))

    async def _part(self, kind: Kind[PodObject, Seen], queries: Sequence[Query], scope: str) -> Part:
        """All queries of one scope, each pod once as it was last, at the oldest version of the lists."""
        lists = await together([self._list(kind, scope, query) for query in queries])
        version = functools.reduce(scopes.older, (one.version for one in lists))
        return Part(scope, scopes.united([one.items for one in lists]), version)

    async def _list(self, kind: Kind[Item, Value], scope: str, query: Query = ()) -> Listed[Value]:
        async with self._slots:
            return await list_all(self._requests, kind, scope, query, self._waits)

    async def _namespaces(self) -> list[str]:
        kind: Kind[Bare, str] = Kind("/api/v1", "namespaces", BARE, lambda item: item.metadata.name)
        return (await self._list(kind, WHOLE_CLUSTER)).items

    async def _nodes(self, asked: bool, pool: Pool) -> tuple[list[Node], tuple[str, ...]]:
        if not asked:
            return [], ()
        kind: Kind[NodeObject, Node] = Kind("/api/v1", "nodes", NODES, lambda item: node_of(self._cluster, item, pool))
        try:
            return (await self._list(kind, WHOLE_CLUSTER)).items, ()
        except ClusterError as error:
            note = f"{self._cluster}: {error}; so nodes that are not ready, their zones and pools are not told apart"
            return [], (note,)

    async def _related(self, wanted: Wanted, where: Sequence[str], pool: Pool) -> Related:
        kinds = wanted.kinds
        sets, revisions, jobs, services = await asyncio.gather(
            self._beside(related.replica_sets(pool), where if "replicaset" in kinds | wanted.welcome else ()),
            self._beside(related.controller_revisions(pool), where if "replicaset" in kinds else ()),
            self._beside(related.jobs(pool), where if "cronjob" in kinds else ()),
            self._beside(related.services(pool), where if "service" in kinds else ()),
        )
        told = (sets if "replicaset" in kinds else ((), ()), revisions, jobs, services)
        notes = tuple(note for _, notes in told for note in notes)
        return Related(sets[0], revisions[0], jobs[0], services[0], notes)

    async def _beside(self, kind: Kind[Item, Value], where: Sequence[str]) -> tuple[tuple[Value, ...], tuple[str, ...]]:
        """A further kind in all scopes; the first refusal as a note, for it costs knowledge, not targets."""

        async def one(scope: str) -> Listed[Value] | ClusterError:
            try:
                return await self._list(kind, scope)
            except ClusterError as error:
                return error

        found = await together([one(scope) for scope in where])
        refusals = [one for one in found if isinstance(one, ClusterError)]
        items = tuple(item for one in found if isinstance(one, Listed) for item in one.items)
        return items, tuple(f"{self._cluster}: {error}" for error in refusals[:1])

    async def _no_such_namespace(self, names: Sequence[str]) -> tuple[str, ...]:
        """A list of a namespace that does not exist is empty and no error: say so where all that was asked is empty."""

        async def one(name: str) -> str:
            answer = await self._requests.get(f"/api/v1{in_path(name)}")
            return f"namespace {name} does not exist in {self._cluster}" if answer.status == 404 else ""

        try:
            found = await together([one(name) for name in names if not is_glob(name)])
        except ClusterError:
            return ()
        return tuple(note for note in found if note)


def _pods(cluster: str, pool: Pool) -> Kind[PodObject, Seen]:
    return Kind(
        "/api/v1", "pods", PODS, lambda item: (pod_of(cluster, item, pool), pool.text(item.metadata.resource_version))
    )


def _idle(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    return [one for one in patterns if is_glob(one) and not any(name in globs([one]) for name in names)]
