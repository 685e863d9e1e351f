"""A sample by seed: the same seed chooses the same targets, whatever else is there and in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

from podium.domain.selection import Picked, Sample, SamplePer


def sample_of(picked: Sequence[Picked], sample: Sample) -> frozenset[int]:
    """The places in `picked` of those chosen: `size` of all, or of each workload, image or node.

    Each target's rank hangs on the seed and its own name alone: where others come or go, those that stay keep their
    order among themselves.
    """
    groups: dict[Hashable, list[tuple[bytes, int]]] = {}
    for place, one in enumerate(picked):
        groups.setdefault(_group(one, sample.per), []).append((_rank(one, sample.seed), place))
    return frozenset(place for ranks in groups.values() for _, place in sorted(ranks)[: sample.size])


def _rank(one: Picked, seed: int) -> bytes:
    target = one.target
    name = f"{seed}\0{target.cluster}\0{target.namespace}\0{target.pod}\0{target.container}"
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=12).digest()


def _group(one: Picked, per: SamplePer) -> Hashable:
    pod = one.pod
    match per:
        case SamplePer.ALL:
            return None
        case SamplePer.WORKLOAD:
            owner = pod.workload or pod.controller
            return (pod.cluster, pod.namespace, owner or pod.name)
        case SamplePer.IMAGE:
            return next((c.image for c in pod.containers if c.name == one.target.container), "")
        case SamplePer.NODE:
            return (pod.cluster, pod.node)
