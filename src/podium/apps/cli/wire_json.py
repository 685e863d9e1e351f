"""The shapes of `-o json` and `-o jsonl`: stable, documented in docs/reference/json.md.

Every key is always there; null says that there is nothing to say. Output is text where it is UTF-8, else base64
under another key.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from podium.domain.errors import PodiumError
from podium.domain.events import Channel, Event, Finished, Noticed, Started, Stream, WaveBegan
from podium.domain.inventory import Unreached
from podium.domain.outcomes import (
    NAMES,
    Cancelled,
    Failed,
    Outcome,
    Reason,
    Stopped,
    Succeeded,
    TimedOut,
    name_of,
    reason_of,
)
from podium.domain.selection import LeftOut, Missing, Resolution
from podium.domain.targets import Target
from podium.features.exec.refusals import NothingReachedError, TooFewTargetsError
from podium.features.exec.report import Report

Shape = dict[str, Any]
Read = Callable[[Stream, int | None], bytes]


def whole(report: Report, who: str, read: Read, limit: int) -> Iterator[bytes]:
    """Write a run as one object, in pieces: a target a line, so that outputs are held one at a time."""
    head = encode(_head(report, who))
    yield head[:-1] + b',"targets":['
    separator = b"\n"
    for end in report.ends.values():
        yield separator + encode(finished_record(end, read, limit))
        separator = b",\n"
    yield b'],\n"left_out":['
    yield b",".join(b"\n" + encode(left_out_record(left)) for left in report.resolution.left_out)
    yield b'],\n"missing":' + encode([missing_record(one) for one in report.resolution.missing])
    yield b',\n"unreached":' + encode([unreached_record(one) for one in report.unreached])
    yield b',"error":null}\n'


def failure(error: PodiumError, status: int) -> Shape:
    """The object of a run that never came to be: nothing ran, and why; who was left out or not reached, if known."""
    resolution = error.resolution if isinstance(error, TooFewTargetsError) else Resolution((), ())
    unreached = error.unreached if isinstance(error, TooFewTargetsError | NothingReachedError) else ()
    return {
        "run": None,
        "counts": dict.fromkeys(NAMES.values(), 0),
        "complete": False,
        "targets": [],
        "left_out": [left_out_record(left) for left in resolution.left_out],
        "missing": [missing_record(one) for one in resolution.missing],
        "unreached": [unreached_record(one) for one in unreached],
        "error": {"exit": status, "text": _clean(str(error))},
    }


def failure_line(error: PodiumError, status: int) -> Shape:
    """The one line of `-o jsonl` for a run that never came to be: its summary."""
    shape = failure(error, status)
    del shape["targets"]
    return {"event": "summary", **shape}


def summary_line(report: Report, who: str) -> Shape:
    """The last line of `-o jsonl`."""
    return {
        "event": "summary",
        **_head(report, who),
        "left_out": [left_out_record(left) for left in report.resolution.left_out],
        "missing": [missing_record(one) for one in report.resolution.missing],
        "unreached": [unreached_record(one) for one in report.unreached],
        "error": None,
    }


def event_line(event: Event) -> Shape:
    """An event of the run as a line of `-o jsonl`; outputs came before, as lines of their own."""
    match event:
        case Started(target, attempt, at):
            return {"event": "started", **target_record(target), "attempt": attempt, "at": at}
        case Finished():
            return {"event": "finished", **end_record(event), "at": event.at, "next_in": event.next_in}
        case Noticed(text, at):
            return {"event": "noticed", "text": _clean(text), "at": at}
        case WaveBegan(number, of, size, at):
            return {"event": "wave_began", "number": number, "of": of, "size": size, "at": at}


def output_line(target: Target, channel: Channel, data: bytes) -> Shape:
    """Bytes of a target as a line of `-o jsonl`, on their way."""
    stream = channel.name.lower()
    return {"event": "output", **target_record(target), "stream": stream, **_bytes_record("data", data)}


def finished_record(end: Finished, read: Read, limit: int) -> Shape:
    """One of `targets[]`: the end of a target with what it wrote, at most `limit` bytes a stream."""
    stdout, stderr = read(end.answer.stdout, limit), read(end.answer.stderr, limit)
    record = end_record(end)
    seconds = record.pop("seconds")
    return {
        **record,
        **_bytes_record("stdout", stdout),
        **_bytes_record("stderr", stderr),
        "truncated": len(stdout) < end.answer.stdout.size or len(stderr) < end.answer.stderr.size,
        "seconds": seconds,
    }


def target_record(target: Target) -> Shape:
    """Who."""
    return {
        "cluster": target.cluster,
        "namespace": target.namespace,
        "pod": target.pod,
        "container": target.container,
        "node": target.node or None,
    }


def left_out_record(left: LeftOut) -> Shape:
    """One of `left_out[]`."""
    return {
        "cluster": left.pod.cluster,
        "namespace": left.pod.namespace,
        "pod": left.pod.name,
        "container": left.container or None,
        "node": left.pod.node or None,
        "why": left.why.value,
        "label": left.label,
        "should_run": left.should_run,
        "last_exit_code": left.last_exit_code,
        "restarts": left.restarts,
    }


def missing_record(one: Missing) -> Shape:
    """One of `missing[]`."""
    return {"name": one.name, "near": list(one.near)}


def unreached_record(one: Unreached) -> Shape:
    """One of `unreached[]`."""
    return {
        "cluster": one.cluster,
        "namespace": one.namespace or None,
        "reason": one.reason.value,
        "detail": _clean(one.detail),
    }


def encode(shape: object) -> bytes:
    """Write a shape as JSON in UTF-8, in one line."""
    return msgspec.json.encode(shape)


def _head(report: Report, who: str) -> Shape:
    plan = report.plan
    run = {
        "id": plan.run,
        "action": plan.action,
        "command": [_clean(word) for word in plan.command.shown],
        "kind": plan.command.kind.value,
        "who": who,
        "timeout": plan.command.timeout,
        "seconds": round(report.seconds, 3),
        "exit": report.exit_status,
        "stop": None if report.stop is None else _clean(report.stop.text),
        "seed": report.resolution.seed,
        "notes": [_clean(note) for note in report.notes],
    }
    counts: Mapping[str, int] = report.counts
    return {
        "run": run,
        "counts": {name: counts.get(name, 0) for name in NAMES.values()},
        "complete": report.complete,
    }


def end_record(end: Finished) -> Shape:
    """How a target ended, without what it wrote."""
    reason = reason_of(end.outcome)
    return {
        **target_record(end.target),
        "outcome": name_of(end.outcome),
        "proof": end.outcome.proof.value if isinstance(end.outcome, Succeeded | Failed) else None,
        "exit_code": _exit_code(end.outcome),
        "reason": None if reason is None else reason.why.value,
        "detail": None if reason is None else _detail(reason),
        "attempts": end.attempt,
        "stopped": _stopped(end.outcome),
        "seconds": round(end.seconds, 3),
    }


def _detail(reason: Reason) -> str | None:
    return _clean(reason.detail) if reason.detail else None


def _exit_code(outcome: Outcome) -> int | None:
    match outcome:
        case Succeeded():
            return 0
        case Failed(exit_code):
            return exit_code
        case _:
            return None


def _stopped(outcome: Outcome) -> str | None:
    match outcome:
        case TimedOut(stopped=Stopped() as stopped) | Cancelled(stopped=stopped):
            return stopped.value
        case _:
            return None


def _bytes_record(name: str, data: bytes) -> Shape:
    try:
        return {name: data.decode("utf-8")}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode("ascii")}


def _clean(text: str) -> str:
    """Text that JSON can carry: bytes of argv that are no UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
