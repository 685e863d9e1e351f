"""Many names as one pattern, reversibly: web-6f9c-{2kq8x,aab1c}, web-[0-9,12], ip-10-0-1-[7-9].internal.

A pattern is a list of items separated by spaces. In an item `{a,b}` is one of several, `[0-9,12]` one of several
numbers (a first number with a leading zero is padded throughout: [08-11]), both may nest and stand anywhere. A name
that holds one of the characters of this grammar stands as a JSON string, and is never folded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from podium.domain.widths import ELLIPSIS, cut, width

_TOKEN = re.compile(r"[A-Za-z0-9]*[A-Za-z](?=[0-9]|[^A-Za-z0-9]|$)|[0-9]+|[^A-Za-z0-9]+")
_NEEDS_QUOTES = re.compile(r'[{}\[\],"\\\s…]|[^\x20-\U0010ffff]|[\x7f-\x9f\ud800-\udfff]|^$')
_NUMBER = re.compile(r"[0-9]{1,18}")
_RANGES = re.compile(r"\[([0-9]{1,18}(?:-[0-9]{1,18})?(?:,[0-9]{1,18}(?:-[0-9]{1,18})?)*)\]")
_LITERAL = re.compile(r'[^{}\[\],"\\\s]+')
_ITEM = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s"]+)(?=\s|$)')
_MOST_TOKENS = 64  # a name of more parts is taken whole: it bounds the recursion
_MOST_NAMES = 1_000_000


def fold(names: Iterable[str]) -> str:
    """Write a set of names as one pattern, in natural order; `unfold` gives the same set back."""
    return " ".join(_items(names))


def fold_short(names: Iterable[str], columns: int) -> str:
    """Write as much of the pattern as fits into `columns`: web-6f9c-{2kq8x,…}. It does not parse back where cut."""
    items = _items(names)
    whole = " ".join(items)
    if width(whole) <= columns:
        return whole
    parsed = tuple(_parse_item(item) for item in items)
    fits, too_many = 1, columns + 1  # each option takes at least one column
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if width(_render_top(parsed, middle)) <= columns:
            fits = middle
        else:
            too_many = middle
    return cut(_render_top(parsed, fits), columns)


def unfold(text: str) -> list[str]:
    """Read the names of a pattern, in its order. Raises ValueError for what is none, and above a million names."""
    names: list[str] = []
    for item in _split_items(text):
        names += _expand(_parse_item(item))
        if len(names) > _MOST_NAMES:
            raise ValueError(f"too many names in one pattern: over {_MOST_NAMES:,}")
    return names


def natural(name: str) -> list[tuple[int, int, str]]:
    """Give the key that sorts names as people do: web-2 before web-10."""
    return [
        (0, int(part), part) if _NUMBER.fullmatch(part) else (1, 0, part)
        for part in re.findall(r"[0-9]+|[^0-9]+", name)
    ]


# -- writing ---------------------------------------------------------------------------------------------------------


def _items(names: Iterable[str]) -> list[str]:
    plain: list[tuple[str, ...]] = []
    quoted: list[str] = []
    for name in sorted(set(names), key=natural):
        if _NEEDS_QUOTES.search(name):
            quoted.append(json.dumps(name))
        else:
            plain.append(_tokens(name))
    return _alternatives(plain, 0) + quoted


def _tokens(name: str) -> tuple[str, ...]:
    tokens = tuple(_TOKEN.findall(name))
    return tokens if len(tokens) <= _MOST_TOKENS else (name,)


def _alternatives(names: Sequence[tuple[str, ...]], depth: int) -> list[str]:
    """The texts that together stand for what follows `depth` tokens; children with equal tails become one."""
    children: dict[str | None, list[tuple[str, ...]]] = {}
    for name in names:
        children.setdefault(name[depth] if len(name) > depth else None, []).append(name)
    heads_by_tail: dict[tuple[str, str], list[str]] = {}
    texts: list[str] = []
    for token, members in children.items():
        if token is None:
            texts.append("")
            continue
        tail = _one_of(_alternatives(members, depth + 1)) if len(members) > 1 else "".join(members[0][depth + 1 :])
        # inside a word, as in a ReplicaSet's suffix, equal ends are an accident: such a child stays by itself
        inside_word = tail != "" and (tail[0].isalnum() or tail[0] in "[{")
        heads_by_tail.setdefault((tail, token if inside_word else ""), []).append(token)
    for (tail, _), heads in heads_by_tail.items():
        options = _with_ranges(heads)
        if tail == "" or len(options) == 1:
            texts += [option + tail for option in options]
        else:
            texts.append(_one_of(options) + tail)
    return texts


def _one_of(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else "{" + ",".join(texts) + "}"


def _with_ranges(heads: Sequence[str]) -> list[str]:
    numbers = [head for head in heads if _NUMBER.fullmatch(head)]
    if len(numbers) < 2:
        return list(heads)
    numbers.sort(key=lambda text: (int(text), len(text)))
    ranges: list[tuple[str, str]] = []
    for text in numbers:
        if ranges and text == _spell(int(ranges[-1][1]) + 1, ranges[-1][0]):
            ranges[-1] = (ranges[-1][0], text)
        else:
            ranges.append((text, text))
    inside = ",".join(first if first == last else f"{first}-{last}" for first, last in ranges)
    return [f"[{inside}]", *(head for head in heads if not _NUMBER.fullmatch(head))]


def _spell(number: int, like: str) -> str:
    """The number as a range that begins with `like` spells it."""
    return str(number).zfill(len(like)) if like.startswith("0") and len(like) > 1 else str(number)


# -- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Numbers:
    ranges: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _OneOf:
    options: tuple[_Pattern, ...]


_Pattern = tuple["str | _Numbers | _OneOf", ...]


def _split_items(text: str) -> list[str]:
    items: list[str] = []
    at = 0
    while match := _ITEM.match(text, at):
        items.append(match[1])
        at = match.end()
    if text[at:].strip():
        raise ValueError(f"not a pattern of names: {text[:80]!r} at character {at + 1}")
    return items


def _parse_item(item: str) -> _Pattern:
    if item.startswith('"'):
        return (str(json.loads(item)),)
    pattern, end = _parse_sequence(item, 0, 0)
    if end != len(item):
        raise ValueError(f"not a pattern of names: {item[:80]!r} at character {end + 1}")
    return pattern


def _parse_sequence(text: str, at: int, depth: int) -> tuple[_Pattern, int]:
    if depth > _MOST_TOKENS:
        raise ValueError("not a pattern of names: nested too deeply")
    parts: list[str | _Numbers | _OneOf] = []
    while at < len(text) and text[at] not in ",}":
        if text[at] == "{":
            options: list[_Pattern] = []
            while text[at : at + 1] in ("{", ","):
                option, at = _parse_sequence(text, at + 1, depth + 1)
                options.append(option)
            if text[at : at + 1] != "}":
                raise ValueError(f"not a pattern of names: {text[:80]!r} has a {{ without its }}")
            parts.append(_OneOf(tuple(options)))
            at += 1
        elif numbers := _RANGES.match(text, at):
            parts.append(_Numbers(tuple(_bounds(part) for part in numbers[1].split(","))))
            at = numbers.end()
        elif literal := _LITERAL.match(text, at):
            parts.append(literal[0])
            at = literal.end()
        else:
            break
    return tuple(parts), at


def _bounds(part: str) -> tuple[str, str]:
    first, _, last = part.partition("-")
    return first, last or first


def _expand(pattern: _Pattern) -> list[str]:
    names = [""]
    for part in pattern:
        match part:
            case str():
                tails = [part]
            case _Numbers(ranges):
                if sum(max(0, int(last) - int(first) + 1) for first, last in ranges) > _MOST_NAMES:
                    raise ValueError(f"too many names in one pattern: over {_MOST_NAMES:,}")
                tails = [_spell(n, first) for first, last in ranges for n in range(int(first), int(last) + 1)]
            case _OneOf(options):
                tails = [tail for option in options for tail in _expand(option)]
        if len(names) * len(tails) > _MOST_NAMES:
            raise ValueError(f"too many names in one pattern: over {_MOST_NAMES:,}")
        names = [name + tail for name in names for tail in tails]
    return names


# -- shortening ------------------------------------------------------------------------------------------------------


def _render_top(items: Sequence[_Pattern], most: int) -> str:
    shown = [_render(item, most) for item in items[:most]]
    return " ".join(shown + [ELLIPSIS] * (len(items) > most))


def _render(pattern: _Pattern, most: int) -> str:
    texts: list[str] = []
    for part in pattern:
        match part:
            case str():
                texts.append(json.dumps(part) if _NEEDS_QUOTES.search(part) else part)
            case _Numbers(ranges):
                shown = [first if first == last else f"{first}-{last}" for first, last in ranges[:most]]
                texts.append("[" + ",".join(shown + [ELLIPSIS] * (len(ranges) > most)) + "]")
            case _OneOf(options):
                inner = [_render(option, most) for option in options[:most]]
                texts.append("{" + ",".join(inner + [ELLIPSIS] * (len(options) > most)) + "}")
    return "".join(texts)
