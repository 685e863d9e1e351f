"""podium exec."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial

import click

from podium.apps.bootstrap import Connect
from podium.apps.cli import render, session
from podium.apps.cli.connecting import Surroundings, read_connect
from podium.apps.cli.options import (
    CARE,
    CLUSTER,
    COLOR,
    CONNECT_TIMEOUT,
    INPUT,
    LOUDNESS,
    PACE,
    SCREEN,
    SELECTION,
    output,
)
from podium.apps.cli.request import Format, Show, read_request, read_show
from podium.apps.cli.verbs import Call, Flags, Verb
from podium.features.exec.request import ExecRequest

_ABOUT = """Run a command in every target and fold equal answers into one.

TARGETS: NAME|GLOB, TYPE/NAME (deploy sts ds rs job cronjob pod svc), -l, --field-selector, --targets-from, --all.

  podium exec -n shop deploy/web -- cat /app/REVISION
  podium exec -A -l app=web --sh 'df -h / | tail -1'

-o name prints the targets where the command succeeded."""


@dataclass(frozen=True, slots=True)
class _Wish:
    connect: Connect
    request: ExecRequest
    show: Show


def _act(call: Call) -> int:
    flags = call.flags
    around = Surroundings(os.environ, _stdin_taken(flags), flags.count("max_output"), render.say)
    wish = _Wish(read_connect(flags, around), read_request(call), read_show(flags))
    return session.run(partial(_run, wish))


def _stdin_taken(flags: Flags) -> str:
    if flags.is_set("stdin"):
        return "it goes to the targets (-i)"
    return "it has the targets (--targets-from -)" if flags.text("targets_from") == "-" else ""


async def _run(wish: _Wish, interrupts: session.Interrupts) -> int:
    from podium.apps.bootstrap import connect
    from podium.apps.cli.showing import Showing
    from podium.features.exec.service import ExecService

    async with connect(wish.connect) as fleet:
        service = ExecService(fleet)
        prepared = await service.prepare(wish.request)
        showing = Showing(wish.show, prepared, fleet.blobs.read, interrupts.closed_stdout)
        showing.begin()
        run = service.run(prepared, showing.views)
        interrupts.follow(run.stop, showing.stopping)
        try:
            async for event in run:
                showing.views.take(event)
        finally:
            await showing.views.close()
        interrupts.remove()
        return await showing.end(run.report())


VERB = Verb(
    "exec",
    _act,
    [
        click.Argument(["words"], nargs=-1),
        *CLUSTER,
        *SELECTION,
        *INPUT,
        *PACE,
        *CONNECT_TIMEOUT,
        *CARE,
        output(*(form.value for form in Format)),
        *SCREEN,
        *COLOR,
        *LOUDNESS,
    ],
    _ABOUT,
    "TARGETS [flags] -- COMMAND [ARGS]",
)
