"""podium runs: list, show, output, follow, wait, diff."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

from podium.apps import bootstrap
from podium.apps.cli import kept_screen, render, session
from podium.apps.cli.tables import table
from podium.apps.cli.verbs import Call, Flags
from podium.apps.cli.wire_json import Shape, encode, event_line
from podium.domain.errors import UsageError
from podium.domain.escapes import neutralise
from podium.domain.outcomes import NAMES
from podium.domain.run_ids import short
from podium.domain.runs import RunHead
from podium.domain.units import format_count, format_elapsed
from podium.features.runs.comparing import compare
from podium.features.runs.service import Kept, RunsService

_HEADS = ("RUN", "BEGUN", "TOOK", "STATE", "TARGETS", "CAME TO", "COMMAND", "SELECTION")
_IDS = {"list": 0, "show": 1, "output": 1, "follow": 1, "wait": 1, "diff": 2}
_BROKEN_OFF = 5  #: exit status of a run whose process ended before it


def act(call: Call) -> int:
    """Act; gives the exit status."""
    flags = call.flags
    if call.command is not None:
        raise UsageError("runs runs no command: leave out -- and what follows")
    action, ids = flags.text("action") or "list", flags.texts("ids")
    if len(ids) != _IDS[action]:
        raise UsageError(f"runs {action} takes {_IDS[action] or 'no'} ID{'s' if _IDS[action] == 2 else ''}")
    runs = bootstrap.open_runs(flags.text("state_dir"), os.environ)
    try:
        service = RunsService(runs, bootstrap.clock())
        if action == "list":
            return _list(service.heads(), flags)
        if action == "diff":
            return _diff(service.look(ids[0]), service.look(ids[1]), flags)
        if action in {"wait", "follow"}:
            run = service.find(ids[0]).run
            waiting: Callable[..., object] = _wait if action == "wait" else _follow
            return session.run(partial(waiting, service, run, flags))  # type: ignore[arg-type]
        kept = service.look(ids[0])
        if action == "output":
            return kept_screen.write_outputs(kept, runs.read)
        return kept_screen.show(kept, runs.read, flags)
    finally:
        runs.close()


def brief(head: RunHead) -> str:
    """A run in one line."""
    return f"run {short(head.run)}: {_state(head)} · {_counts(head)}"


def status_of(head: RunHead) -> int:
    """The exit status of a run that is over."""
    return _BROKEN_OFF if head.exit_status is None else head.exit_status


def _list(heads: tuple[RunHead, ...], flags: Flags) -> int:
    form = flags.text("output") or "text"
    if form == "json":
        render.write_out(encode({"runs": [_record(head) for head in heads]}) + b"\n")
    elif form == "jsonl":
        for head in heads:
            render.write_out(encode(_record(head)) + b"\n")
    elif form == "name":
        for head in heads:
            render.answer(head.run)
    elif form in {"text", "wide"}:
        limit = None if form == "wide" else render.columns_of(sys.stdout)
        for line in table(_HEADS, [_row(head, whole=form == "wide") for head in heads], limit):
            render.answer(line)
    else:
        raise UsageError(f"runs list knows no -o {form}")
    return 0


def _row(head: RunHead, *, whole: bool) -> list[str]:
    begun = datetime.fromtimestamp(head.begun).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    took = format_elapsed((time.time() if head.is_live else head.ended or head.begun) - head.begun)
    run = head.run if whole else short(head.run)
    cells = [run, begun, took if head.is_live or head.ended is not None else "", _state(head)]
    cells += [format_count(head.planned), _counts(head), " ".join(head.command.split()), head.selection]
    return [neutralise(cell) for cell in cells]


def _state(head: RunHead) -> str:
    if head.is_live:
        return "running"
    if head.ended is None:
        return "broken off"
    return f"exit {head.exit_status}" + (" (stopped)" if head.stop else "")


def _counts(head: RunHead) -> str:
    parts = [
        f"{format_count(head.counts[name])} {name.replace('_', ' ')}" for name in NAMES.values() if name in head.counts
    ]
    if head.open > 0:
        parts.append(f"{format_count(head.open)} {'open' if head.is_live else 'without an end'}")
    return " · ".join(parts)


def _record(head: RunHead) -> Shape:
    return {
        "id": head.run,
        "action": head.action,
        "command": head.command,
        "selection": head.selection,
        "who": head.identity,
        "owner": head.owner,
        "begun": head.begun,
        "ended": head.ended,
        "running": head.is_live,
        "epoch": head.epoch,
        "targets": head.planned,
        "counts": {name: head.counts.get(name, 0) for name in NAMES.values()},
        "exit": head.exit_status,
        "stop": head.stop or None,
    }


async def _wait(service: RunsService, run: str, flags: Flags, interrupts: session.Interrupts) -> int:  # noqa: ARG001
    head = await service.wait(run)
    if not flags.is_set("quiet"):
        render.say(brief(head))
    return status_of(head)


async def _follow(service: RunsService, run: str, flags: Flags, interrupts: session.Interrupts) -> int:  # noqa: ARG001
    as_json = flags.text("output") == "jsonl"
    async for event in service.follow(run):
        if as_json:
            render.write_out(encode(event_line(event)) + b"\n")
        else:
            line = kept_screen.line_of(event)
            if line:
                render.answer(line)
        render.flush()
    head = service.find(run)
    if not flags.is_set("quiet"):
        render.say(brief(head))
    return status_of(head)


def _diff(before: Kept, after: Kept, flags: Flags) -> int:
    found = compare(before.ends, after.ends)
    if flags.text("output") == "json":
        shapes = [{"target": "/".join(one.place), "difference": one.what} for one in found]
        render.write_out(encode({"differences": shapes}) + b"\n")
    else:
        for one in found:
            render.answer(neutralise(f"{'/'.join(one.place)}: {one.what}"))
    if not flags.is_set("quiet"):
        a, b = short(before.record.run), short(after.record.run)
        render.say(f"{format_count(len(found))} differ between {a} and {b}")
    return 1 if found else 0
