"""The audit trail as values: records before and after an act, chained by hashes so that a change shows."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

GENESIS = "0" * 64  #: what the first entry names as the one before it


class Moment(enum.Enum):
    """When a record was written."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who does what where, when and why. `at` in seconds since the epoch; `counts` by outcome, once it is over.

    `who` is the cluster's own name for us; `command` is masked, `command_digest` is SHA-256 over all of it.
    """

    moment: Moment
    run: str
    at: float
    who: str
    impersonated: str
    os_user: str
    host: str
    verb: str
    command: str
    command_digest: str
    selection: str
    contexts: tuple[str, ...]
    namespaces: tuple[str, ...]
    targets: int
    reason: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in its place: `hash` is SHA-256 over number, the hash before, and the record's text."""

    number: int
    previous: str
    hash: str
    record: AuditRecord


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where a trail does not hold: `line` from 1."""

    line: int
    what: str


def chain(record: AuditRecord, last: Entry | None) -> Entry:
    """Put a record behind the last entry (None: the first)."""
    number = 1 if last is None else last.number + 1
    previous = GENESIS if last is None else last.hash
    return Entry(number, previous, _hash(number, previous, _text(record)), record)


def write(entry: Entry) -> str:
    """One line of the trail, without its newline."""
    head = {"number": entry.number, "previous": entry.previous, "hash": entry.hash}
    return json.dumps({**head, "record": _shape(entry.record)}, sort_keys=True, ensure_ascii=True)


def read(line: str) -> Entry:
    """Read what `write` wrote; raises ValueError for anything else. Does not verify."""
    try:
        whole = json.loads(line)
        shape = whole["record"]
        record = AuditRecord(
            **{
                **shape,
                "moment": Moment(shape["moment"]),
                "contexts": tuple(shape["contexts"]),
                "namespaces": tuple(shape["namespaces"]),
            }
        )
        return Entry(int(whole["number"]), str(whole["previous"]), str(whole["hash"]), record)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not an entry of a trail: {error}") from None


def verify(lines: Iterable[str], head: str | None = None) -> tuple[tuple[Entry, ...], tuple[Flaw, ...]]:
    """Read a whole trail; the entries, and each place where the chain does not hold.

    With `head`, that hash must stand in it: a trail cut short behind it, or made anew, is a flaw.
    """
    entries: list[Entry] = []
    flaws: list[Flaw] = []
    last: Entry | None = None
    for place, line in enumerate(lines, start=1):
        try:
            entry = read(line)
        except ValueError:
            flaws.append(Flaw(place, "not an entry"))
            continue
        if entry != chain(entry.record, last):
            flaws.append(Flaw(place, f"entry {entry.number} does not follow from the one before, or was changed"))
        entries.append(entry)
        last = entry
    if head is not None and head not in {entry.hash for entry in entries}:
        flaws.append(Flaw(len(entries), f"no entry has the hash {head}"))
    return tuple(entries), tuple(flaws)


def _shape(record: AuditRecord) -> dict[str, object]:
    return {**asdict(record), "moment": record.moment.value}


def _text(record: AuditRecord) -> str:
    return json.dumps(_shape(record), sort_keys=True, ensure_ascii=True)


def _hash(number: int, previous: str, text: str) -> str:
    return hashlib.sha256(f"{number}\n{previous}\n{text}".encode()).hexdigest()
