"""When a client certificate ends: just enough DER (X.690, RFC 5280 4.1) to say so in a message."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _EXPLICIT_0, _UTC_TIME = 0x30, 0xA0, 0x17
_MAX_LENGTH_BYTES = 4


def ends_at(pem: bytes) -> datetime | None:
    """Return when the first certificate in `pem` ends (UTC), None where that cannot be read."""
    found = _CERTIFICATE.search(pem)
    if found is None:
        return None
    try:
        return _not_after(base64.b64decode(found[1]))
    except (ValueError, IndexError, binascii.Error):
        return None


def _not_after(der: bytes) -> datetime:
    certificate = _content(der, 0, _SEQUENCE)
    fields = _content(der, certificate[0], _SEQUENCE)
    at = fields[0]
    if der[at] == _EXPLICIT_0:
        at = _element(der, at)[1]
    for _ in ("serialNumber", "signature", "issuer"):
        at = _element(der, at)[1]
    validity = _content(der, at, _SEQUENCE)
    after = _element(der, validity[0])[1]
    start, end = _element(der, after)
    text = der[start:end].decode("ascii")
    # Two digits of a year are 1950 to 2049 (RFC 5280 4.1.2.5.1).
    if der[after] == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _content(der: bytes, at: int, tag: int) -> tuple[int, int]:
    if der[at] != tag:
        raise ValueError("not the element that was expected")
    return _element(der, at)


def _element(der: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the element at `at` starts and ends."""
    length = der[at + 1]
    start = at + 2
    if length >= 0x80:
        count = length & 0x7F
        if count > _MAX_LENGTH_BYTES:
            raise ValueError("longer than any certificate")
        length = int.from_bytes(der[start : start + count])
        start += count
    if start + length > len(der):
        raise ValueError("cut short")
    return start, start + length
