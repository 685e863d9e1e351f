"""Columns of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from podium.domain.widths import cut, pad, width

_GAP = 3


@dataclass(frozen=True, slots=True)
class Fitted:
    """A table of the columns there is room for; `same` are those left out, equal in all rows, as (head, value)."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    same: tuple[tuple[str, str], ...] = ()


def fit(heads: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None, name: str) -> Fitted:
    """Leave out columns that are equal in all rows while the table is wider than `columns`; never the one of `name`."""
    kept = list(range(len(heads)))
    widths = _widths(heads, rows)
    for place, head in enumerate(heads):
        if columns is None or sum(widths[at] for at in kept) + _GAP * (len(kept) - 1) <= columns:
            break
        if head != name and len({row[place] for row in rows}) == 1:
            kept.remove(place)
    same = tuple((heads[at], rows[0][at]) for at in range(len(heads)) if at not in kept)
    return Fitted([heads[at] for at in kept], [[row[at] for at in kept] for row in rows], same)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None) -> Iterator[str]:
    """Align rows under their heads; no wider than `columns`, where that is not None."""
    widths = _widths(heads, rows)
    for line in (heads, *rows):
        text = (" " * _GAP).join(pad(cell, widths[place]) for place, cell in enumerate(line)).rstrip()
        yield text if columns is None else cut(text, columns)


def _widths(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(width(line[place]) for line in (heads, *rows)) for place in range(len(heads))]
