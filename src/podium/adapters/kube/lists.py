"""Whole lists: pages of 500 by `continue`, all of them or none.

The decision after an answer is pure (`decide`), the loop around it asks and waits. Source of the rules: API concepts,
"Retrieving large results sets in chunks" (410 in mid-list: begin again), apiserver filters/maxinflight.go and
priority-and-fairness.go (429 with Retry-After).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from podium.adapters.kube.errors import (
    Headers,
    IncompleteListError,
    RefusedError,
    Response,
    error_for,
    status_of,
    unreadable,
)
from podium.adapters.kube.objects import Item, Page, collection_paused
from podium.adapters.kube.wire_errors import ConnectFailedError, ConnectFailure, NoAnswerError
from podium.domain.errors import ClusterError, PodiumError

PAGE = 500
TRIES = 4  #: of one page that failed in a way that may pass
RESTARTS = 3  #: of a list whose continue token had expired
LONGEST_WAIT = 30.0  #: seconds; a server that asks for more than this is told as unreachable instead

Query = Sequence[tuple[str, str]]
Value = TypeVar("Value")


class Lines(Protocol):
    """An answer whose body is read as it comes."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Requests(Protocol):
    """Plain requests to one cluster as one identity. Raises ClusterError where there is no HTTP answer."""

    async def get(self, path: str, query: Query = ()) -> Response: ...

    async def post(self, path: str, body: bytes, query: Query = ()) -> Response: ...

    def stream(self, path: str, query: Query = ()) -> AbstractAsyncContextManager[Lines]: ...


def in_path(namespace: str) -> str:
    """The part of a path that names a namespace, "" for all: whatever was typed stays one part of it."""
    return f"/namespaces/{quote(namespace, safe='')}" if namespace else ""


@dataclass(frozen=True, slots=True)
class Waits:
    """How time passes between tries: `sleep` in seconds, `jitter` in [0, 1)."""

    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Kind(Generic[Item, Value]):
    """What is listed: its group's path, its plural, and how an item becomes a value."""

    root: str  #: "/api/v1" or "/apis/GROUP/VERSION"
    plural: str
    decoder: msgspec.json.Decoder[Page[Item]]
    convert: Callable[[Item], Value]

    def path(self, namespace: str) -> str:
        """The list's path, of one namespace, or of all for ""."""
        return f"{self.root}{in_path(namespace)}/{self.plural}"

    def asked(self, namespace: str) -> str:
        """What was asked, for messages."""
        return f"list {self.plural} in {namespace}" if namespace else f"list {self.plural}"


@dataclass(frozen=True, slots=True)
class Listed(Generic[Value]):
    """A whole list, and the version of the collection it shows, where a watch goes on."""

    items: list[Value]
    version: str


@dataclass(frozen=True, slots=True)
class Took:
    """The page came."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Ask for the same page again after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class BeginAgain:
    """The continue token is too old: throw the pages away and list from the first."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It will not come."""

    error: PodiumError


def decide(
    asked: str, answer: Response | ClusterError, tries: int, jitter: float, *, begun: bool
) -> Took | TryAgain | BeginAgain | GiveUp:
    """Say what to do after an answer to one page, `tries` (1, 2, ...) of it made so far, this one counted.

    `begun`: pages came before this one, so the cluster can be reached and patience is worth more.
    """
    if isinstance(answer, ClusterError):
        may_pass = tries < _tries_after(answer, begun)
        return TryAgain(backoff(tries, jitter)) if may_pass else GiveUp(answer)
    if answer.status == 200:
        return Took()
    error = error_for(asked, answer.status, answer.body)
    if answer.status == 410:
        return BeginAgain()
    if answer.status != 429 and answer.status < 500:
        return GiveUp(error)
    asked_for = retry_after(answer)
    if tries >= TRIES or (asked_for is not None and asked_for > LONGEST_WAIT):
        return GiveUp(error)
    return TryAgain(backoff(tries, jitter) if asked_for is None else asked_for + jitter * 0.5)


def _tries_after(error: ClusterError, begun: bool) -> int:
    if isinstance(error, NoAnswerError):
        return TRIES if begun else 2
    if isinstance(error, ConnectFailedError) and error.kind in {ConnectFailure.REFUSED, ConnectFailure.TIMEOUT}:
        return TRIES if begun else 1
    return 1  # a wrong CA, a name unknown, credentials that cannot be had: asking again changes nothing


def backoff(tries: int, jitter: float) -> float:
    """Seconds to wait before the next try: doubling from 0.1, at most 5, between half and all of it."""
    return min(0.1 * 2.0 ** min(tries, 10), 5.0) * (0.5 + jitter / 2)


def retry_after(answer: Response) -> float | None:
    """Seconds the server asks us to wait: its header, else its Status; None where it names none."""
    header = retry_after_header(answer.headers)
    if header is not None:
        return header
    status = status_of(answer.body)
    if status is None or status.details is None or status.details.retry_after_seconds <= 0:
        return None
    return float(status.details.retry_after_seconds)


def retry_after_header(headers: Headers) -> float | None:
    """Seconds in the header Retry-After; API servers never write a date there."""
    text = (headers.get("Retry-After") or "").strip()
    return float(text) if text.isdecimal() else None


async def list_all(
    requests: Requests, kind: Kind[Item, Value], namespace: str, selectors: Query, waits: Waits
) -> Listed[Value]:
    """List all of a kind in a namespace ("" for all namespaces), restricted by `selectors`.

    Raises IncompleteListError when it broke after the first page, RefusedError where the server says no, UsageError
    for a selector it cannot read, ClusterError where there is no answer.
    """
    for _ in range(RESTARTS):
        listed = await _attempt(requests, kind, namespace, selectors, waits)
        if listed is not None:
            return listed
    asked = kind.asked(namespace)
    raise IncompleteListError(f"{asked}: the list expired {RESTARTS} times before its last page was read (410 Gone)")


async def _attempt(
    requests: Requests, kind: Kind[Item, Value], namespace: str, selectors: Query, waits: Waits
) -> Listed[Value] | None:
    """List from the first page on; None when the list expired on the way."""
    items: list[Value] = []
    version = more = ""
    while True:
        try:
            body = await _page(requests, kind, namespace, _query(selectors, more), waits)
            if body is None:
                return None
            version_here, more_here = _take(kind, namespace, body, items)
        except PodiumError as error:
            if not more:
                raise
            raise IncompleteListError(f"{error} (after {len(items)} {kind.plural}; none of them is used)") from error
        version, more = version or version_here, more_here
        if not more:
            return Listed(items, version)


def _query(selectors: Query, more: str) -> Query:
    query = [("limit", str(PAGE)), *selectors]
    return [*query, ("continue", more)] if more else query


async def _page(
    requests: Requests, kind: Kind[Item, Value], namespace: str, query: Query, waits: Waits
) -> bytes | None:
    tries, begun = 0, any(name == "continue" for name, _ in query)
    while True:
        tries += 1
        answer: Response | ClusterError
        try:
            answer = await requests.get(kind.path(namespace), query)
        except ClusterError as error:
            answer = error
        match decide(kind.asked(namespace), answer, tries, waits.jitter(), begun=begun):
            case GiveUp(error=failure):
                raise failure
            case BeginAgain():
                return None
            case TryAgain(seconds=seconds):
                await waits.sleep(seconds)
            case Took():
                assert not isinstance(answer, ClusterError)
                return answer.body


def _take(kind: Kind[Item, Value], namespace: str, body: bytes, items: list[Value]) -> tuple[str, str]:
    """Decode and convert a page in one breath; its version and its continue token."""
    with collection_paused():
        try:
            page = kind.decoder.decode(body)
        except msgspec.DecodeError as error:
            raise unreadable(kind.asked(namespace), str(error)) from error
        if not page.kind.endswith("List"):
            raise unreadable(kind.asked(namespace), f"kind {page.kind!r} is no list")
        items.extend(map(kind.convert, page.items or ()))
        return page.metadata.resource_version, page.metadata.continue_


def is_forbidden(error: PodiumError) -> bool:
    """Whether the server understood, and does not let us."""
    return isinstance(error, RefusedError) and error.status == 403
