"""The screen as lines of text: what goes where, and what is cut where it is narrow. Colours are the CLI's.

`columns` None means a pipe: nothing is cut short.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from podium.domain.escapes import neutralise
from podium.domain.events import Channel
from podium.domain.folding import fold, fold_short
from podium.domain.outcomes import NAMES
from podium.domain.run_ids import short
from podium.domain.selection import Resolution
from podium.domain.units import format_count, format_duration
from podium.domain.widths import ELLIPSIS, cut, pad, width
from podium.features.exec.bodies import BodyLine, LineKind
from podium.features.exec.phrases import plural
from podium.features.exec.screen import GroupView, Mark, Options, Screen
from podium.runner.plan import Plan

RIGHT = 63  #: the column where a row's second part begins
INDENT = 3
_FEW_COLUMNS = 18  # less room for names is no room: they go to the next line
_CUT_NOTE = " (all: -o wide)"
_LONGEST_TITLE = 80


class Tone(enum.Enum):
    """What a line is, for its colour."""

    HEADER = "header"
    MAJORITY = "majority"
    ODD = "odd"
    BAD = "bad"
    NEVER = "never"
    ABSENT = "absent"
    SECTION = "section"
    OUTPUT = "output"
    REMOVED = "removed"
    ADDED = "added"
    NOTE = "note"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, safe to print."""

    tone: Tone
    text: str


_TONES = {mark: Tone[mark.name] for mark in Mark}
_SIGNS = {LineKind.OUTPUT: "", LineKind.REMOVED: "-", LineKind.ADDED: "+", LineKind.NOTE: ""}


def header(plan: Plan, resolution: Resolution, options: Options, columns: int | None = None) -> Line:
    """The line above a run: what, in how many, where, as whom, for how long; known before it starts."""
    command = plan.command
    away = sum(left.should_run for left in resolution.left_out)
    by_choice = len(resolution.left_out) - away
    count = plural(len(plan.targets), "target")
    count += f", {format_count(away)} left out" if away > 0 else ""
    count += f", {format_count(by_choice)} by choice or done" if by_choice > 0 else ""
    parts = [
        cut(" ".join(neutralise(command.title).split()), _LONGEST_TITLE),
        count,
        options.selection,
        ", ".join(options.contexts) if len(options.contexts) <= 3 else f"{len(options.contexts)} contexts",
        f"as {options.who}" if options.who else "",
        "no timeout" if command.timeout is None else f"timeout {format_duration(command.timeout)}",
        f"run {short(plan.run)}",
    ]
    return Line(Tone.HEADER, _fit(neutralise(" · ".join(part for part in parts if part)), columns))


def answers(screen: Screen, columns: int | None = None) -> Iterator[Line]:
    """The groups, one after the other; bodies are read as the lines are asked for."""
    section = ""
    for group in screen.groups:
        if group.key.section != section:
            section = group.key.section
            title = f"{Mark.SECTION.value} {neutralise(section)} · {plural(screen.sections[section], 'target')}"
            yield Line(Tone.SECTION, _fit(title, columns))
        view = screen.view(group)
        yield from _row(view, screen.options, columns)
        for text, kind in _body(view.body, columns):
            yield Line(Tone[kind.name], text)
        yield from _kubectl(view.kubectl, screen.options.limits.lines)
    if screen.hidden:
        yield Line(Tone.NOTE, _fit(_hidden(screen), columns))


def _kubectl(texts: Sequence[str], most: int | None) -> Iterator[Line]:
    yield from (Line(Tone.NOTE, text) for text in texts[:most])
    if most is not None and len(texts) > most:
        yield Line(Tone.NOTE, f"{ELLIPSIS} {format_count(len(texts) - most)} more (all: --max-lines {len(texts)})")


def last_lines(screen: Screen, columns: int | None = None) -> tuple[Line, ...]:
    """Who was not run in, what an interrupted run left behind, the summary, and what to do next."""
    lines: list[Line] = []
    if screen.left_out:
        number = format_count(len(screen.report.missing))
        lines += _wrapped(Tone.ABSENT, f"{Mark.ABSENT.value} {number} left out: ", screen.left_out, columns)
    if screen.by_choice:
        number = format_count(len(screen.report.resolution.left_out) - len(screen.report.missing))
        lines += _wrapped(Tone.NOTE, f"{' ' * INDENT}{number} left out by choice or done: ", screen.by_choice, columns)
    absent = [f"{Mark.ABSENT.value} {text}" for text in (*screen.missing, *screen.unreached)]
    lines += [Line(Tone.ABSENT, _fit(text, columns)) for text in absent]
    normal = screen.normal_groups()
    if normal is not None:
        every = len(screen.groups) + len(screen.hidden)
        text = f"{format_count(every)} groups; --normalize would leave {format_count(normal)}"
        lines.append(Line(Tone.NOTE, _fit(text, columns)))
    if screen.options.verbose and screen.ending.slowest:
        lines.append(Line(Tone.NOTE, _fit(screen.ending.slowest, columns)))
    if screen.ending.stopped:
        lines += _wrapped(Tone.SUMMARY, "", screen.ending.stopped.split(" · "), columns)
    return (*lines, *_summary(screen, columns))


def _summary(screen: Screen, columns: int | None) -> list[Line]:
    summary, following = screen.ending.summary, screen.ending.next_command
    if not following:
        return _wrapped(Tone.SUMMARY, "", summary.split(" · "), columns)
    one = f"{summary}{' ' * 10}next: {following}"
    if columns is None or width(one) <= columns:
        return [Line(Tone.SUMMARY, one)]
    return [*_wrapped(Tone.SUMMARY, "", summary.split(" · "), columns), Line(Tone.SUMMARY, f"next: {following}")]


def _hidden(screen: Screen) -> str:
    counts: dict[str, int] = {}
    for group in screen.hidden:
        counts[group.key.outcome] = counts.get(group.key.outcome, 0) + len(group.ends)
    targets = " · ".join(
        f"{format_count(counts[name])} {name.replace('_', ' ')}" for name in NAMES.values() if name in counts
    )
    every = len(screen.groups) + len(screen.hidden)
    return f"{ELLIPSIS} {plural(len(screen.hidden), 'more group')}: {targets} (all: --max-groups {every})"


def _row(view: GroupView, options: Options, columns: int | None) -> list[Line]:
    tone = _TONES[view.mark]
    left = f"{view.mark.value} {view.head}"
    tail = [str(view.apart)] if view.apart is not None else []
    tail += view.pieces
    told_by_apart = view.mark is Mark.BAD and view.apart is not None and view.apart.is_exact
    if columns is None or options.wide:
        right = [view.title or fold(view.names), *tail]
        text = " · ".join(right)
        return [Line(tone, f"{pad(left, RIGHT - 2)}  {text}")]
    names = () if told_by_apart else view.names
    title = "" if told_by_apart else view.title
    room = columns - max(RIGHT, width(left) + 2)
    who = _who(names, title, room - sum(width(part) + 3 for part in tail))
    right = [part for part in (who, *tail) if part]
    text = " · ".join(right)
    crowded = bool(names) and not who
    if right and not crowded and width(text) <= room:
        return [Line(tone, f"{pad(left, RIGHT - 2)}  {text}")]
    who = _who(names, title, columns - INDENT) or cut(title or fold(names), columns - INDENT)
    rest = [part for part in (who, *tail) if part]
    return [Line(tone, cut(left, columns)), *_wrapped(tone, " " * INDENT, rest, columns)]


def _who(names: Sequence[str], title: str, room: int) -> str:
    """The names in so many columns; "" where that is too few to say anything."""
    if title or not names:
        return title
    whole = fold(names)
    if width(whole) <= room:
        return whole
    short = room - width(_CUT_NOTE)
    return fold_short(names, short) + _CUT_NOTE if short >= _FEW_COLUMNS else ""


def _body(lines: Sequence[BodyLine], columns: int | None) -> Iterator[tuple[str, LineKind]]:
    texts = [_SIGNS[line.kind] + ("2> " if line.channel is Channel.STDERR else "") + line.text for line in lines]
    if columns is not None:
        texts = _cut_body(texts, [line.kind for line in lines], columns)
    yield from zip(texts, (line.kind for line in lines), strict=True)


def _cut_body(texts: Sequence[str], kinds: Sequence[LineKind], columns: int) -> list[str]:
    """Cut each line; a changed line shows the place where it differs from the one it replaces."""
    shown = [cut(text, columns) for text in texts]
    removed: deque[int] = deque()
    for index, kind in enumerate(kinds):
        if kind is LineKind.REMOVED:
            if index > 0 and kinds[index - 1] is not LineKind.REMOVED:
                removed.clear()
            removed.append(index)
        elif kind is LineKind.ADDED and removed:
            other = removed.popleft()
            if shown[other][1:] == shown[index][1:]:
                for at in (other, index):
                    shown[at] = _from_difference(texts[at], texts[other], texts[index], columns)
    return shown


def _from_difference(text: str, one: str, other: str, columns: int) -> str:
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one[1:], other[1:], strict=False)))
    start = max(1 + same - columns // 3, 1)
    return cut(f"{text[0]}{ELLIPSIS}{text[start:]}", columns)


def _wrapped(tone: Tone, before: str, pieces: Sequence[str], columns: int | None) -> list[Line]:
    """Pieces joined by · in as few lines as hold them, the further ones indented."""
    if columns is None:
        return [Line(tone, before + " · ".join(pieces))]
    texts = [before + pieces[0]] if pieces else []
    for piece in pieces[1:]:
        if width(texts[-1]) + 3 + width(piece) <= columns:
            texts[-1] += f" · {piece}"
        else:
            texts.append(" " * INDENT + piece)
    return [Line(tone, cut(text, columns)) for text in texts]


def _fit(text: str, columns: int | None) -> str:
    return text if columns is None else cut(text, columns)
