"""Answers as data: a cluster that lists what it is given, counts what it is asked, and refuses what it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adapters.kube.inventory.objects import Object, bare, page, status
from podium.adapters.kube.lists import Waits
from podium.adapters.kube.wire_errors import Headers

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=Headers)


Answer = Reply | Exception


def refused(code: int, message: str, reason: str = "", *, after: str = "") -> Reply:
    """A Status, with Retry-After where `after` is given."""
    return Reply(code, status(code, message, reason), Headers([("Retry-After", after)] if after else []))


def forbidden(what: str) -> Reply:
    """What RBAC says."""
    return refused(403, f'{what} is forbidden: User "alice" cannot do that', "Forbidden")


class Cluster:
    """A cluster by its objects: `objects[plural]` in the order they are listed; `size` of a page.

    `planted` answers stand before all others: for a path, a list of answers each given once, or one that stays.
    """

    def __init__(self, pods: Sequence[Object] = (), *, size: int = 500, **objects: Sequence[Object]) -> None:
        self.objects: dict[str, list[Object]] = {"pods": list(pods), "nodes": [], "namespaces": []}
        self.objects.update((plural, list(items)) for plural, items in objects.items())
        if not self.objects["namespaces"]:
            names = dict.fromkeys(one["metadata"]["namespace"] for one in pods)
            self.objects["namespaces"] = [bare(name) for name in names]
        self.size = size
        self.version = 1000
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.planted: dict[str, list[Answer] | Answer] = {}
        self.watches: list[list[bytes | Exception] | Answer] = []
        self.watched: list[tuple[str, dict[str, str]]] = []
        self.posted: list[tuple[str, bytes]] = []
        self.on_get: Callable[[str], None] = lambda path: None

    async def get(self, path: str, query: Query = ()) -> Reply:
        """Answer from what is planted, else from the objects."""
        asked = dict(query)
        self.asked.append((path, asked))
        self.on_get(path)
        planted = self._planted(path)
        if planted is not None:
            if isinstance(planted, Exception):
                raise planted
            return planted
        return self._list(path, asked)

    async def post(self, path: str, body: bytes, query: Query = ()) -> Reply:
        """Answer from what is planted."""
        self.posted.append((path, body))
        planted = self._planted(path)
        if isinstance(planted, Exception):
            raise planted
        return planted if planted is not None else refused(404, "the server could not find the requested resource")

    @asynccontextmanager
    async def stream(self, path: str, query: Query = ()) -> AsyncIterator[Chunks]:
        """Play the next planned watch; with none left, one that is silent until cancelled."""
        self.watched.append((path, dict(query)))
        plan = self.watches.pop(0) if self.watches else [*SILENT]
        if isinstance(plan, Exception):
            raise plan
        if isinstance(plan, Reply):
            yield Chunks([plan.body], plan.status, plan.headers)
        else:
            yield Chunks(plan)

    def count(self, ending: str) -> int:
        """How many requests ended in this."""
        return sum(path.endswith(ending) for path, _ in self.asked)

    def _planted(self, path: str) -> Answer | None:
        planted = self.planted.get(path)
        if isinstance(planted, list):
            return planted.pop(0) if planted else None
        return planted

    def _list(self, path: str, asked: dict[str, str]) -> Reply:
        parts = path.split("/")
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts[:-1] else ""
        if parts[-2] == "namespaces":
            found = [one for one in self.objects["namespaces"] if one["metadata"]["name"] == parts[-1]]
            return Reply(200, page(found)) if found else refused(404, f'namespaces "{parts[-1]}" not found')
        if parts[-1] not in self.objects:
            return refused(404, "the server could not find the requested resource")
        items = [one for one in self.objects[parts[-1]] if namespace in {"", one["metadata"].get("namespace")}]
        if asked.get("labelSelector"):
            key, _, value = asked["labelSelector"].partition("=")
            items = [one for one in items if (one["metadata"].get("labels") or {}).get(key) == value]
        if asked.get("fieldSelector"):
            value = asked["fieldSelector"].partition("=")[2]
            items = [one for one in items if one["spec"]["nodeName"] == value]
        begin = int(asked.get("continue", "0"))
        more = str(begin + self.size) if begin + self.size < len(items) else ""
        return Reply(200, page(items[begin : begin + self.size], str(self.version), more))


SILENT: tuple[bytes | Exception, ...] = (b"",)


class Chunks:
    """A body in pieces; an exception among them breaks it there, b"" is silence for ever."""

    def __init__(self, plan: Sequence[bytes | Exception], code: int = 200, headers: Headers | None = None) -> None:
        self.status = code
        self.headers = headers or Headers()
        self._plan = plan

    async def __aiter__(self) -> AsyncIterator[bytes]:
        import asyncio

        for piece in self._plan:
            if isinstance(piece, Exception):
                raise piece
            if piece == b"":
                await asyncio.Event().wait()
            yield piece


class Time:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []

    def wall(self) -> float:
        """Seconds since the epoch."""
        return self.now

    def monotonic(self) -> float:
        """The same."""
        return self.now

    def boottime(self) -> float:
        """The same."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Pass the time, and let others run."""
        import asyncio

        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def waits(self) -> Waits:
        """Waits by this clock, with an even jitter."""
        return Waits(self.sleep, lambda: 0.5)
