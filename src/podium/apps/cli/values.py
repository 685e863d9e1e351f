"""Flag values: text from the command line to numbers and names, each refusal one clear line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from podium.domain.errors import UsageError
from podium.domain.units import parse_duration, parse_size


class Read(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on only
    """A value read by a function that raises UsageError."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read text once; what is no text was a default, already read."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


def _at_least(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        digits = text.removeprefix("+")
        if not (digits.isascii() and digits.isdigit()) or int(digits) < least:
            raise UsageError(f"{text!r} is not a whole number of at least {least}")
        return int(digits)

    return read


def _positive_duration(text: str) -> float:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise UsageError(f"{text!r} must be longer than 0")
    return seconds


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"{text!r} is not KEY=VALUE")
    return name, value


DURATION = Read("duration", parse_duration)
POSITIVE_DURATION = Read("duration", _positive_duration)
SIZE = Read("size", parse_size)
COUNT = Read("n", _at_least(0))
POSITIVE = Read("n", _at_least(1))
PAIR = Read("key=value", _pair)
