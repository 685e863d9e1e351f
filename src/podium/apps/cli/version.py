"""podium version."""

from __future__ import annotations

from podium import __version__
from podium.apps.cli import render
from podium.apps.cli.verbs import Call


def write_version() -> None:
    """Print it as `--version` does."""
    render.answer(f"podium {__version__}")


def act(call: Call) -> int:
    """Act; gives the exit status."""
    if call.flags.text("output") == "json":
        render.answer(f'{{"version":"{__version__}"}}')
    else:
        write_version()
    return 0
