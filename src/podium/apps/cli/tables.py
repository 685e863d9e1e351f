"""Columns of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podium.domain.widths import cut, pad, width


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None) -> Iterator[str]:
    """Align rows under their heads; no wider than `columns`, where that is not None."""
    lines = [heads, *rows]
    widths = [max(width(line[place]) for line in lines) for place in range(len(heads))]
    for line in lines:
        text = "   ".join(pad(cell, widths[place]) for place, cell in enumerate(line)).rstrip()
        yield text if columns is None else cut(text, columns)
