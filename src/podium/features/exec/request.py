"""What the exec feature is asked for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from podium.domain.commands import Command
from podium.domain.selection import Selection
from podium.domain.units import Percent, Share
from podium.runner.budget import Budget
from podium.runner.order import Order
from podium.runner.plan import Pace
from podium.runner.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Caution:
    """The Care flags as given: shares are of the targets that will be planned.

    `marks` and `canary` make waves; `seed` makes a random order repeatable.
    """

    retry: RetryPolicy = RetryPolicy()
    max_failures: Share | None = None
    max_lost: Share | None = None
    max_rejected: Share | None = None
    strict: bool = False
    marks: tuple[Share, ...] = ()
    canary: bool = False
    order: Order = Order.SPREAD
    max_per_workload: Share | None = None

    def budget_for(self, total: int) -> Budget:
        """The budget of a run of `total` targets: percentages rounded down."""

        def limit(share: Share | None) -> int | None:
            return None if share is None else share.of(total)

        everything = isinstance(self.max_failures, Percent) and self.max_failures.hundredths == 100
        return Budget(
            max_failures=limit(self.max_failures),
            max_lost=limit(self.max_lost),
            max_rejected=limit(self.max_rejected),
            strict=self.strict,
            first_wave=bool(self.marks or self.canary) and self.max_failures is None,
            brake=not everything,
        )


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
    caution: Caution = Caution()
    min_targets: int = 1
    allow_skipped: bool = False
    reach: Reach = BY_DEFAULT
    again: str = ""
    reason: str = ""  #: why, in the user's words: stands in the audit trail
    recorded: str = field(default="", repr=False)  #: what the front needs to make this request again (RunRecord)
