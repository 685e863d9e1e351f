"""When to use colours."""

from __future__ import annotations

from enum import Enum


class Colour(Enum):
    """--color."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"
