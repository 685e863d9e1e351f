"""Where what outlives a run is kept: the audit trail and the journal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from podium.domain.errors import NotAllowedError


def state_dir(given: str | None, environ: Mapping[str, str]) -> Path:
    """The folder: `given` (--state-dir), PODIUM_STATE_DIR, $XDG_STATE_HOME/podium, ~/.local/state/podium.

    Raises NotAllowedError where none of them is named. Does not make it.
    """
    named = given or environ.get("PODIUM_STATE_DIR")
    if named:
        return Path(named)
    if environ.get("XDG_STATE_HOME"):
        return Path(environ["XDG_STATE_HOME"]) / "podium"
    if environ.get("HOME"):
        return Path(environ["HOME"]) / ".local" / "state" / "podium"
    raise NotAllowedError(
        "nowhere to keep the audit trail: neither HOME nor XDG_STATE_HOME is set; name a folder with --state-dir"
    )
