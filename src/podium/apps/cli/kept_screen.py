"""A kept run on the screen that it had, and its outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping

from podium.apps.cli import render
from podium.apps.cli.kept import decode_call
from podium.apps.cli.request import Format, read_show
from podium.apps.cli.showing import answers
from podium.apps.cli.text import Text
from podium.apps.cli.verbs import Flags
from podium.apps.cli.wire_json import Read
from podium.domain.commands import Command, CommandKind
from podium.domain.errors import UsageError
from podium.domain.escapes import neutralise
from podium.domain.events import Event, Finished, Noticed, Stream, WaveBegan
from podium.domain.inventory import Pod, Snapshot
from podium.domain.outcomes import Failed, Reason, Skipped, Why, name_of, reason_of
from podium.domain.runs import SILENT
from podium.domain.selection import LeftOut, LeftOutWhy, Resolution, Selection
from podium.domain.targets import Target, format_id
from podium.features.exec.report import Report, Stop
from podium.features.exec.request import ExecRequest
from podium.features.exec.service import Prepared
from podium.features.runs.service import Kept
from podium.runner.plan import Plan

_BROKEN_OFF = Stop("broken off: the process that ran it ended before it", 5)
_RUNNING = Stop("it is still running", 5)


def show(kept: Kept, read: Read, flags: Flags) -> int:
    """Show a run as it was shown when it ended; gives the exit status it had, 5 where it was broken off."""
    shown = read_show(Flags({"words": (), **_NO_SELECTION, **flags.values}))
    if shown.format is Format.JSONL or shown.stream or shown.out_dir is not None:
        raise UsageError("runs show: -o jsonl, --stream and --out-dir are of a run that goes on (podium runs follow)")
    report = report_of(kept)
    prepared = Prepared(
        request=ExecRequest(Selection(), report.plan.command),
        plan=report.plan,
        resolution=report.resolution,
        snapshot=Snapshot(()),
        contexts=kept.record.contexts,
        who=kept.record.identity,
        said=kept.record.selection,
    )
    reading = _forgiving(read)
    text = Text(shown, prepared, reading)
    status = report.exit_status if kept.head.exit_status is None else kept.head.exit_status
    if not shown.quiet:
        for line in text.before():
            render.say(line)
    for piece in answers(report, shown, prepared.who, reading, text):
        render.write_out(piece)
    render.flush()
    if not shown.quiet:
        for line in text.last_lines(report, status):
            render.say(line)
    return status


def write_outputs(kept: Kept, read: Read) -> int:
    """Write what every target wrote to stdout and stderr, each under a line with its name on stderr."""
    reading = _forgiving(read)
    for target, end in kept.ends.items():
        render.flush()
        render.say(f"# {format_id(target)}: {_ended(end)}")
        render.write_out(reading(end.answer.stdout, None))
        render.flush()
        render.write_error(reading(end.answer.stderr, None))
    return 0


def line_of(event: Event) -> str:
    """An event as a line, "" for one that is not worth it."""
    match event:
        case Finished():
            return neutralise(f"{format_id(event.target)}: {_ended(event)}")
        case Noticed(text):
            return neutralise(text)
        case WaveBegan(number, of, size):
            return f"wave {number} of {of}: {size} targets"
        case _:
            return ""


def report_of(kept: Kept) -> Report:
    """A kept run as a report. The snapshot is not kept: nothing sets its groups apart."""
    record, head = kept.record, kept.head
    ends: dict[Target, Finished] = {}
    for target in record.targets:
        end = kept.ends.get(target)
        if end is None and not head.is_live:
            end = Finished(target, 0, Skipped(Reason(Why.INTERRUPTED, "never started")), SILENT, 0.0, head.begun)
        if end is not None:
            ends[target] = end
    last = max((end.at for end in ends.values()), default=head.begun)
    return Report(
        plan=Plan(record.run, record.action, _command(kept), record.targets),
        resolution=Resolution((), tuple(_left_out(kept))),
        unreached=(),
        ends=ends,
        seconds=(last if head.ended is None else head.ended) - head.begun,
        stop=_stop(kept),
        resumable=record.request != "",
    )


def _stop(kept: Kept) -> Stop | None:
    head = kept.head
    if head.ended is None:
        return _RUNNING if head.is_live else _BROKEN_OFF
    return Stop(head.stop, head.exit_status or 0) if head.stop else None


def _left_out(kept: Kept) -> list[LeftOut]:
    return [
        LeftOut(_pod(one.target), one.target.container, LeftOutWhy.WAITING, one.should_run, one.label)
        for one in kept.record.left_out
    ]


def _pod(target: Target) -> Pod:
    return Pod(target.cluster, target.namespace, target.pod, target.uid, node=target.node)


def _command(kept: Kept) -> Command:
    try:
        return decode_call(kept.record.request, kept.record.run).command
    except (UsageError, KeyError, json.JSONDecodeError):
        return Command((kept.record.command,), CommandKind.LINE)


def _ended(end: Finished) -> str:
    code = f" {end.outcome.exit_code}" if isinstance(end.outcome, Failed) else ""
    reason = reason_of(end.outcome)
    return name_of(end.outcome).replace("_", " ") + code + (f": {reason}" if reason is not None else "")


def _forgiving(read: Read) -> Read:
    """Outputs may have been swept: what is not kept any more is empty, and the run is shown all the same."""

    def reading(stream: Stream, limit: int | None) -> bytes:
        try:
            return read(stream, limit)
        except KeyError:
            return b""

    return reading


_NO_SELECTION: Mapping[str, object] = {
    "kubeconfig": None, "context": (), "namespace": (), "all_namespaces": False, "everything": False, "labels": (),
    "field_selectors": (), "containers": (), "all_containers": False, "nodes": (), "excludes": (), "ready": None,
    "images": (), "revision": None, "restarts_over": None, "targets_from": None, "from_run": (),
}  # fmt: skip
