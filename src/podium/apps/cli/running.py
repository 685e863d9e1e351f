"""A run from its plan to its exit status: what exec, resume and rerun share."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from podium.apps import bootstrap
from podium.apps.cli import render, session
from podium.apps.cli.asking import Asked, Questions, pass_question, question_for
from podium.apps.cli.callbacks import EachEnd, tell_end
from podium.apps.cli.detaching import Detached, detach
from podium.apps.cli.request import Show
from podium.apps.cli.showing import Showing
from podium.apps.cli.verbs import Flags
from podium.domain.errors import UsageError
from podium.features.exec.asking import Rules
from podium.features.exec.service import ExecService, Prepared


@dataclass(frozen=True, slots=True)
class After:
    """Who is told of the ends, and whether to wait for them: the last Care flags."""

    detach: bool = False
    on_end: str | None = None
    on_end_each: str | None = None


def read_after(flags: Flags) -> After:
    """Read --detach, --on-end and --on-end-each; raises UsageError."""
    is_detached = flags.is_set("detach")
    if is_detached and flags.is_set("dry_run"):
        raise UsageError("--detach and --dry-run contradict each other: give one of them")
    if is_detached and flags.values.get("no_journal"):
        raise UsageError("--detach and --no-journal contradict each other: nobody could look at the run")
    return After(is_detached, flags.text("on_end"), flags.text("on_end_each"))


@dataclass(frozen=True, slots=True)
class Wish:
    """What to run, how to show it, and what was answered beforehand."""

    connect: bootstrap.Connect
    show: Show
    prepare: Callable[[ExecService], Awaitable[Prepared]]
    yes: bool = False
    dry_run: bool = False
    after: After = After()
    rules: Rules = Rules()


def fulfil(wish: Wish) -> int:
    """Run it, or show its plan; gives the exit status."""
    if wish.after.detach:
        wish = replace(wish, connect=replace(wish.connect, terminal=False, stdin_taken="the run is detached"))
        return detach(lambda detached: session.run(partial(_conduct, wish, detached=detached)))
    if wish.dry_run:
        from podium.apps.cli import dry_run

        dry_run.check(wish.show)
        return session.run(partial(_show_plan, wish))
    return session.run(partial(_conduct, wish))


def _questions(wish: Wish) -> Questions:
    return Questions(wish.yes, wish.rules, Asked(wish.connect.state_dir, os.environ))


async def _show_plan(wish: Wish, interrupts: session.Interrupts) -> int:  # noqa: ARG001 - nothing to end gracefully
    from podium.apps.cli import dry_run

    async with bootstrap.connect(wish.connect) as fleet:
        prepared = await wish.prepare(ExecService(fleet))
    return dry_run.present(prepared, wish.show, question_for(prepared, _questions(wish)))


async def _conduct(wish: Wish, interrupts: session.Interrupts, detached: Detached | None = None) -> int:
    async with bootstrap.connect(wish.connect) as fleet:
        service = ExecService(fleet)
        prepared = await wish.prepare(service)
        after = wish.after
        each = None if after.on_end_each is None else EachEnd(after.on_end_each, prepared.plan.run, bootstrap.call_back)
        watching = () if each is None else (each,)
        showing = Showing(wish.show, prepared, fleet.blobs.read, interrupts.closed_stdout, watching)
        showing.begin()
        await pass_question(prepared, _questions(wish))
        run = await service.run(prepared, showing.views)
        interrupts.follow(run.stop, showing.stopping)
        interrupts.watch(render.STDOUT)
        if detached is not None:
            interrupts.ignore(signal.SIGHUP)
            detached.leave(prepared.plan.run)
        try:
            async for event in run:
                showing.views.take(event)
        except BaseException:
            await interrupts.hurry(showing.views.close())
            raise
        await interrupts.hurry(showing.close(run.report()))
        if after.on_end is not None:
            await interrupts.hurry(tell_end(after.on_end, run.report(), prepared.who, bootstrap.call_back))
        interrupts.remove()
        return showing.end(run.report())
