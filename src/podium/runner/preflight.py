"""Ask each cluster, before a run, whether it would allow it: a warning, never a fence.

SelfSubjectAccessReview may be asked by every authenticated user (ClusterRole system:basic-user). Only an attempt
decides: a review says nothing of admission webhooks, and a webhook authorizer may answer otherwise a moment later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from podium.domain.errors import ClusterError
from podium.domain.rights import Asked, Right, Rights, is_needed
from podium.domain.targets import Target
from podium.runner.fleet import Cluster

AT_ONCE = 8  #: reviews in flight per cluster
PATIENCE = 2.0  #: seconds that a run waits for reviews once its targets are known


@dataclass(frozen=True, slots=True)
class First:
    """What a cluster said while its pods were still being listed, by namespace ("" for all) and right."""

    cluster: Cluster
    rights: tuple[Right, ...]
    answers: Mapping[tuple[str, Right], bool | None]


async def ask_first(cluster: Cluster, rights: tuple[Right, ...], namespaces: Iterable[str] = ()) -> First:
    """Ask of namespaces known by name, else of all at once: whoever may everywhere need not be asked one by one."""
    pairs = [(space, right) for space in (tuple(namespaces) or ("",)) for right in rights]
    answers = await asyncio.gather(*(_may(cluster, right, space) for space, right in pairs))
    return First(cluster, rights, dict(zip(pairs, answers, strict=True)))


async def ask_each(first: First, namespaces: Iterable[str], patience: float | None = PATIENCE) -> Rights:
    """Ask of each namespace what is not allowed in all of them; what is not answered in time is unknown.

    `patience` in seconds, None to wait for every answer. A right that this server's version does not ask for yet is
    no lack.
    """
    name, told = first.cluster.name, first.answers
    wide = [right for right in first.rights if told.get(("", right)) is True]
    pairs = [(space, right) for space in sorted(set(namespaces)) for right in first.rights if right not in wide]
    found = await _in_time(first.cluster, [pair for pair in pairs if pair not in told], patience)
    answers = {**found, **told}
    asked = [Asked(name, space, right, answers.get((space, right))) for space, right in pairs]
    version = await _version(first.cluster) if any(one.allowed is False for one in asked) else ""
    everywhere = tuple(Asked(name, "", right, allowed=True) for right in wide)
    return Rights(everywhere, tuple(one for one in asked if is_needed(one.right, version)))


async def _in_time(
    cluster: Cluster, asked: Sequence[tuple[str, Right]], patience: float | None
) -> dict[tuple[str, Right], bool | None]:
    if not asked:
        return {}
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(space: str, right: Right) -> bool | None:
        async with gate:
            return await _may(cluster, right, space)

    tasks = {pair: asyncio.create_task(ask(*pair)) for pair in asked}
    try:
        await asyncio.wait(tasks.values(), timeout=patience)
    finally:
        for task in tasks.values():
            task.cancel()
    return {pair: task.result() for pair, task in tasks.items() if task.done() and not task.cancelled()}


async def _may(cluster: Cluster, right: Right, namespace: str) -> bool | None:
    try:
        return await cluster.reviews.may(right.verb, right.resource, namespace)
    except ClusterError:
        return None


async def _version(cluster: Cluster) -> str:
    if cluster.about is None:
        return ""
    try:
        return (await cluster.about()).version
    except ClusterError:
        return ""


class Preflight:
    """Asks while the pods are being listed, and again, where it must, once the targets are known.

    `namespaces` gives those of a cluster that are known by name; none: it is asked about all at once.
    """

    def __init__(
        self, clusters: Iterable[Cluster], rights: tuple[Right, ...], namespaces: Callable[[Cluster], Sequence[str]]
    ) -> None:
        self._first = {
            cluster.name: asyncio.create_task(ask_first(cluster, rights, namespaces(cluster)), name="rights")
            for cluster in clusters
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for task in self._first.values():
            task.cancel()

    async def rights(self, targets: Iterable[Target], patience: float | None = PATIENCE) -> Rights:
        """What the clusters say of the targets' namespaces; what takes longer than `patience` seconds is unknown."""
        spaces: dict[str, set[str]] = {}
        for target in targets:
            spaces.setdefault(target.cluster, set()).add(target.namespace)
        asked = [asyncio.create_task(self._of(name, spaces[name], patience)) for name in sorted(spaces)]
        try:
            return sum(await asyncio.gather(*asked), Rights())
        finally:
            for task in asked:
                task.cancel()

    async def _of(self, cluster: str, namespaces: Iterable[str], patience: float | None) -> Rights:
        first = self._first[cluster]
        done, _ = await asyncio.wait({first}, timeout=patience)
        return await ask_each(first.result(), namespaces, patience) if done else Rights()
