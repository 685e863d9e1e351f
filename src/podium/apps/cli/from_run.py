"""--from-run ID[:OUTCOME,..]: the targets of kept runs as a selection."""

from __future__ import annotations

import os
from collections.abc import Iterator

from podium.apps import bootstrap
from podium.apps.cli.verbs import Flags
from podium.domain.errors import NothingMatchedError, UsageError
from podium.domain.outcomes import NAMES
from podium.domain.runs import with_outcomes
from podium.domain.targets import Target
from podium.features.runs.service import Kept, RunsService

LEFT_OUT = "left-out"


def read_from_run(flags: Flags) -> tuple[Target, ...]:
    """The targets that are meant, by pod UID; raises UsageError, NothingMatchedError where there are none."""
    found: dict[Target, None] = {}
    for kept, words in _named(flags):
        found.update(dict.fromkeys(_targets(kept, words)))
    if not found:
        raise NothingMatchedError(f"--from-run {' '.join(flags.texts('from_run'))}: no target of the run ended so")
    return tuple(found)


def contexts_of_runs(flags: Flags) -> tuple[str, ...]:
    """The contexts of the runs that are named."""
    return tuple(dict.fromkeys(context for kept, _ in _named(flags) for context in kept.record.contexts))


def outcomes_in(text: str, flag: str) -> frozenset[str]:
    """Read OUTCOME,..; `timed-out` and `timed_out` are one. Raises UsageError."""
    words = frozenset(word.strip().replace("-", "_") for word in text.split(","))
    known = frozenset(NAMES.values()) | {LEFT_OUT.replace("-", "_")}
    if not words <= known:
        wrong = ", ".join(sorted(words - known))
        raise UsageError(f"{flag}: no such outcome: {wrong or text!r} (known: {', '.join(NAMES.values())}, {LEFT_OUT})")
    return words


def _named(flags: Flags) -> Iterator[tuple[Kept, str]]:
    runs = bootstrap.open_runs(flags.text("state_dir"), os.environ)
    try:
        service = RunsService(runs, bootstrap.clock())
        for text in flags.texts("from_run"):
            name, _, words = text.partition(":")
            yield service.look(name), words
    finally:
        runs.close()


def _targets(kept: Kept, words: str) -> tuple[Target, ...]:
    if not words:
        return kept.record.targets
    names = outcomes_in(words, "--from-run")
    absent = [one.target for one in kept.record.left_out] if "left_out" in names else []
    return (*with_outcomes(kept.record.targets, kept.ends, names), *absent)
