"""podium cancel: end a run that another process runs."""

from __future__ import annotations

import os
from functools import partial

from podium.apps import bootstrap
from podium.apps.cli import render, session
from podium.apps.cli.runs import brief
from podium.apps.cli.verbs import Call
from podium.domain.errors import UsageError
from podium.features.runs.service import RunsService


def act(call: Call) -> int:
    """Act; gives the exit status."""
    if call.command is not None:
        raise UsageError("cancel runs no command: leave out -- and what follows")
    runs = bootstrap.open_runs(call.flags.text("state_dir"), os.environ)
    try:
        service = RunsService(runs, bootstrap.clock())
        head = service.find(call.flags.text("run") or "")
        return session.run(partial(_cancel, service, head.run, quiet=call.flags.is_set("quiet")))
    finally:
        runs.close()


async def _cancel(service: RunsService, run: str, interrupts: session.Interrupts, *, quiet: bool) -> int:  # noqa: ARG001
    head = await service.cancel(run)
    if not quiet:
        render.say(brief(head))
    return 0
