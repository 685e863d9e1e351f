"""A run's end as text."""

from __future__ import annotations

from collections.abc import Iterator

from podium.apps.cli.request import Show
from podium.apps.cli.wire_json import Read
from podium.domain.grouping import group_ends
from podium.features.exec.report import Report
from podium.features.exec.service import Prepared


class Text:
    """The groups for stdout, the last lines for stderr."""

    def __init__(self, show: Show, prepared: Prepared, report: Report, read: Read) -> None:
        self._show = show
        self._prepared = prepared
        self._report = report
        self._read = read

    def answers(self) -> Iterator[bytes]:
        """The groups."""
        for group in group_ends(self._report.ends):
            yield f"== {len(group.ends)} {group.key.outcome} {group.key.why}\n".encode()
            yield self._read(group.ends[0].answer.stdout, self._show.max_output)
            yield self._read(group.ends[0].answer.stderr, self._show.max_output)

    def last_lines(self, status: int) -> Iterator[str]:
        """The summary."""
        counts = self._report.counts
        parts = [f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items()]
        yield " · ".join([*parts, f"exit {status}"])
