"""podium targets: what a selection picks, and what it leaves out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from podium.apps import bootstrap
from podium.apps.cli import render, session, wording
from podium.apps.cli.connecting import Surroundings, read_connect
from podium.apps.cli.selecting import again, read_reach, read_selection
from podium.apps.cli.tables import fit, table
from podium.apps.cli.verbs import Call
from podium.apps.cli.wire_json import Shape, encode, left_out_record, missing_record, target_record, unreached_record
from podium.domain.commands import Command
from podium.domain.errors import UsageError
from podium.domain.escapes import neutralise
from podium.domain.inventory import Container, Snapshot
from podium.domain.selection import LeftOut, Picked, Resolution
from podium.domain.targets import format_id
from podium.domain.units import format_duration
from podium.features.exec.absent import missing_lines, unreached_lines
from podium.features.exec.phrases import plural
from podium.features.exec.refusals import too_few
from podium.features.exec.request import ExecRequest
from podium.features.exec.service import ExecService

_HEADS = ("CLUSTER", "NAMESPACE", "POD", "CONTAINER", "NODE", "READY", "RESTARTS", "AGE")
_WIDE = ("IMAGE", "WORKLOAD", "REVISION", "IP")
_LEFT_HEADS = ("CLUSTER", "NAMESPACE", "POD", "CONTAINER", "WHY", "PHASE", "LAST EXIT", "RESTARTS", "COUNTS")


@dataclass(frozen=True, slots=True)
class _Wish:
    connect: bootstrap.Connect
    request: ExecRequest
    form: str
    left_out: bool
    quiet: bool


def act(call: Call) -> int:
    """Act; gives the exit status."""
    flags = call.flags
    if call.command is not None:
        raise UsageError("targets runs no command: leave out -- and what follows (podium exec runs one)")
    taken = "it has the targets" if flags.text("targets_from") == "-" else ""
    connect = read_connect(flags, Surroundings(os.environ, stdin_taken=taken, warn=render.say))
    least = flags.count("min_targets")
    request = ExecRequest(
        selection=read_selection(flags, acting=False),
        command=Command(argv=()),
        min_targets=1 if least is None else least,
        allow_skipped=flags.is_set("allow_skipped"),
        reach=read_reach(flags),
        again=again(flags),
    )
    form = flags.text("output") or "text"
    return session.run(partial(_show, _Wish(connect, request, form, flags.is_set("left_out"), flags.is_set("quiet"))))


async def _show(wish: _Wish, interrupts: session.Interrupts) -> int:  # noqa: ARG001 - nothing to end gracefully
    async with bootstrap.connect(wish.connect) as fleet:
        service = ExecService(fleet)
        snapshot = await service.snapshot(wish.request)
        resolution = service.pick(wish.request, snapshot)
    if not wish.quiet:
        _warn(resolution, snapshot)
    refusal = too_few(wish.request, resolution, snapshot)
    if refusal is not None and not (wish.left_out and resolution.left_out):
        raise refusal
    _print(wish, resolution, snapshot)
    return 0 if _is_complete(resolution, snapshot, allow_skipped=wish.request.allow_skipped) else 1


def _is_complete(resolution: Resolution, snapshot: Snapshot, *, allow_skipped: bool) -> bool:
    lacking = bool(resolution.missing) or any(left.should_run for left in resolution.left_out)
    return not snapshot.unreached and (allow_skipped or not lacking)


def _print(wish: _Wish, resolution: Resolution, snapshot: Snapshot) -> None:
    if wish.form == "json":
        render.write_out(encode(_whole(wish, resolution, snapshot)) + b"\n")
        return
    if wish.form == "name":
        names = _left_names(resolution.left_out) if wish.left_out else [format_id(p.target) for p in resolution.picked]
        for name in names:
            render.answer(name)
        return
    wide = wish.form == "wide"
    heads, rows = _left_rows(resolution) if wish.left_out else _rows(resolution, snapshot, wide=wide)
    limit = None if wide else render.columns_of(sys.stdout)
    fitted = fit(heads, rows, limit, "POD")
    for line in table(fitted.heads, fitted.rows, limit):
        render.answer(line)
    if not wish.quiet:
        if fitted.same:
            told = " · ".join(f"{head.lower()} {value or '-'}" for head, value in fitted.same)
            render.say(f"the same in all: {told}")
        render.say(_summary(resolution))


def _rows(resolution: Resolution, snapshot: Snapshot, *, wide: bool) -> tuple[Sequence[str], list[list[str]]]:
    now = time.time()
    rows = [_row(picked, snapshot, now, wide=wide) for picked in resolution.picked]
    return (*_HEADS, *_WIDE) if wide else _HEADS, rows


def _row(picked: Picked, snapshot: Snapshot, now: float, *, wide: bool) -> list[str]:
    target, pod = picked.target, picked.pod
    container = next((one for one in pod.containers if one.name == target.container), None)
    node = snapshot.node_of(pod)
    cells = [target.cluster, target.namespace, target.pod, target.container]
    cells.append(target.node + (" (NotReady)" if node is not None and not node.ready else ""))
    cells += ["yes" if pod.ready else "no", str(container.restarts) if container else "", _age(pod.created, now)]
    if wide:
        workload = f"{pod.workload.kind}/{pod.workload.name}" if pod.workload else ""
        cells += [container.image if container else "", workload, pod.revision, pod.ip]
    return [neutralise(cell) for cell in cells]


def _age(created: float, now: float) -> str:
    seconds = max(now - created, 0.0)
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "m")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return format_duration(float(int(seconds)))


def _left_rows(resolution: Resolution) -> tuple[Sequence[str], list[list[str]]]:
    rows = [
        [
            left.pod.cluster,
            left.pod.namespace,
            left.pod.name,
            left.container,
            left.label,
            left.pod.phase,
            "" if left.last_exit_code is None else str(left.last_exit_code),
            str(left.restarts),
            "yes" if left.should_run else "no",
        ]
        for left in resolution.left_out
    ]
    return _LEFT_HEADS, [[neutralise(cell) for cell in row] for row in rows]


def _left_names(left_out: Iterable[LeftOut]) -> list[str]:
    """As --targets-from reads them: with a container where one was chosen, else the pod."""
    return [f"{left.pod.namespace}/{left.pod.name}" for left in left_out]


def _summary(resolution: Resolution) -> str:
    parts = [plural(len(resolution.picked), "target")]
    left = len(resolution.left_out)
    if left > 0:
        counting = sum(one.should_run for one in resolution.left_out)
        parts.append(f"{left} left out" + (f", {counting} of them should run" if counting > 0 else ""))
    if resolution.seed is not None:
        parts.append(f"sample by --seed {resolution.seed}")
    return " · ".join(parts)


def _warn(resolution: Resolution, snapshot: Snapshot) -> None:
    lines = [
        wording.container_choice(resolution),
        wording.protected(resolution.left_out),
        *missing_lines(resolution.missing),
        *unreached_lines(snapshot.unreached),
        *snapshot.notes,
    ]
    for line in lines:
        if line is not None:
            render.say(line)


def _whole(wish: _Wish, resolution: Resolution, snapshot: Snapshot) -> Shape:
    return {
        "seed": resolution.seed,
        "complete": _is_complete(resolution, snapshot, allow_skipped=wish.request.allow_skipped),
        "targets": [_picked_record(picked) for picked in resolution.picked],
        "left_out": [left_out_record(left) for left in resolution.left_out],
        "missing": [missing_record(one) for one in resolution.missing],
        "unreached": [unreached_record(one) for one in snapshot.unreached],
        "error": None,
    }


def _picked_record(picked: Picked) -> Shape:
    pod = picked.pod
    container = next((one for one in pod.containers if one.name == picked.target.container), Container("", ""))
    return {
        **target_record(picked.target),
        "image": container.image,
        "ready": pod.ready,
        "restarts": container.restarts,
        "workload": f"{pod.workload.kind}/{pod.workload.name}" if pod.workload else None,
        "revision": pod.revision or None,
        "ip": pod.ip or None,
        "created": pod.created,
    }
