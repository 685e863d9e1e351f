"""Refusals by the API server, in its own words and on one line: the one place where HTTP answers become errors."""

from __future__ import annotations

from typing import Protocol

import msgspec

from podium.adapters.kube.objects import STATUS, StatusObject
from podium.domain.errors import ClusterError, PodiumError, UsageError

LONGEST = 400


class Headers(Protocol):
    """Headers of an answer; names in any case."""

    def get(self, name: str, /) -> str | None: ...


class Response(Protocol):
    """An HTTP answer, whole."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers: ...

    @property
    def body(self) -> bytes: ...


class RefusedError(ClusterError):
    """The API server answered, and not with what was asked."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class IncompleteListError(ClusterError):
    """A list failed after its first page: what came so far is not used."""


def status_of(body: bytes) -> StatusObject | None:
    """Read a Status object; None where the body is none (a proxy's page, a kubelet's plain text)."""
    try:
        status = STATUS.decode(body)
    except msgspec.DecodeError:
        return None
    return status if status.kind == "Status" else None


def words_of(body: bytes) -> str:
    """What the answer says, on one line without control characters, at most LONGEST characters; "" for nothing."""
    status = status_of(body)
    text = status.message if status is not None else body[: LONGEST * 4].decode("utf-8", "replace")
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def error_for(asked: str, status: int, body: bytes) -> PodiumError:
    """Make the error for an answer that is not 2xx. `asked` says what was asked: "list pods in shop".

    A 400 is the user's (a selector the server cannot read): UsageError. All others: RefusedError with the status.
    """
    words = words_of(body)
    if status == 400:
        return UsageError(words or f"{asked}: the API server answered 400 Bad Request")
    if status == 401:
        return RefusedError(
            f"{asked}: the API server does not accept these credentials (401 {words or 'Unauthorized'}):"
            " log in again, or see `podium doctor`",
            status,
        )
    if status_of(body) is None:
        said = f': "{words}"' if words else ""
        return RefusedError(f"{asked}: HTTP {status}{said} (not an answer of a Kubernetes API server)", status)
    return RefusedError(words or f"{asked}: HTTP {status}", status)


def unreadable(asked: str, why: str) -> ClusterError:
    """Make the error for an answer 200 that is not what a Kubernetes API server answers."""
    reason = " ".join(why.split())
    return ClusterError(f"{asked}: the answer is not what a Kubernetes API server sends ({reason}): check the address")
