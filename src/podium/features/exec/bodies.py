"""What stands under a group: the majority's answer, how an odd one differs from it, or the odd one's own."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from podium.domain.diffs import Diff, Side, Text, diff_texts, show_line, split_lines
from podium.domain.events import Channel, Stream
from podium.domain.grouping import Group
from podium.domain.normalize import LOOKED_AT, Normaliser
from podium.domain.units import format_size
from podium.features.exec.phrases import plural

Read = Callable[[Stream, int | None], bytes]  #: gives the kept bytes of a stream, at most so many


class LineKind(enum.Enum):
    """What a line of a body is."""

    OUTPUT = "output"
    REMOVED = "removed"  # of the majority's answer, not in this one
    ADDED = "added"
    NOTE = "note"  # ours, not the pod's


@dataclass(frozen=True, slots=True)
class BodyLine:
    """One line, safe to show."""

    kind: LineKind
    channel: Channel
    text: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a group is shown; None is no limit."""

    lines: int | None = 40
    diff_lines: int | None = 20


@dataclass(frozen=True, slots=True)
class Body:
    """`summary` completes the head: ", differ in 1 line"."""

    summary: str
    lines: tuple[BodyLine, ...]


@dataclass(frozen=True, slots=True)
class Bodies:
    """Makes the bodies of one run's groups, each when it is shown."""

    read: Read
    limits: Limits
    majority: Group | None
    normaliser: Normaliser | None = None

    def of(self, group: Group) -> Body:
        """What to show under a group."""
        text = self._text(group)
        if not text.stdout and not text.stderr:
            return Body(", no output" if group.is_good else "", ())
        if self.majority is None or group.key == self.majority.key:
            return Body(_cut_off(group), self._own(text))
        common = self._text(self.majority)
        if group.is_good:
            return self._compared(group, common, text)
        if common == text:
            return Body(", same output as the majority", ())
        if common.stdout == text.stdout and common.stdout:
            return Body(_cut_off(group), self._own(Text(b"", text.stderr)))
        diff = diff_texts(common, text)
        whole = len(split_lines(text.stdout)) + len(split_lines(text.stderr))
        if not diff.beyond and 2 * diff.lines < whole:
            return Body(f", output differs in {plural(diff.lines, 'line')}", self._changes(diff))
        return Body(_cut_off(group), self._own(text))

    def _text(self, group: Group) -> Text:
        end = group.ends[0]
        if self.normaliser is None:
            return Text(self.read(end.answer.stdout, None), self.read(end.answer.stderr, None))
        return Text(
            self.normaliser.text(end.target, end.answer.stdout), self.normaliser.text(end.target, end.answer.stderr)
        )

    def _compared(self, group: Group, common: Text, text: Text) -> Body:
        diff = diff_texts(common, text, most=1000 if self.limits.diff_lines is None else self.limits.diff_lines)
        if diff.lines == 0:
            seen = max(stream.kept for stream in (group.ends[0].answer.stdout, group.ends[0].answer.stderr))
            seen = seen if self.normaliser is None else min(seen, LOOKED_AT)
            return Body(f", differ beyond the first {format_size(seen)}", ())
        if diff.beyond:
            places = " and ".join(
                f"from line {line:,}{' of stderr' if channel is Channel.STDERR else ''} on"
                for channel, line in diff.beyond
            )
            return Body(f", differ {places}", self._changes(diff))
        return Body(f", differ in {plural(diff.lines, 'line')}", self._changes(diff))

    def _own(self, text: Text) -> tuple[BodyLine, ...]:
        most = self.limits.lines
        lines: list[BodyLine] = []
        hidden = 0
        for channel, data in ((Channel.STDOUT, text.stdout), (Channel.STDERR, text.stderr)):
            every = split_lines(data)
            room = len(every) if most is None else max(most - len(lines), 0)
            lines += [BodyLine(LineKind.OUTPUT, channel, show_line(line, mark_end=False)) for line in every[:room]]
            hidden += max(len(every) - room, 0)
        if hidden > 0:
            lines.append(_more(hidden, "line", len(lines) + hidden))
        return tuple(lines)

    def _changes(self, diff: Diff) -> tuple[BodyLine, ...]:
        kinds = {Side.REMOVED: LineKind.REMOVED, Side.ADDED: LineKind.ADDED}
        most = len(diff.changes) if self.limits.diff_lines is None else self.limits.diff_lines
        shown = diff.changes[:most]
        lines = [BodyLine(kinds[change.side], change.channel, change.text) for change in shown]
        hidden = len(diff.changes) - len(shown)
        if hidden > 0:
            lines.append(_more(hidden, "changed line", len(diff.changes)))
        return tuple(lines)


def _more(hidden: int, noun: str, all_of_them: int) -> BodyLine:
    text = f"… {plural(hidden, 'more ' + noun)} (all: --max-lines {all_of_them})"
    return BodyLine(LineKind.NOTE, Channel.STDOUT, text)


def _cut_off(group: Group) -> str:
    answer = group.ends[0].answer
    cut = [stream for stream in (answer.stdout, answer.stderr) if stream.truncated]
    if not cut:
        return ""
    return f", first {format_size(cut[0].kept)} of {format_size(cut[0].size)} kept"
