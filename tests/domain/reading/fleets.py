"""Fabricated fleets and their ends, for the tests of reading."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from podium.domain.events import Answer, Finished, Stream
from podium.domain.outcomes import Outcome, Proof, Succeeded
from podium.domain.targets import Target

GOOD = Succeeded(Proof.RUNTIME)


@dataclass
class Shelf:
    """Bytes by their digest, as Blobs keeps them."""

    kept: dict[bytes, bytes] = field(default_factory=dict)
    reads: int = 0

    def put(self, data: bytes, size: int | None = None) -> Stream:
        """Keep bytes; `size` above their number plays an answer that was cut."""
        whole = len(data) if size is None else size
        digest = hashlib.sha256(data + b"%d" % whole).digest() if data or whole else hashlib.sha256().digest()
        self.kept[digest] = data
        return Stream(digest, whole, len(data))

    def read(self, stream: Stream, limit: int | None = None) -> bytes:
        """As Blobs.read."""
        self.reads += 1
        data = self.kept[stream.digest]
        return data if limit is None else data[:limit]


def target(pod: str = "web-0", namespace: str = "shop", cluster: str = "prod-eu", node: str = "n1") -> Target:
    return Target(cluster, namespace, pod, "app", uid=f"uid-{cluster}-{namespace}-{pod}", node=node)


def end(
    shelf: Shelf, where: Target, stdout: bytes = b"", stderr: bytes = b"", outcome: Outcome = GOOD, seconds: float = 0.5
) -> Finished:
    answer = Answer(shelf.put(stdout), shelf.put(stderr))
    return Finished(where, 1, outcome, answer, seconds=seconds, at=1_760_000_000.0)


def by_target(ends: Iterable[Finished]) -> Mapping[Target, Finished]:
    return {each.target: each for each in ends}
