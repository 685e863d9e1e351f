"""The Pace flags as one Pace."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TypeVar

from podium.apps.cli.verbs import Flags
from podium.domain.errors import UsageError
from podium.domain.units import Toward, parse_time
from podium.runner.plan import Pace

Number = TypeVar("Number", int, float)
RUN_TIMEOUT_WITHOUT_TERMINAL = 3600.0


def read_pace(flags: Flags, *, terminal: bool) -> Pace:
    """Read how fast and how long; raises UsageError. Without a `terminal` a run ends after an hour by default."""
    default = Pace()
    concurrency = _given(flags.count("concurrency"), default.concurrency)
    return Pace(
        concurrency=concurrency,
        concurrency_in_all=max(default.concurrency_in_all, concurrency),
        max_per_node=_given(flags.count("max_per_node"), default.max_per_node),
        connect_timeout=_given(flags.seconds("connect_timeout"), default.connect_timeout),
        run_timeout=_run_timeout(flags, terminal=terminal),
        deadline=_deadline(flags),
    )


def _given(value: Number | None, default: Number) -> Number:
    return default if value is None else value


def _run_timeout(flags: Flags, *, terminal: bool) -> float | None:
    given = flags.seconds("run_timeout")
    if given is None:
        return None if terminal else RUN_TIMEOUT_WITHOUT_TERMINAL
    return None if given == 0 else given


def _deadline(flags: Flags) -> float | None:
    text = flags.text("deadline")
    if text is None:
        return None
    now = time.time()
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None
    deadline = parse_time(text, now, zone, Toward.FUTURE)
    if deadline <= now:
        raise UsageError(f"--deadline: {text} has passed")
    return deadline
