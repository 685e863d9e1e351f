"""podium trail: list, show, verify and export the audit trail."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from datetime import datetime

from podium.apps import bootstrap
from podium.apps.cli import render
from podium.apps.cli.tables import table
from podium.apps.cli.verbs import Call, Flags
from podium.apps.cli.wire_json import Shape, encode
from podium.domain.audit import Entry, Moment
from podium.domain.errors import NothingMatchedError, UsageError
from podium.domain.escapes import neutralise
from podium.domain.run_ids import short
from podium.domain.units import Toward, format_count, parse_time
from podium.features.trail.query import Query, matching, to_csv
from podium.features.trail.service import TrailService

_HEADS = ("TIME", "RUN", "WHO", "VERB", "COMMAND", "SELECTION", "TARGETS", "CAME TO", "REASON")


def act(call: Call) -> int:
    """Act; gives the exit status."""
    flags = call.flags
    if call.command is not None:
        raise UsageError("trail runs no command: leave out -- and what follows")
    service = TrailService(bootstrap.open_trail(flags.text("state_dir"), os.environ))
    word = flags.text("action") or "list"
    if word == "verify":
        return _verify(service, flags)
    query = _query(flags)
    if word == "show":
        return _show(service, flags, query)
    return _print(service.find(query), flags, "csv" if word == "export" and flags.text("output") == "text" else "")


def _verify(service: TrailService, flags: Flags) -> int:
    found = service.verify(flags.text("head"))
    if flags.text("output") == "json":
        flaws = [{"line": flaw.line, "what": flaw.what} for flaw in found.flaws]
        render.write_out(encode({"entries": found.entries, "head": found.head, "flaws": flaws}) + b"\n")
    else:
        for flaw in found.flaws:
            render.answer(f"line {flaw.line}: {flaw.what}")
        verdict = "holds" if not found.flaws else "does not hold"
        render.answer(f"{format_count(found.entries)} entries, the chain {verdict}; head {found.head or 'none'}")
    return 0 if not found.flaws else 1


def _show(service: TrailService, flags: Flags, query: Query) -> int:
    run = flags.text("run_id") or ""
    if not run:
        raise UsageError("trail show: which run? podium trail show RUN (see podium trail list)")
    entries = service.find(query)
    if run == "last":
        run = entries[-1].record.run if entries else run
    found = matching(entries, Query(run=run.upper()))
    if not found:
        raise NothingMatchedError(f"no run {run} in the trail")
    render.write_out(encode([_shape(entry) for entry in found]) + b"\n")
    return 0


def _print(entries: tuple[Entry, ...], flags: Flags, form: str) -> int:
    form = form or flags.text("output") or "text"
    if form == "csv":
        render.write_out(to_csv(entries).encode("utf-8", "surrogateescape"))
    elif form == "json":
        render.write_out(encode([_shape(entry) for entry in entries]) + b"\n")
    else:
        for line in table(_HEADS, [_row(*pair) for pair in _pairs(entries)], render.columns_of(sys.stdout)):
            render.answer(line)
    return 0


def _pairs(entries: Iterable[Entry]) -> list[tuple[Entry, Entry | None]]:
    """One row a run: what was recorded before, and what after."""
    afters = {entry.record.run: entry for entry in entries if entry.record.moment is Moment.AFTER}
    befores = [entry for entry in entries if entry.record.moment is Moment.BEFORE]
    return [(entry, afters.get(entry.record.run)) for entry in befores]


def _row(before: Entry, after: Entry | None) -> tuple[str, ...]:
    record = before.record
    who = record.who or record.os_user
    if record.impersonated:
        who = f"{who} as {record.impersonated}"
    counts = None if after is None else after.record.counts
    came_to = "no end recorded" if counts is None else " ".join(f"{count} {name}" for name, count in counts.items())
    cells = (
        datetime.fromtimestamp(record.at).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        short(record.run),
        who,
        record.verb,
        record.command,
        record.selection,
        str(record.targets),
        came_to,
        record.reason,
    )
    return tuple(" ".join(neutralise(cell).split()) for cell in cells)


def _shape(entry: Entry) -> Shape:
    record = entry.record
    return {
        "number": entry.number,
        "hash": entry.hash,
        "previous": entry.previous,
        "moment": record.moment.value,
        "at": record.at,
        "run": record.run,
        "who": record.who,
        "impersonated": record.impersonated,
        "os_user": record.os_user,
        "host": record.host,
        "verb": record.verb,
        "command": record.command,
        "command_digest": record.command_digest,
        "selection": record.selection,
        "contexts": list(record.contexts),
        "namespaces": list(record.namespaces),
        "targets": record.targets,
        "reason": record.reason,
        "counts": dict(record.counts),
    }


def _query(flags: Flags) -> Query:
    return Query(
        since=_time(flags, "since"),
        until=_time(flags, "until"),
        who=flags.texts("who"),
        namespaces=flags.texts("of_namespace"),
        verbs=flags.texts("verb"),
        run=(flags.text("run") or "").upper(),
    )


def _time(flags: Flags, name: str) -> float | None:
    text = flags.text(name)
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None
    return None if text is None else parse_time(text, time.time(), zone, Toward.PAST)
