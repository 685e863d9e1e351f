"""The Roles that a rights preflight found missing, on stderr: ready to apply."""

from __future__ import annotations

from podium.apps.cli import render
from podium.features.exec.entitled import more, roles
from podium.features.exec.service import Prepared


def say_rights(prepared: Prepared, most: int) -> None:
    """Print `most` of the Roles that are missing, to stderr, and how to get the others."""
    shown = roles(prepared.rights, prepared.who, most)
    if shown:
        render.say("---\n".join(shown).rstrip("\n"))
    hint = more(prepared.rights, len(shown))
    if hint:
        render.say(hint)
