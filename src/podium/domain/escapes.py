"""Text from pods made harmless for a terminal: what could move, hide or rewrite becomes visible characters."""

from __future__ import annotations

import re

# Everything of category Cc (but tab and newline), Cf, Zl, Zp and Cs: escape sequences start with one of these, bidi
# controls and zero-width characters are among them. A test compares the list with unicodedata.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def neutralise(text: str) -> str:
    """Write control and invisible characters as visible text: ESC as ^[, DEL as ^?, others as \\x9b or \\u202e.

    Tabs and newlines stay. Without its introducer no CSI, OSC, DCS or 8-bit C1 sequence is one (CVE-2021-25743);
    a carriage return or backspace cannot overwrite what was said before it. Bytes smuggled in by
    `surrogateescape` are written as the bytes they were.
    """
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_visible, text)


def readable(data: bytes) -> str:
    """Decode bytes as UTF-8, those that are not as \\xNN, and neutralise them."""
    return neutralise(data.decode("utf-8", "surrogateescape"))


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return "^" + chr(code + 0x40)
    if code == 0x7F:
        return "^?"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
