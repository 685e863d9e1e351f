"""Which entries of a trail a question means: pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from podium.domain.audit import Entry
from podium.domain.globs import globs

COLUMNS = (
    "number", "at", "moment", "run", "who", "impersonated", "os_user", "host", "verb", "command", "command_digest",
    "selection", "contexts", "namespaces", "targets", "reason", "counts", "hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """All that is given must hold. Times in seconds since the epoch; `who`, `namespaces` are names or globs."""

    since: float | None = None
    until: float | None = None
    who: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    run: str = ""  #: a prefix


def matching(entries: Iterable[Entry], query: Query) -> tuple[Entry, ...]:
    """The entries that a query means, in their order."""
    return tuple(entry for entry in entries if _holds(entry, query))


def _holds(entry: Entry, query: Query) -> bool:
    record = entry.record
    names = {record.who, record.impersonated, record.os_user} - {""}
    return (
        (query.since is None or record.at >= query.since)
        and (query.until is None or record.at <= query.until)
        and (not query.who or any(name in globs(query.who) for name in names))
        and (not query.namespaces or any(name in globs(query.namespaces) for name in record.namespaces))
        and (not query.verbs or record.verb in query.verbs)
        and record.run.startswith(query.run)
    )


def to_csv(entries: Iterable[Entry], at: str = "{:.3f}") -> str:
    """Write entries as CSV (RFC 4180), a head line first; lists joined by blanks, cells that a table would compute
    (they begin with =, +, - or @) guarded by a quote."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for entry in entries:
        record = entry.record
        cells = {
            "number": entry.number,
            "hash": entry.hash,
            "at": at.format(record.at),
            "moment": record.moment.value,
            "contexts": " ".join(record.contexts),
            "namespaces": " ".join(record.namespaces),
            "counts": " ".join(f"{name}={count}" for name, count in record.counts.items()),
        }
        writer.writerow([_guarded(cells.get(name, getattr(record, name, ""))) for name in COLUMNS])
    return text.getvalue()


def _guarded(cell: object) -> str:
    text = str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text
