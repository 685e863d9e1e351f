"""Settings that no flag says: when to ask, which contexts are guarded, which namespaces are the cluster's own."""

from __future__ import annotations

from podium.apps.settings import Settings
from podium.domain.selection import PROTECTED
from podium.features.exec.asking import Rules


def rules_by(settings: Settings | None) -> Rules:
    """When to ask before an act."""
    default = Rules()
    if settings is None:
        return default
    above, guarded = settings.get("ask-above"), settings.get("guarded-contexts")
    return Rules(
        above if isinstance(above, int) else default.above,
        guarded if isinstance(guarded, tuple) else default.guarded,
    )


def protected_by(settings: Settings | None) -> tuple[str, ...]:
    """The namespaces that acts leave out unless they are named."""
    found = None if settings is None else settings.get("protected-namespaces")
    return found if isinstance(found, tuple) else PROTECTED
