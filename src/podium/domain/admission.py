"""The leave to act: a value that only runner/gate.py makes, and every port that acts demands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from podium.domain.commands import Command
from podium.domain.targets import Target, format_id


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave for one run to do one action with one command in a set of targets, as one identity."""

    run: str
    action: str
    identity: str
    command_digest: bytes
    targets_digest: bytes
    uids: frozenset[tuple[str, str, str]]  #: (cluster, pod uid, container) of each admitted target

    def covers(self, target: Target, command: Command) -> bool:
        """Whether this target and this command were admitted."""
        key = (target.cluster, target.uid, target.container)
        return key in self.uids and digest_of_command(command) == self.command_digest


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
