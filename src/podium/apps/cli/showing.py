"""A run from its header to its last line, in the format that was asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from podium.apps.cli import render
from podium.apps.cli.ends import CLOSED, Cause
from podium.apps.cli.jsonl import JsonLines
from podium.apps.cli.junit import suite
from podium.apps.cli.missing_rights import say_rights
from podium.apps.cli.out_dir import OutDir
from podium.apps.cli.outlet import Outlet
from podium.apps.cli.progress import Progress
from podium.apps.cli.request import Format, Show
from podium.apps.cli.stream import Streamed, Way
from podium.apps.cli.text import Text
from podium.apps.cli.views import View, Views
from podium.apps.cli.wire_json import Read, summary_line, whole
from podium.domain.events import Channel
from podium.domain.outcomes import Succeeded
from podium.domain.targets import format_id
from podium.features.exec.report import Report
from podium.features.exec.service import Prepared
from podium.runner.state import RunState

CANNOT_KEEP = 1  #: exit status when files could not be written, though all targets were reached


class Showing:
    """Shows one run: `begin`, the views while it goes on, `close`, then `end` with the exit status."""

    def __init__(
        self, show: Show, prepared: Prepared, read: Read, closed: Callable[[], None], watching: Sequence[View] = ()
    ) -> None:
        self._show = show
        self._prepared = prepared
        self._read = read
        self._closed = closed
        self._jsonl: JsonLines | None = None
        self._jsonl_outlet: Outlet | None = None
        self._text = Text(show, prepared, read)
        self._out_dir = OutDir(show.out_dir) if show.out_dir is not None else None
        self.views = Views((*self._make_views(), *watching))

    def begin(self) -> None:
        """Say what is about to run."""
        if self._show.quiet:
            return
        for line in self._text.before():
            render.say(line)
        say_rights(self._prepared, most=1)

    def stopping(self, cause: Cause) -> None:
        """Say that what is in flight may still end."""
        render.interrupt(
            f"{cause.text}: nothing more is started; what is in flight has {cause.grace:g} s (again: leave at once)"
        )

    async def close(self, report: Report) -> None:
        """Finish what was written while the run went on."""
        await self.views.close()
        if self._out_dir is not None:
            self._out_dir.write_index(report)
            if self._out_dir.error is not None:
                render.error(f"--out-dir: not all could be written: {self._out_dir.error}")
        if self._jsonl is not None and self._jsonl_outlet is not None:
            self._jsonl.line(summary_line(report, self._prepared.who))
            await self._jsonl_outlet.close()

    def end(self, report: Report) -> int:
        """Show how it ended; gives the exit status. Blocks while stdout does."""
        status = report.exit_status
        if self._out_dir is not None and self._out_dir.error is not None:
            status = max(status, CANNOT_KEEP)
        status = self._deliver(report, status)
        self._say_last(report, status)
        return status

    def _deliver(self, report: Report, status: int) -> int:
        """Write the answers; gives the exit status, which a stdout that cannot be written changes."""
        try:
            for piece in self._answers(report):
                render.write_out(piece)
            render.flush()
        except BrokenPipeError:
            render.abandon()
            return CLOSED.status
        except render.StdoutError as error:
            render.error(str(error))
            return max(status, CANNOT_KEEP)
        return status

    def _say_last(self, report: Report, status: int) -> None:
        if self._show.quiet:
            return
        if self._streams:
            for line in self._text.bad_heads(report):
                render.say(line)
        for line in self._text.last_lines(report, status):
            render.say(line)

    def _answers(self, report: Report) -> Iterator[bytes]:
        if self._show.format is not Format.JSONL and not self._streams:
            yield from answers(report, self._show, self._prepared.who, self._read, self._text)

    def _make_views(self) -> Iterable[View]:
        targets = self._prepared.plan.targets
        if self._out_dir is not None:
            yield self._out_dir
        if self._show.format is Format.JSONL:
            self._jsonl_outlet = Outlet(render.STDOUT, self._closed)
            self._jsonl = JsonLines(self._jsonl_outlet)
            yield self._jsonl
        elif self._streams:
            yield Streamed(targets, self._ways())
        if render.can_redraw(sys.stderr) and not self._show.quiet and not self._writes_meanwhile():
            yield Progress(
                RunState.of(self._prepared.plan), Outlet(render.STDERR, _ignore), partial(render.columns_of, sys.stderr)
            )

    def _writes_meanwhile(self) -> bool:
        """Whether something else writes where the live line would stand."""
        return self._streams or (self._show.format is Format.JSONL and render.is_terminal(sys.stdout))

    @property
    def _is_plain(self) -> bool:
        return self._show.plain and len(self._prepared.plan.targets) == 1

    @property
    def _streams(self) -> bool:
        return self._show.stream or self._is_plain

    def _ways(self) -> dict[Channel, Way]:
        way = partial(_way, show=self._show, plain=self._is_plain)
        return {
            Channel.STDOUT: way(Outlet(render.STDOUT, self._closed), terminal=render.is_terminal(sys.stdout)),
            Channel.STDERR: way(Outlet(render.STDERR, _ignore), terminal=render.is_terminal(sys.stderr)),
        }


def answers(report: Report, show: Show, who: str, read: Read, text: Text) -> Iterator[bytes]:
    """What the targets answered, in the format that was asked for; for stdout."""
    match show.format:
        case Format.JSON:
            yield from whole(report, who, read, show.max_output)
        case Format.JUNIT:
            yield from suite(report, read, show.max_output)
        case Format.NAME:
            for end in report.ends.values():
                if isinstance(end.outcome, Succeeded):
                    yield f"{format_id(end.target)}\n".encode()
        case Format.TEXT | Format.WIDE:
            yield from text.answers(report)
        case Format.JSONL:
            return


def _way(outlet: Outlet, show: Show, *, terminal: bool, plain: bool) -> Way:
    coloured = render.is_coloured(show.colour, terminal=terminal)
    return Way(outlet, terminal, coloured, raw=plain and not terminal)


def _ignore() -> None:
    """A stderr that nobody reads is no reason to stop."""
