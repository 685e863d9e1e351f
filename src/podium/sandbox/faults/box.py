"""Hold the planted faults and tell which of them strike."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from podium.sandbox.faults.grammar import Fault, Kind, parse


@dataclass(slots=True)
class Planted:
    """A fault in the box, with what is left of its count and how often it struck."""

    name: str
    fault: Fault
    left: int | None
    struck: int = 0


@dataclass(slots=True)
class FaultBox:
    """The faults of one sandbox."""

    planted: dict[str, Planted] = field(default_factory=dict)
    made: int = 0

    def plant(self, spec: str | Fault) -> str:
        """Plant a fault and return its id. Raises FaultError."""
        fault = parse(spec) if isinstance(spec, str) else spec
        self.made += 1
        name = f"f{self.made}"
        self.planted[name] = Planted(name, fault, fault.count)
        return name

    def clear(self, name: str | None = None) -> bool:
        """Take one fault, or all, away; False when there was none of that id."""
        if name is None:
            self.planted.clear()
            return True
        return self.planted.pop(name, None) is not None

    def strikes(self, kinds: Iterable[Kind], facts: Mapping[str, str], *, page: int | None = None) -> Fault | None:
        """Return the first fault of these kinds that meets the facts, and count the stroke."""
        wanted = frozenset(kinds)
        for one in list(self.planted.values()):
            if one.fault.kind in wanted and one.left != 0 and _meets(one, facts, page):
                one.left = None if one.left is None else one.left - 1
                one.struck += 1
                return one.fault
        return None

    def all_strikes(self, kinds: Iterable[Kind], facts: Mapping[str, str]) -> list[Fault]:
        """Return every fault of these kinds that meets the facts, the first of each kind."""
        found = [self.strikes((kind,), facts) for kind in kinds]
        return [fault for fault in found if fault is not None]

    def has(self, *kinds: Kind) -> bool:
        """Tell whether a fault of these kinds is planted at all."""
        return any(one.fault.kind in kinds and one.left != 0 for one in self.planted.values())


def _meets(one: Planted, facts: Mapping[str, str], page: int | None) -> bool:
    fault = one.fault
    if any(not fnmatchcase(facts.get(key, ""), glob) for key, glob in fault.globs.items()):
        return False
    if fault.on not in ("", "all", facts.get("on", "")):
        return False
    if fault.page is not None and fault.page != page:
        return False
    if fault.share >= 1:
        return True
    # the same pods are struck at every try
    seed = f"{one.name}/{facts.get('namespace', '')}/{facts.get('pod', '')}".encode()
    return int.from_bytes(hashlib.sha256(seed).digest()[:4], "big") / 2**32 < fault.share
