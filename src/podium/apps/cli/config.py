"""podium config: every setting with its value and where that comes from, and the selections that have a name."""

from __future__ import annotations

import os
from collections.abc import Iterator

from podium.apps import settings
from podium.apps.cli import render
from podium.apps.cli.tables import table
from podium.apps.cli.verbs import Call
from podium.domain.errors import UsageError
from podium.domain.escapes import neutralise


def act(call: Call) -> int:
    """Act; gives the exit status."""
    if call.command is not None:
        raise UsageError("config runs no command: leave out -- and what follows")
    found = settings.load(os.environ)
    if call.flags.text("output") == "json":
        from podium.apps.cli.wire_json import encode

        render.write_out(encode(_whole(found)) + b"\n")
    else:
        for line in _lines(found):
            render.answer(line)
    return 0


def _lines(found: settings.Settings) -> Iterator[str]:
    rows = [
        (key, neutralise(value.text), neutralise(value.origin) + (", locked" if value.locked else ""))
        for key, value in found.values.items()
    ]
    yield from table(("SETTING", "VALUE", "ORIGIN"), rows, None)
    if found.selections:
        named = [(f"@{name}", one.text, one.origin) for name, one in found.selections.items()]
        yield ""
        yield from table(("NAME", "SELECTION", "ORIGIN"), [tuple(map(neutralise, row)) for row in named], None)


def _whole(found: settings.Settings) -> dict[str, object]:
    return {
        "settings": [
            {
                "key": key,
                "value": value.text,
                "origin": value.origin,
                "locked": value.locked,
                "default": settings.SETTINGS[key].default,
                "variable": settings.SETTINGS[key].variable,
            }
            for key, value in found.values.items()
        ],
        "selections": [
            {"name": name, "selection": one.text, "origin": one.origin} for name, one in found.selections.items()
        ],
        "error": None,
    }
