"""podium version."""

from __future__ import annotations

from podium import __version__
from podium.apps.cli import render
from podium.apps.cli.options import output
from podium.apps.cli.verbs import Call, Verb


def write_version() -> None:
    """Print it as `--version` does."""
    render.answer(f"podium {__version__}")


def _act(call: Call) -> int:
    if call.flags.text("output") == "json":
        render.answer(f'{{"version":"{__version__}"}}')
    else:
        write_version()
    return 0


VERB = Verb("version", _act, [output("text", "json")], "Print the version.", "[-o json]")
