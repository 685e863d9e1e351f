"""The leave to act: a value that only runner/gate.py makes, and every port that acts demands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from podium.domain.commands import Command
from podium.domain.targets import Target, format_id

Key = tuple[str, str, str]  #: (cluster, pod uid, container)


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave for one run to do one action with one command in a set of targets, as one identity.

    `command_digest` is of the command as it was given; a target with something of its own in it has its own digest.
    """

    run: str
    action: str
    identity: str
    command_digest: bytes
    targets_digest: bytes
    uids: frozenset[Key]
    own_digests: Mapping[Key, bytes] = field(default_factory=dict)  #: of commands with something substituted

    def covers(self, target: Target, command: Command) -> bool:
        """Whether this target was admitted, and with exactly this command."""
        key = key_of(target)
        admitted = self.own_digests.get(key, self.command_digest)
        return key in self.uids and digest_of_command(command) == admitted


def key_of(target: Target) -> Key:
    """How an admission knows a target."""
    return target.cluster, target.uid, target.container


def digest_of_command(command: Command) -> bytes:
    """SHA-256 over all that decides what runs: kind, argv, script, environment, folder; not over stdin's bytes."""
    parts = [command.kind.value.encode(), command.cwd.encode("utf-8", "surrogateescape"), command.script]
    parts += [part.encode("utf-8", "surrogateescape") for part in command.argv]
    parts += [f"{name}={value}".encode("utf-8", "surrogateescape") for name, value in command.env]
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.digest()


def digest_of_targets(targets: Iterable[Target]) -> bytes:
    """SHA-256 over the targets' ids and uids, in order of their names."""
    whole = hashlib.sha256()
    for target in sorted(targets):
        whole.update(f"{format_id(target)} {target.uid}\n".encode())
    return whole.digest()
