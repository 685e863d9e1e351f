"""@NAME among the TARGETS: a selection of the settings, put in its place before the flags are read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import click

from podium.apps.settings import Settings
from podium.domain.errors import UsageError
from podium.domain.near import near

_ROW = "Selection"


def expand(command: click.Command, ctx: click.Context, args: Sequence[str], settings: Settings) -> list[str]:
    """The arguments with each @NAME replaced; raises UsageError for a name that is none, or says more than TARGETS."""
    _, words = _parsed(command, ctx, args)
    chosen = {word: _words_of(word, command, ctx, settings) for word in words if word.startswith("@")}
    return [part for arg in args for part in chosen.get(arg, (arg,))]


def _words_of(word: str, command: click.Command, ctx: click.Context, settings: Settings) -> tuple[str, ...]:
    name = word[1:]
    found = settings.selections.get(name)
    if found is None:
        close = near(name, settings.selections)
        hint = f"; did you mean @{' or @'.join(close)}?" if close else " (podium config lists them)"
        raise UsageError(f"target {word!r}: no selection of that name in the settings{hint}")
    parts = shlex.split(found.text)
    where = f"{found.origin}: selections.{name}"
    try:
        given, words = _parsed(command, ctx, parts)
    except click.UsageError as error:
        raise UsageError(f"{where}: {error.format_message()}") from None
    rows = {param.name: getattr(param, "row", "") for param in command.params}
    beyond = [flag for flag in given if rows.get(flag) != _ROW]
    if beyond:
        raise UsageError(f"{where}: --{beyond[0].replace('_', '-')} is no part of a selection")
    if any(one.startswith("@") for one in words):
        raise UsageError(f"{where}: a selection names no other")
    return tuple(parts)


def _parsed(command: click.Command, ctx: click.Context, args: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of the flags that are given, and the words of the arguments."""
    given, words, _ = command.make_parser(ctx).parse_args(list(args))
    for param in command.params:
        if isinstance(param, click.Argument):
            value = given.pop(str(param.name), None)
            words += value if isinstance(value, list | tuple) else [] if value is None else [value]
    return list(given), [word for word in words if isinstance(word, str)]
