"""What the exec feature is asked for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from podium.domain.commands import Command
from podium.domain.selection import Selection
from podium.runner.plan import Pace


@dataclass(frozen=True, slots=True)
class Reach:
    """How clusters were reached, ready for a shell, for commands that we propose.

    `contexts` are the --context flags as given, `flags` the other ones; `kubectl` those that kubectl knows, too.
    """

    contexts: str = ""
    flags: str = ""
    kubectl: str = ""

    def at(self, cluster: str | None) -> str:
        """The flags that reach one context, or with None what was reached, with a space before them."""
        contexts = self.contexts if cluster is None else f"--context {shlex.quote(cluster)}"
        return "".join(f" {part}" for part in (contexts, self.flags) if part)


BY_DEFAULT = Reach()  #: nothing was said of how


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """One run: pick targets, run the command in each.

    `again`: TARGETS and selection flags, ready for a shell, for commands that we propose; "" where they cannot be given
    again.
    """

    selection: Selection
    command: Command
    pace: Pace = Pace()
    min_targets: int = 1
    allow_skipped: bool = False
    reach: Reach = BY_DEFAULT
    again: str = ""
