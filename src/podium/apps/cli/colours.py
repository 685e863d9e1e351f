"""What a colour means."""

from __future__ import annotations

from enum import Enum


class Colour(Enum):
    """--color."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Tone(Enum):
    """The meaning of a piece of text, and its SGR number: the sixteen colours of any terminal."""

    GOOD = 32
    ODD = 33
    BAD = 31
    ASIDE = 2
    ADDED = 92
    REMOVED = 91


def painted(text: str, tone: Tone) -> str:
    """The text in the tone's colour; an empty one stays empty."""
    return f"\x1b[{tone.value}m{text}\x1b[0m" if text else ""
