"""Why no run came to be, with what was found out on the way: `-o json` tells all of it."""

from __future__ import annotations

from collections.abc import Sequence

from podium.domain.errors import ClusterError, NothingMatchedError
from podium.domain.inventory import Snapshot, Unreached
from podium.domain.selection import Resolution
from podium.features.exec.planning import all_unreached, nothing_matched
from podium.features.exec.request import BY_DEFAULT, ExecRequest, Reach


class NothingReachedError(ClusterError):
    """No cluster answered; `unreached` has each one's reason."""

    def __init__(self, text: str, unreached: Sequence[Unreached]) -> None:
        super().__init__(text)
        self.unreached = tuple(unreached)


class TooFewTargetsError(NothingMatchedError):
    """No target, or fewer than demanded; `resolution` has who was left out, `unreached` who was not asked."""

    def __init__(self, text: str, resolution: Resolution, unreached: Sequence[Unreached]) -> None:
        super().__init__(text)
        self.resolution = resolution
        self.unreached = tuple(unreached)


def nothing_reached(unreached: Sequence[Unreached], reach: Reach = BY_DEFAULT) -> NothingReachedError:
    """Make the error of a fleet in which no cluster answered."""
    return NothingReachedError(all_unreached(unreached, reach), unreached)


def too_few(request: ExecRequest, resolution: Resolution, snapshot: Snapshot) -> TooFewTargetsError | None:
    """Make the error of a selection with too few targets, None where there are enough."""
    count = len(resolution.picked)
    if count == 0:
        text = nothing_matched(request.selection, resolution, snapshot, request.again)
    elif count < request.min_targets:
        text = f"{count} targets, fewer than --min-targets {request.min_targets}"
    else:
        return None
    return TooFewTargetsError(text, resolution, snapshot.unreached)
