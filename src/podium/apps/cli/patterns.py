"""Users' regular expressions: RE2, compiled here at the edge, linear in time whatever they say."""

from __future__ import annotations

from podium.domain.errors import UsageError
from podium.domain.normalize import Substitute


def substitute(pattern: str) -> Substitute:
    """Compile a pattern to what replaces each of its matches by <match>; raises UsageError."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern.encode("utf-8"), options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise UsageError(f"--normalize: not a pattern: {pattern!r}: {text}") from None

    def replace(data: bytes) -> bytes:
        replaced = compiled.sub(b"<match>", data)
        assert isinstance(replaced, bytes)
        return replaced

    return replace
