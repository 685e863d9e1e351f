"""The Roles that a rights preflight found missing, on stderr: ready to apply."""

from __future__ import annotations

from podium.apps.cli import render
from podium.features.exec.entitled import more, roles
from podium.features.exec.service import Prepared


def say_rights(prepared: Prepared) -> None:
    """Print the Roles that are missing, to stderr: ready to apply."""
    for role in roles(prepared.rights, prepared.who):
        render.say(role.rstrip("\n"))
    hint = more(prepared.rights, prepared.who)
    if hint:
        render.say(hint)
