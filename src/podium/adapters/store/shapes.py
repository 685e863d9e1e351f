"""Events as rows: what a person may query stands in columns, the rest in one JSON text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from podium.domain.events import Answer, Event, Finished, Noticed, Started, Stream, WaveBegan
from podium.domain.outcomes import (
    Cancelled,
    Failed,
    Lost,
    Outcome,
    Proof,
    Reason,
    Rejected,
    Skipped,
    Stopped,
    Succeeded,
    TimedOut,
    Why,
    name_of,
    reason_of,
)
from podium.domain.runs import NOTHING
from podium.domain.targets import Target

Row = tuple[str, int | None, int, float, str, str]  #: event, target's number, attempt, at, outcome, the rest
Body = dict[str, Any]


def to_row(event: Event, number_of: Callable[[Target], int]) -> Row:
    """Write an event; targets are numbers."""
    match event:
        case Started(target, attempt, at):
            return ("started", number_of(target), attempt, at, "", "")
        case Finished():
            body = {**_outcome_body(event.outcome), "out": _stream_body(event.answer.stdout)}
            body |= {"err": _stream_body(event.answer.stderr), "s": event.seconds}
            if event.next_in is not None:
                body["next"] = event.next_in
            number = number_of(event.target)
            return ("finished", number, event.attempt, event.at, name_of(event.outcome), json.dumps(body))
        case Noticed(text, at):
            return ("noticed", None, 0, at, "", json.dumps({"text": text}))
        case WaveBegan(number, of, size, at):
            return ("wave_began", None, number, at, "", json.dumps({"of": of, "size": size}))


def from_row(row: Row, target_of: Callable[[int], Target]) -> Event:
    """Read an event; raises ValueError or KeyError for what another version wrote."""
    kind, number, attempt, at, outcome, text = row
    body: Body = json.loads(text) if text else {}
    match kind:
        case "started" if number is not None:
            return Started(target_of(number), attempt, at)
        case "finished" if number is not None:
            answer = Answer(_stream(body["out"]), _stream(body["err"]))
            end = _outcome(outcome, body)
            return Finished(target_of(number), attempt, end, answer, body["s"], at, body.get("next"))
        case "noticed":
            return Noticed(body["text"], at)
        case "wave_began":
            return WaveBegan(attempt, body["of"], body["size"], at)
        case _:
            raise ValueError(f"an event of another version: {kind}")


def _stream_body(stream: Stream) -> list[str | int] | None:
    return None if stream.size == 0 else [stream.digest.hex(), stream.size, stream.kept]


def _stream(body: list[Any] | None) -> Stream:
    return NOTHING if body is None else Stream(bytes.fromhex(body[0]), body[1], body[2])


def _outcome_body(outcome: Outcome) -> Body:
    reason = reason_of(outcome)
    body: Body = {} if reason is None else {"why": reason.why.name, "detail": reason.detail}
    match outcome:
        case Succeeded(proof):
            body["proof"] = proof.value
        case Failed(code, proof):
            body |= {"proof": proof.value, "code": code}
        case TimedOut(stopped=stopped) | Cancelled(stopped=stopped):
            body["stopped"] = stopped.value
        case Rejected(retry_after=after) if after is not None:
            body["after"] = after
        case _:
            pass
    return body


def _outcome(name: str, body: Mapping[str, Any]) -> Outcome:
    reason = Reason(Why[body["why"]], body["detail"]) if "why" in body else None
    match name:
        case "succeeded":
            return Succeeded(Proof(body["proof"]))
        case "failed":
            return Failed(body["code"], Proof(body["proof"]), reason)
        case "cancelled":
            return Cancelled(Stopped(body["stopped"]))
        case "timed_out" if reason is not None:
            return TimedOut(reason, Stopped(body["stopped"]))
        case "rejected" if reason is not None:
            return Rejected(reason, body.get("after"))
        case "lost" if reason is not None:
            return Lost(reason)
        case "skipped" if reason is not None:
            return Skipped(reason)
        case _:
            raise ValueError(f"an outcome of another version: {name}")
