"""Acting as somebody else: the Impersonate-* headers, and how flags replace what the kubeconfig says.

Source: client-go `transport/round_trippers.go`, `tools/clientcmd/merge.go`.
"""

from __future__ import annotations

import string

from podium.adapters.kube.kubeconfig_entries import Impersonation, Overrides
from podium.domain.errors import UsageError

# What may stand in a header's name (RFC 9110 `token`) but the percent sign, which marks an escape.
_LEGAL = frozenset(string.ascii_letters + string.digits + "!#$&'*+-.^_`|~")


def acting_as(stated: Impersonation, overrides: Overrides) -> Impersonation:
    """Return who we act as: flags win field by field, and key by key among the extras.

    Raises UsageError where uid, groups or extras come without a user.
    """
    keys = {key for key, _ in overrides.as_user_extra}
    merged = Impersonation(
        user=overrides.as_user or stated.user,
        uid=overrides.as_uid or stated.uid,
        groups=overrides.as_groups or stated.groups,
        extra=tuple(pair for pair in stated.extra if pair[0] not in keys) + overrides.as_user_extra,
    )
    if not merged.user and (merged.uid or merged.groups or merged.extra):
        raise UsageError("as-uid, as-groups or as-user-extra without a user to act as: add --as USER")
    return merged


def headers_of(impersonation: Impersonation) -> tuple[tuple[str, str], ...]:
    """Return the headers; groups and extras repeat theirs. Raises UsageError where a value breaks a header."""
    if not impersonation.user:
        return ()
    headers = [("Impersonate-User", impersonation.user)]
    if impersonation.uid:
        headers.append(("Impersonate-Uid", impersonation.uid))
    headers.extend(("Impersonate-Group", group) for group in impersonation.groups)
    headers.extend((f"Impersonate-Extra-{escaped(key)}", value) for key, value in impersonation.extra)
    for name, value in headers:
        if any((ord(char) < 32 and char != "\t") or char == "\x7f" for char in value):
            raise UsageError(f"{name}: the value holds control characters, which a header cannot carry")
    return tuple(headers)


def escaped(key: str) -> str:
    """Return an extra's key as part of a header's name: lower case, other bytes percent-encoded.

    The API server lower-cases and unescapes it; "" is no key.
    """
    return "".join(
        chr(byte) if chr(byte) in _LEGAL else f"%{byte:02x}" for byte in key.encode("utf-8", "surrogateescape").lower()
    )
