"""What stands under a group: the majority's answer, how an odd one differs from it, or the odd one's own."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from podium.domain.diffs import Change, Diff, Side, Text, diff_texts, show_line, split_lines
from podium.domain.events import Channel, Stream
from podium.domain.grouping import Group
from podium.domain.normalize import LOOKED_AT, Normaliser
from podium.domain.units import format_size
from podium.features.exec.phrases import plural

Read = Callable[[Stream, int | None], bytes]  #: gives the kept bytes of a stream, at most so many

_SAME = ", same output as the majority"
_NOTHING_SHARED = 3  # an answer that shares no line with a longer one than this is shown for itself


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
            return Body(self._cut_off(group, text), self._own(text))
        if group.key.is_alike(self.majority.key):
            return Body(_SAME, ())
        common = self._text(self.majority)
        if group.is_good:
            return self._compared(group, common, text)
        if common == text:
            return Body(_SAME, ())
        if common.stdout == text.stdout and common.stdout:
            return Body(self._cut_off(group, text), self._own(Text(b"", text.stderr)))
        diff = diff_texts(common, text)
        whole = len(split_lines(text.stdout)) + len(split_lines(text.stderr))
        if not diff.beyond and 2 * diff.lines < whole:
            return Body(f", output differs in {plural(diff.lines, 'line')}", self._changes(diff))
        return Body(self._cut_off(group, text), self._own(text))

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
            return Body(f", differ beyond the first {format_size(max(len(text.stdout), len(text.stderr)))}", ())
        if diff.beyond:
            places = " and ".join(
                f"from line {line:,}{' of stderr' if channel is Channel.STDERR else ''} on"
                for channel, line in diff.beyond
            )
            return Body(f", differ {places}", self._changes(diff))
        told = f", differ in {plural(diff.lines, 'line')}"
        gone = sum(change.side is Side.REMOVED for change in diff.changes)
        if gone > _NOTHING_SHARED and gone == len(split_lines(common.stdout)) + len(split_lines(common.stderr)):
            return Body(told + self._cut_off(group, text), self._own(text))
        return Body(told, self._changes(diff))

    def _cut_off(self, group: Group, text: Text) -> str:
        """Say so where an answer was longer than what is at hand."""
        answer = group.ends[0].answer
        for stream, data in ((answer.stdout, text.stdout), (answer.stderr, text.stderr)):
            seen = len(data) if self.normaliser is None else min(stream.kept, LOOKED_AT)
            if seen < stream.size:
                return f", first {format_size(seen)} of {format_size(stream.size)}"
        return ""

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
        shown = diff.changes
        if self.limits.diff_lines is not None and len(shown) > self.limits.diff_lines:
            shown = _some_of_both(shown, self.limits.diff_lines)
        lines = [BodyLine(kinds[change.side], change.channel, change.text) for change in shown]
        hidden = len(diff.changes) - len(shown)
        if hidden > 0:
            lines.append(_more(hidden, "changed line", len(diff.changes)))
        return tuple(lines)


def _some_of_both(changes: Sequence[Change], most: int) -> tuple[Change, ...]:
    """The first of both sides in equal parts, so that a long removal does not hide what came instead."""
    gone = sum(change.side is Side.REMOVED for change in changes)
    room = {Side.REMOVED: min(gone, max(most // 2, most - (len(changes) - gone)))}
    room[Side.ADDED] = most - room[Side.REMOVED]
    kept: list[Change] = []
    for change in changes:
        if room[change.side] > 0:
            room[change.side] -= 1
            kept.append(change)
    return tuple(kept)


def _more(hidden: int, noun: str, all_of_them: int) -> BodyLine:
    text = f"… {plural(hidden, 'more ' + noun)} (all: --max-lines {all_of_them})"
    return BodyLine(LineKind.NOTE, Channel.STDOUT, text)
