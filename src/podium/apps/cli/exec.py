"""podium exec."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial

from podium.apps import bootstrap
from podium.apps.cli import render, session
from podium.apps.cli.connecting import Surroundings, read_connect
from podium.apps.cli.request import Show, read_request, read_show
from podium.apps.cli.showing import Showing
from podium.apps.cli.verbs import Call, Flags
from podium.features.exec.request import ExecRequest
from podium.features.exec.service import ExecService


@dataclass(frozen=True, slots=True)
class _Wish:
    connect: bootstrap.Connect
    request: ExecRequest
    show: Show


def act(call: Call) -> int:
    """Act; gives the exit status."""
    flags = call.flags
    around = Surroundings(os.environ, _stdin_taken(flags), flags.count("max_output"), render.say)
    wish = _Wish(read_connect(flags, around), read_request(call), read_show(flags))
    return session.run(partial(_run, wish))


def _stdin_taken(flags: Flags) -> str:
    if flags.is_set("stdin"):
        return "it goes to the targets (-i)"
    return "it has the targets (--targets-from -)" if flags.text("targets_from") == "-" else ""


async def _run(wish: _Wish, interrupts: session.Interrupts) -> int:
    async with bootstrap.connect(wish.connect) as fleet:
        service = ExecService(fleet)
        prepared = await service.prepare(wish.request)
        showing = Showing(wish.show, prepared, fleet.blobs.read, interrupts.closed_stdout)
        showing.begin()
        run = service.run(prepared, showing.views)
        interrupts.follow(run.stop, showing.stopping)
        interrupts.watch(render.STDOUT)
        try:
            async for event in run:
                showing.views.take(event)
        except BaseException:
            await interrupts.hurry(showing.views.close())
            raise
        await interrupts.hurry(showing.close(run.report()))
        interrupts.remove()
        return showing.end(run.report())
