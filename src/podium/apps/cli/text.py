"""A run as text: the feature's lines, coloured and parted between stdout and stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from podium.apps.cli import render, wording
from podium.apps.cli.request import Format, Show
from podium.apps.cli.wire_json import Read
from podium.domain.describe import describe
from podium.domain.events import Stream
from podium.features.exec import layout
from podium.features.exec.bodies import Limits
from podium.features.exec.ending import ending_of
from podium.features.exec.layout import Line, Tone
from podium.features.exec.report import Report
from podium.features.exec.screen import Options, Screen, screen
from podium.features.exec.service import Prepared

_GROUPS, _LINES, _DIFF_LINES = 20, 40, 20  #: shown on a terminal; a pipe gets all of it
_SGR = {
    Tone.HEADER: "1",
    Tone.MAJORITY: "32",
    Tone.ODD: "33",
    Tone.BAD: "31",
    Tone.NEVER: "35",
    Tone.ABSENT: "33",
    Tone.SECTION: "1",
    Tone.REMOVED: "31",
    Tone.ADDED: "32",
    Tone.NOTE: "2",
}


class Text:
    """Text of one run: before it, its answers, its last lines."""

    def __init__(self, show: Show, prepared: Prepared, read: Read) -> None:
        self._show = show
        self._prepared = prepared
        self._read = partial(_limited, read, show.max_output)
        self._shown: Screen | None = None

    def before(self) -> Iterator[str]:
        """The header and what to know before the run; for stderr."""
        prepared = self._prepared
        # a narrow terminal wraps it: what is in it should not be cut away
        header = layout.header(prepared.plan, prepared.resolution, self._options(), None)
        yield self._painted(header, sys.stderr)
        notes = (
            wording.container_choice(prepared.resolution),
            wording.protected(prepared.resolution.left_out),
            wording.seed(prepared.resolution),
            *prepared.notes,
        )
        yield from (self._painted(Line(Tone.NOTE, note), sys.stderr) for note in notes if note is not None)

    def answers(self, report: Report) -> Iterator[bytes]:
        """What the targets answered; for stdout."""
        for line in layout.answers(self._screen(report), render.columns_of(sys.stdout)):
            yield f"{self._painted(line, sys.stdout)}\n".encode("utf-8", "replace")

    def bad_heads(self, report: Report) -> Iterator[str]:
        """How those ended that did not succeed, without what they wrote, which was streamed; for stderr."""
        lines = layout.answers(self._screen(report), render.columns_of(sys.stderr))
        return (self._painted(line, sys.stderr) for line in lines if line.tone in {Tone.BAD, Tone.NEVER})

    def last_lines(self, report: Report, status: int) -> Iterator[str]:
        """The left-out, the summary with the exit status, and what to do next; for stderr."""
        request = self._prepared.request
        ending = ending_of(report, request.again, status, request.reach)
        lines = layout.last_lines(replace(self._screen(report), ending=ending), render.columns_of(sys.stderr))
        return (self._painted(line, sys.stderr) for line in lines)

    def _screen(self, report: Report) -> Screen:
        if self._shown is None:
            self._shown = screen(report, self._read, self._options())
        return self._shown

    def _options(self) -> Options:
        show, prepared = self._show, self._prepared
        terminal = render.is_terminal(sys.stdout)
        return Options(
            selection=prepared.said or describe(prepared.request.selection),
            contexts=prepared.contexts,
            who=prepared.who,
            again=prepared.request.again,
            nodes=prepared.snapshot.nodes,
            groups=_first(show.max_groups, _GROUPS if terminal else None),
            limits=Limits(
                _first(show.max_lines, _LINES if terminal else None),
                _first(show.max_lines, _DIFF_LINES if terminal else None),
            ),
            normal=show.normal,
            group_by=show.group_by,
            wide=show.format is Format.WIDE,
            verbose=show.verbose,
            reach=prepared.request.reach,
        )

    def _painted(self, line: Line, stream: render.Out) -> str:
        code = _SGR.get(line.tone)
        coloured = render.is_coloured(self._show.colour, terminal=render.is_terminal(stream))
        return f"\x1b[{code}m{line.text}\x1b[0m" if coloured and code is not None and line.text else line.text


def _limited(read: Read, most: int, stream: Stream, limit: int | None) -> bytes:
    return read(stream, most if limit is None else min(most, limit))


def _first(given: int | None, default: int | None) -> int | None:
    return default if given is None else given
