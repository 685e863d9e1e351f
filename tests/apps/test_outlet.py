"""The way out holds its sources back, never the loop, and tells once when its reader went away."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from podium.apps.cli.outlet import HIGH, Outlet
from podium.apps.cli.progress import describe
from podium.domain.events import Started
from podium.domain.targets import Target
from podium.runner.state import RunState


@dataclass(eq=False)
class Held:
    """A source that counts."""

    pauses: int = 0
    resumes: int = 0

    def pause(self) -> None:
        self.pauses += 1

    def resume(self) -> None:
        self.resumes += 1


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_sources_wait_while_nobody_reads_and_go_on_afterwards() -> None:
    read, write = os.pipe()
    gone: list[bool] = []
    outlet = Outlet(write, lambda: gone.append(True))
    early, late = Held(), Held()
    outlet.attach(early)
    outlet.write(b"x" * (HIGH + 1))
    assert (early.pauses, early.resumes) == (1, 0), "held at once, and the loop was not"
    outlet.attach(late)
    assert late.pauses == 1, "who comes while too much waits is held, too"
    size = 0

    def drain() -> bool:
        nonlocal size
        size += len(os.read(read, 1 << 16))
        return size == HIGH + 1

    os.set_blocking(read, True)
    await asyncio.to_thread(lambda: [None for _ in iter(drain, True)])
    await until(lambda: early.resumes == 1 and late.resumes == 1)
    await outlet.close()
    assert outlet.is_idle
    assert not gone
    os.close(read)
    os.close(write)


async def test_a_reader_that_went_away_is_told_once_and_releases_sources() -> None:
    read, write = os.pipe()
    os.close(read)
    gone: list[bool] = []
    outlet = Outlet(write, lambda: gone.append(True))
    source = Held()
    outlet.attach(source)
    outlet.write(b"x" * (HIGH + 1))
    await until(lambda: gone)
    outlet.write(b"more")
    await outlet.close()
    assert gone == [True]
    assert source.resumes == source.pauses == 1
    os.close(write)


def started(state: RunState, at: float, *nodes: str) -> None:
    for number, node in enumerate(nodes):
        state.apply(Started(Target("c", "ns", f"web-{number}-{node}", "app", "u", node), 1, at))


def test_the_live_line_names_who_is_slow() -> None:
    state = RunState(planned=4)
    started(state, 100.0, "n1", "n2")
    assert describe(state, 1.0, 101.0) == "0/4 done · 2 running"
    assert describe(state, 9.0, 109.0) == "0/4 done · 2 running · slowest web-0-n1 on n1, 9.0 s"


def test_the_live_line_names_a_node_that_holds_everything_up() -> None:
    state = RunState(planned=2)
    started(state, 100.0, "n7", "n7")
    assert describe(state, 9.0, 109.0) == "0/2 done · 2 running · all wait for node n7, 9.0 s"
    waiting = RunState(planned=3)
    started(waiting, 100.0, "n7", "n7")
    assert "slowest" in describe(waiting, 9.0, 109.0), "others still wait: the node is not alone"
