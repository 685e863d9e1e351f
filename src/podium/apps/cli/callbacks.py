"""--on-end and --on-end-each: the summary of a run, and each end, told to a command or a URL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from podium.apps.cli import render
from podium.apps.cli.wire_json import encode, end_record, summary_line
from podium.domain.events import Channel, Event, Finished
from podium.domain.targets import Target
from podium.features.exec.report import Report
from podium.ports import Flow

AT_ONCE = 8  #: callbacks on their way

CallBack = Callable[[str, bytes], Awaitable[str]]  #: gives "" or why it failed


class EachEnd:
    """A view that tells of each final end, after the journal has it."""

    def __init__(self, where: str, run: str, call_back: CallBack) -> None:
        self._where = where
        self._run = run
        self._call_back = call_back
        self._room = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._failed = 0
        self._why = ""

    def attach(self, target: Target, flow: Flow) -> None:
        """Bytes are not told."""

    def write(self, target: Target, channel: Channel, data: memoryview) -> None:
        """Bytes are not told."""

    def take(self, event: Event) -> None:
        """Tell of a final end."""
        if isinstance(event, Finished) and event.next_in is None:
            task = asyncio.create_task(self._tell(event))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Wait until all are told."""
        if self._under_way:
            await asyncio.wait(set(self._under_way))
        if self._failed > 0:
            render.error(f"--on-end-each: {self._failed} not told: {self._why}")

    async def _tell(self, end: Finished) -> None:
        document = encode({"event": "finished", "run": self._run, **end_record(end), "at": end.at}) + b"\n"
        async with self._room:
            why = await self._call_back(self._where, document)
        if why:
            self._failed += 1
            self._why = why


async def tell_end(where: str, report: Report, who: str, call_back: CallBack) -> None:
    """Tell of the end of a run; says so where that fails, which changes no status: what ran has ran."""
    why = await call_back(where, encode(summary_line(report, who)) + b"\n")
    if why:
        render.error(f"--on-end: not told: {why}")
