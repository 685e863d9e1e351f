"""Equal ends as one group: the same outcome, exit code, reason, stdout and stderr."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from podium.domain.events import Finished, Stream
from podium.domain.folding import natural
from podium.domain.outcomes import (
    NAMES,
    Cancelled,
    Failed,
    Outcome,
    Skipped,
    Succeeded,
    TimedOut,
    is_bad,
    name_of,
    reason_of,
)
from podium.domain.targets import Target

#: Above this many groups a screen says so when normalising would help.
MANY_GROUPS = 20
_MOST_LOOKED_AT = 16 * 1024 * 1024

Normalise = Callable[[Target, Stream], bytes]  #: gives what stands for a stream when groups are compared
Section = Callable[[Target], str]  #: gives the value of the key that `--group-by` splits by


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What the members of a group have in common. `why` and `stopped` are "" where the outcome has none."""

    section: str
    outcome: str  #: as in outcomes.NAMES
    exit_code: int
    why: str
    stopped: str
    stdout: bytes
    stderr: bytes

    def is_alike(self, other: GroupKey) -> bool:
        """Whether they differ in nothing but their section."""
        return replace(self, section=other.section) == other


@dataclass(frozen=True, slots=True)
class Group:
    """Ends that are equal, ordered by target; never empty."""

    key: GroupKey
    ends: tuple[Finished, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """Who ended so."""
        return tuple(end.target for end in self.ends)

    @property
    def outcome(self) -> Outcome:
        """How the first one ended; the others differ at most in detail and proof."""
        return self.ends[0].outcome

    @property
    def is_good(self) -> bool:
        """Whether it is a success."""
        return isinstance(self.outcome, Succeeded)


def group_ends(
    ends: Mapping[Target, Finished], normalise: Normalise | None = None, section: Section | None = None
) -> tuple[Group, ...]:
    """Group ends: sections by size, in each successes first, then the bad, then the never run; the biggest first.

    Every target is in exactly one group. With `normalise` answers are equal when what it makes of both streams is.
    """
    members: dict[GroupKey, list[Finished]] = {}
    for target, end in ends.items():
        key = _key_of(end, section(target) if section else "")
        members.setdefault(key, []).append(end)
    if normalise is not None:
        members = _merged(members, normalise)
    groups = [Group(key, tuple(sorted(found, key=lambda end: end.target))) for key, found in members.items()]
    return _ordered(groups)


def majority_of(groups: Sequence[Group]) -> Group | None:
    """The group that the others are compared with: the largest that succeeded, else the largest."""
    if not groups:
        return None
    return max(groups, key=lambda group: (group.is_good, len(group.ends)))


def would_fold(groups: Sequence[Group], normalise: Normalise) -> int | None:
    """How many groups `normalise` would leave, when there are more than 20 and it at least halves them; else None.

    It looks at the first member of each group, and not at all where that is more than 16 MiB.
    """
    answers = [group.ends[0].answer for group in groups]
    if (
        len(groups) <= MANY_GROUPS
        or sum(answer.stdout.kept + answer.stderr.kept for answer in answers) > _MOST_LOOKED_AT
    ):
        return None
    left: set[GroupKey] = set()
    for group in groups:
        left.add(_normal_key(group.key, group.ends[0], normalise))
        if 2 * len(left) > len(groups):
            return None
    return len(left)


def digest_normal(normal: bytes, stream: Stream, seen: int) -> bytes:
    """Digest what stands for a stream of which the first `seen` bytes were normalised.

    Where more was written, the digest over all bytes takes part: what was not looked at is never called equal.
    """
    whole = hashlib.sha256(normal)
    if seen < stream.size:
        whole.update(stream.digest)
    return whole.digest()


def _key_of(end: Finished, section: str) -> GroupKey:
    outcome = end.outcome
    reason = reason_of(outcome)
    return GroupKey(
        section=section,
        outcome=name_of(outcome),
        exit_code=outcome.exit_code if isinstance(outcome, Failed) else 0,
        why=reason.why.value if reason else "",
        stopped=outcome.stopped.value if isinstance(outcome, TimedOut | Cancelled) else "",
        stdout=end.answer.stdout.digest,
        stderr=end.answer.stderr.digest,
    )


def _normal_key(key: GroupKey, end: Finished, normalise: Normalise) -> GroupKey:
    return GroupKey(
        key.section,
        key.outcome,
        key.exit_code,
        key.why,
        key.stopped,
        normalise(end.target, end.answer.stdout),
        normalise(end.target, end.answer.stderr),
    )


def _merged(members: Mapping[GroupKey, list[Finished]], normalise: Normalise) -> dict[GroupKey, list[Finished]]:
    merged: dict[GroupKey, list[Finished]] = {}
    for key, ends in members.items():
        for end in ends:
            merged.setdefault(_normal_key(key, end, normalise), []).append(end)
    return merged


def _ordered(groups: Sequence[Group]) -> tuple[Group, ...]:
    sizes: dict[str, int] = {}
    for group in groups:
        sizes[group.key.section] = sizes.get(group.key.section, 0) + len(group.ends)
    names = tuple(NAMES.values())

    def place(group: Group) -> tuple[object, ...]:
        key, outcome = group.key, group.outcome
        rank = 0 if group.is_good else 1 if is_bad(outcome) else 3 if isinstance(outcome, Skipped) else 2
        return (
            -sizes[key.section],
            key.section,
            rank,
            -len(group.ends),
            names.index(key.outcome),
            key.exit_code,
            natural(str(group.ends[0].target)),
        )

    return tuple(sorted(groups, key=place))
