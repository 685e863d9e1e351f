"""How many terminal columns text takes, and cutting it to fit (UAX #11: wide and fullwidth take two)."""

from __future__ import annotations

import unicodedata

ELLIPSIS = "…"
_TAB = 8


def width(text: str, column: int = 0) -> int:
    """The columns one line of text takes when it starts at `column`; tabs go to the next multiple of 8."""
    if text.isascii() and "\t" not in text:
        return len(text)
    at = column
    for char in text:
        at += _advance(char, at)
    return at - column


def cut(text: str, columns: int) -> str:
    """Shorten one line to at most `columns`, ending in … where something is gone; marks stay with their letter."""
    if text.isascii() and "\t" not in text and len(text) <= columns:
        return text
    at, kept = 0, 0
    for index, char in enumerate(text):
        at += _advance(char, at)
        if at < columns:
            kept = index + 1
        elif at > columns:
            return text[:kept] + ELLIPSIS * (columns > 0)
    return text


def pad(text: str, columns: int) -> str:
    """Fill one line with spaces up to `columns`; longer text stays as it is."""
    return text + " " * (columns - width(text))


def _advance(char: str, at: int) -> int:
    if char == "\t":
        return _TAB - at % _TAB
    if char.isascii():
        return 1
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
