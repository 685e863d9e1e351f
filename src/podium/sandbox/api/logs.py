"""GET pods/NAME/log: what a scenario's containers log, computed when somebody asks."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate

from podium.sandbox.api.exec import choose_container
from podium.sandbox.api.nodes import NodeDialError, Nodes
from podium.sandbox.api.statuses import StatusError, bad_request, invalid, unknown_error
from podium.sandbox.runtime.containers import facts_of
from podium.sandbox.wire.http import Answer, Request
from podium.sandbox.world.items import Now
from podium.sandbox.world.pods import ContainerSpec, Pod, State
from podium.sandbox.world.store import Store
from podium.sandbox.world.text import fill

KEPT_LINES = 5000
"""Lines of a container that were not rotated away."""
POLL = 0.5
SENT_AT_ONCE = 500

Line = tuple[float, bytes]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a log request asks for."""

    container: str
    follow: bool
    previous: bool
    timestamps: bool
    since: float | None
    tail: int | None
    limit: int | None


def read_wanted(pod: Pod, request: Request, now: float) -> Wanted:
    """Read PodLogOptions. Raises StatusError (400, 422)."""
    seconds, moment = _number(pod, request, "sinceSeconds"), request.first("sinceTime")
    if seconds is not None and moment is not None:
        words = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        raise _invalid(pod, words, "[]", "FieldValueForbidden")
    if seconds is not None and seconds < 1:
        raise _invalid(pod, f"Invalid value: {seconds}: must be greater than 0", "sinceSeconds")
    since = None if seconds is None else now - seconds
    if moment is not None:
        try:
            parsed = datetime.fromisoformat(moment)
        except ValueError:
            raise bad_request(
                f'parsing time "{moment}" as "2006-01-02T15:04:05Z07:00": cannot parse "{moment}" as "2006"'
            ) from None
        # the API server re-formats it with whole seconds
        since = float(int(parsed.timestamp()))
    return Wanted(
        choose_container(pod, request.first("container") or ""),
        request.flag("follow"),
        request.flag("previous"),
        request.flag("timestamps"),
        since,
        _number(pod, request, "tailLines"),
        _number(pod, request, "limitBytes"),
    )


def _number(pod: Pod, request: Request, name: str) -> int | None:
    value = request.first(name)
    if value is None:
        return None
    if not value.lstrip("-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{value}": invalid syntax')
    number = int(value)
    if number < 0:
        raise _invalid(pod, f"Invalid value: {number}: must be greater than or equal to 0", name)
    return number


def _invalid(pod: Pod, words: str, name: str, reason: str = "FieldValueInvalid") -> StatusError:
    return invalid("PodLogOptions", "", pod.name, (reason, name, words))


def line_stamp(moment: float) -> bytes:
    """Return a time stamp as the kubelet writes it (RFC 3339 with nanoseconds)."""
    whole = datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{int(moment % 1 * 1e9):09d}Z".encode()


@dataclass(slots=True)
class LogService:
    """Serve logs; `extra` holds lines that tests and programs added."""

    store: Store
    nodes: Nodes
    now: Now
    extra: dict[tuple[str, str], list[Line]] = field(default_factory=dict)
    added: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, pod: Pod, container: str, lines: list[str]) -> None:
        """Let a container log lines now."""
        rows = self.extra.setdefault((pod.uid, container), [])
        rows.extend((self.now(), line.encode("utf-8", "surrogateescape") + b"\n") for line in lines)
        waiting, self.added = self.added, asyncio.Event()
        waiting.set()

    async def answer(self, pod: Pod, request: Request) -> Answer:
        """Answer a log request. Raises StatusError."""
        wanted = read_wanted(pod, request, self.now())
        if pod.node == "":
            return Answer(204, b"", "")
        try:
            await self.nodes.dial(pod.node)
        except NodeDialError as error:
            url = f"https://{self.nodes.address(pod.node)}:10250/containerLogs/{pod.namespace}/{pod.name}/{wanted.container}"
            raise unknown_error(f'Get "{url}": {error}') from None
        self._refuse(pod, wanted)
        return Answer(200, self._stream(pod, wanted), "text/plain")

    def _refuse(self, pod: Pod, wanted: Wanted) -> None:
        name = wanted.container
        if wanted.previous:
            if pod.restarts == 0 or name != pod.template.containers[0].name:
                raise bad_request(f'previous terminated container "{name}" in pod "{pod.name}" not found')
            return
        reason = {
            State.IMAGE_PULL: "trying and failing to pull image",
            State.CREATING: "ContainerCreating",
            State.INIT: "PodInitializing",
            State.PENDING: "ContainerCreating",
        }.get(pod.trouble.state)
        if reason is not None:
            raise bad_request(f'container "{name}" in pod "{pod.name}" is waiting to start: {reason}')

    def _lines(self, pod: Pod, wanted: Wanted, until: float) -> list[Line]:
        spec = next(
            one for one in (*pod.template.init_containers, *pod.template.containers) if one.name == wanted.container
        )
        if wanted.previous:
            return _finite(pod, spec, pod.started - 30) or list(_regular(pod, spec, pod.created, pod.started))[-200:]
        if pod.trouble.log is not None and spec is pod.template.containers[0]:
            lines = _finite(pod, spec, pod.started)
        else:
            lines = list(_regular(pod, spec, pod.started, until if pod.finished is None else pod.finished))
        lines += self.extra.get((pod.uid, wanted.container), [])
        return sorted(lines, key=lambda line: line[0])

    async def _stream(self, pod: Pod, wanted: Wanted) -> AsyncIterator[bytes]:
        now = self.now()
        lines = [line for line in self._lines(pod, wanted, now) if wanted.since is None or line[0] >= wanted.since]
        if wanted.tail is not None:
            lines = lines[-wanted.tail :] if wanted.tail > 0 else []
        left = wanted.limit
        for at in range(0, len(lines), SENT_AT_ONCE):
            part = b"".join(_shown(line, wanted) for line in lines[at : at + SENT_AT_ONCE])
            yield part if left is None else part[:left]
            left = None if left is None else left - len(part)
            if left is not None and left <= 0:
                return
            await asyncio.sleep(0)
        if wanted.follow and not wanted.previous and pod.runs(wanted.container):
            async for part in self._follow(pod, wanted, now):
                yield part if left is None else part[:left]
                left = None if left is None else left - len(part)
                if left is not None and left <= 0:
                    return

    async def _follow(self, pod: Pod, wanted: Wanted, after: float) -> AsyncIterator[bytes]:
        while self._lives(pod):
            added = self.added
            try:
                async with asyncio.timeout(POLL):
                    await added.wait()
            except TimeoutError:
                pass
            now = self.now()
            fresh = [line for line in self._lines(pod, wanted, now) if after < line[0] <= now]
            if fresh:
                after = fresh[-1][0]
                yield b"".join(_shown(line, wanted) for line in fresh)

    def _lives(self, pod: Pod) -> bool:
        item = self.store.get("pods", pod.namespace, pod.name)
        return (
            isinstance(item, Pod) and item.uid == pod.uid and item.restarts == pod.restarts and item.trouble.state.runs
        )


def _shown(line: Line, wanted: Wanted) -> bytes:
    return line_stamp(line[0]) + b" " + line[1] if wanted.timestamps else line[1]


def _finite(pod: Pod, spec: ContainerSpec, start: float) -> list[Line]:
    facts = facts_of(pod, spec)
    rows = pod.trouble.log or ()
    return [(start + at * 0.01, _text(row, facts, at, start)) for at, row in enumerate(rows)]


def _regular(pod: Pod, spec: ContainerSpec, start: float, until: float) -> Iterator[Line]:
    rows = pod.template.log if spec is pod.template.containers[0] else ()
    if not rows:
        return
    period = pod.template.log_seconds
    last = int((until - start) // period)
    facts = facts_of(pod, spec)
    for at in range(max(0, last - KEPT_LINES + 1), last + 1):
        moment = start + at * period
        yield moment, _text(rows[at % len(rows)], facts, at, moment)


def _text(row: str, facts: dict[str, str], at: int, moment: float) -> bytes:
    own = {"n": str(at), "byte": str(at * 37 % 250 + 1), "size": str(at * 7919 % 9000 + 200)}
    if "{date}" in row:
        own["date"] = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(moment))
    if "{time}" in row:
        own["time"] = formatdate(moment, usegmt=True)
    return fill(row, {**facts, **own}).encode() + b"\n"
