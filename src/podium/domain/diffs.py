"""How one answer differs from another, line by line, at a bounded price.

The shortest edit script by Myers' greedy algorithm ("An O(ND) Difference Algorithm", 1986), after common lines at
both ends are taken off. Answers that are too far apart for its budget *differ from line N on*.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from podium.domain.escapes import readable
from podium.domain.events import Channel

_MOST_LINES = 20_000  # of both middles together
_MOST_EDITS = 400
_MOST_STEPS = 200_000  # comparisons and moves: about a tenth of a second


class Side(enum.Enum):
    """Whose line it is."""

    REMOVED = "-"  # in the first, not in the second
    ADDED = "+"


@dataclass(frozen=True, slots=True)
class Change:
    """One line that only one of the answers has. `line` counts from 1 in its own answer; `text` is safe to show."""

    side: Side
    channel: Channel
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Diff:
    """`changes` in reading order, stdout's first; `lines` how many lines differ: a changed line counts once.

    `beyond`: per stream, the line from which on two answers differ that were too far apart to compare; their changes
    are the rest of both, cut to `most` lines each, and `lines` is then a lower bound.
    """

    changes: tuple[Change, ...]
    lines: int
    beyond: tuple[tuple[Channel, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """What a target wrote, as far as it is kept."""

    stdout: bytes
    stderr: bytes


def diff_texts(first: Text, second: Text, most: int = 1000) -> Diff:
    """Compare two answers, each stream by itself; `most` bounds how many lines of a far one are rendered."""
    changes: list[Change] = []
    lines = 0
    beyond: list[tuple[Channel, int]] = []
    for channel, old, new in (
        (Channel.STDOUT, first.stdout, second.stdout),
        (Channel.STDERR, first.stderr, second.stderr),
    ):
        found = _diff_stream(old, new, channel, most)
        changes += found.changes
        lines += found.lines
        beyond += found.beyond
    return Diff(tuple(changes), lines, tuple(beyond))


def split_lines(data: bytes) -> list[bytes]:
    """Split at newlines only, which stay; the last line may lack one."""
    lines = data.split(b"\n")
    last = lines.pop()
    whole = [line + b"\n" for line in lines]
    return [*whole, last] if last else whole


def show_line(line: bytes, mark_end: bool) -> str:
    """One line as safe text; with `mark_end` a missing newline is said."""
    text = readable(line.removesuffix(b"\n"))
    return text + " (no newline at its end)" if mark_end and not line.endswith(b"\n") else text


def _diff_stream(old: bytes, new: bytes, channel: Channel, most: int) -> Diff:
    if old == new:
        return Diff((), 0)
    a, b = split_lines(old), split_lines(new)
    mark_end = bool(a) and bool(b) and old.endswith(b"\n") != new.endswith(b"\n")
    start, end_a, end_b = _middles(a, b)

    def change(side: Side, index: int) -> Change:
        line = (a if side is Side.REMOVED else b)[index]
        return Change(side, channel, index + 1, show_line(line, mark_end))

    hunks = _hunks(a[start:end_a], b[start:end_b])
    if hunks is None:
        gone = [change(Side.REMOVED, index) for index in range(start, min(end_a, start + most))]
        come = [change(Side.ADDED, index) for index in range(start, min(end_b, start + most))]
        return Diff((*gone, *come), max(end_a, end_b) - start, ((channel, start + 1),))
    changes: list[Change] = []
    lines = 0
    for from_a, to_a, from_b, to_b in hunks:
        changes += [change(Side.REMOVED, start + index) for index in range(from_a, to_a)]
        changes += [change(Side.ADDED, start + index) for index in range(from_b, to_b)]
        lines += max(to_a - from_a, to_b - from_b)
    return Diff(tuple(changes), lines)


def _middles(a: Sequence[bytes], b: Sequence[bytes]) -> tuple[int, int, int]:
    """Where the common start ends, and where in `a` and in `b` the common end starts."""
    shorter = min(len(a), len(b))
    start = 0
    while start < shorter and a[start] == b[start]:
        start += 1
    end = 0
    while end < shorter - start and a[-1 - end] == b[-1 - end]:
        end += 1
    return start, len(a) - end, len(b) - end


def _hunks(a: Sequence[bytes], b: Sequence[bytes]) -> list[tuple[int, int, int, int]] | None:
    """The changed stretches (from and to in `a`, from and to in `b`); None when over budget."""
    if not a or not b or (len(a) == 1 and len(b) == 1):
        return [(0, len(a), 0, len(b))]
    if len(a) + len(b) > _MOST_LINES:
        return None
    numbers: dict[bytes, int] = {}
    x_lines = [numbers.setdefault(line, len(numbers)) for line in a]
    y_lines = [numbers.setdefault(line, len(numbers)) for line in b]
    if set(x_lines).isdisjoint(y_lines):
        return [(0, len(a), 0, len(b))]
    trace = _search(x_lines, y_lines)
    return None if trace is None else _stretches(trace, len(a), len(b))


def _search(a: Sequence[int], b: Sequence[int]) -> list[dict[int, int]] | None:
    """The furthest points per diagonal after each number of edits; None when over budget."""
    n, m = len(a), len(b)
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    steps = 0
    for edits in range(min(n + m, _MOST_EDITS) + 1):
        trace.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (
                diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
            )
            x = furthest.get(diagonal + 1, 0) if down else furthest.get(diagonal - 1, 0) + 1
            y = x - diagonal
            before = x
            while x < n and y < m and a[x] == b[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if x >= n and y >= m:
                return trace
            steps += x - before + 1
        if steps + edits > _MOST_STEPS:
            return None
    return None


def _stretches(trace: Sequence[dict[int, int]], n: int, m: int) -> list[tuple[int, int, int, int]]:
    """Walk the search back, and join edits that touch."""
    x, y = n, m
    hunks: list[tuple[int, int, int, int]] = []
    for edits in range(len(trace) - 1, 0, -1):
        furthest, diagonal = trace[edits], x - y
        down = diagonal == -edits or (
            diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
        )
        previous = diagonal + 1 if down else diagonal - 1
        from_x = furthest.get(previous, 0)
        from_y = from_x - previous
        to_x, to_y = (from_x, from_y + 1) if down else (from_x + 1, from_y)
        if hunks and hunks[-1][0] == to_x and hunks[-1][2] == to_y:
            hunks[-1] = (from_x, hunks[-1][1], from_y, hunks[-1][3])
        else:
            hunks.append((from_x, to_x, from_y, to_y))
        x, y = from_x, from_y
    return hunks[::-1]
