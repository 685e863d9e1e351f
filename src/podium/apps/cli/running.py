"""A run from its plan to its exit status: what exec, resume and rerun share."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from podium.apps import bootstrap
from podium.apps.cli import session
from podium.apps.cli.asking import Asked, Questions, pass_question, question_for
from podium.apps.cli.request import Show
from podium.apps.cli.showing import Showing
from podium.features.exec.service import ExecService, Prepared


@dataclass(frozen=True, slots=True)
class Wish:
    """What to run, how to show it, and what was answered beforehand."""

    connect: bootstrap.Connect
    show: Show
    prepare: Callable[[ExecService], Awaitable[Prepared]]
    yes: bool = False
    dry_run: bool = False


def fulfil(wish: Wish) -> int:
    """Run it, or show its plan; gives the exit status."""
    if wish.dry_run:
        from podium.apps.cli import dry_run

        dry_run.check(wish.show)
        return session.run(partial(_show_plan, wish))
    return session.run(partial(_conduct, wish))


def _questions(wish: Wish) -> Questions:
    return Questions(wish.yes, asked=Asked(wish.connect.state_dir, os.environ))


async def _show_plan(wish: Wish, interrupts: session.Interrupts) -> int:  # noqa: ARG001 - nothing to end gracefully
    from podium.apps.cli import dry_run

    async with bootstrap.connect(wish.connect) as fleet:
        prepared = await wish.prepare(ExecService(fleet))
    return dry_run.present(prepared, wish.show, question_for(prepared, _questions(wish)))


async def _conduct(wish: Wish, interrupts: session.Interrupts) -> int:
    async with bootstrap.connect(wish.connect) as fleet:
        service = ExecService(fleet)
        prepared = await wish.prepare(service)
        showing = Showing(wish.show, prepared, fleet.blobs.read, interrupts.closed_stdout)
        showing.begin()
        await pass_question(prepared, _questions(wish))
        run = await service.run(prepared, showing.views)
        interrupts.follow(run.stop, showing.stopping)
        try:
            async for event in run:
                showing.views.take(event)
        except BaseException:
            await interrupts.hurry(showing.views.close())
            raise
        await interrupts.hurry(showing.close(run.report()))
        interrupts.remove()
        return showing.end(run.report())
