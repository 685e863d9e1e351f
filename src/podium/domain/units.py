"""Durations, sizes, moments, shares and counts as users write and read them (CLI.md, "Values")."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from fractions import Fraction

from podium.domain.errors import UsageError

_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)", re.ASCII)
_SECONDS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
_LONGEST = Fraction(2**63 - 1, 10**9)  # Go's int64 of nanoseconds, about 292 years

_SIZE = re.compile(r"(\d+\.?\d*|\.\d+)([kKMGT]i?)?B?", re.ASCII)
_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.(?P<fraction>\d+))?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


class Toward(enum.Enum):
    """Which way a bare HH:MM or duration points from now."""

    PAST = "past"
    FUTURE = "future"


@dataclass(frozen=True, slots=True)
class Count:
    """A plain number of things."""

    number: int

    def of(self, total: int) -> int:  # noqa: ARG002 - one shape with Percent
        """The number, whatever the total."""
        return self.number


@dataclass(frozen=True, slots=True)
class Percent:
    """A part of a total, in hundredths."""

    hundredths: Fraction

    def of(self, total: int) -> int:
        """How many of `total` that is, rounded down (a caller that needs at least 1 says so)."""
        return int(self.hundredths * total / 100)


Share = Count | Percent


def parse_duration(text: str) -> float:
    """Read a duration in Go's grammar (time.ParseDuration) plus `d` for 24 hours; `0` needs no unit.

    Seconds. Raises UsageError for anything else, and for a negative one.
    """
    rest = text.removeprefix("+")
    if rest == "0":
        return 0.0
    if rest.startswith("-"):
        raise UsageError(f"not a duration: {text!r} is negative")
    total, position = Fraction(0), 0
    while part := _DURATION_PART.match(rest, position):
        total += Fraction(part[1].rstrip(".")) * _SECONDS[part[2]]
        position = part.end()
    if position == 0 or position != len(rest):
        missing = " (a unit is missing)" if rest.replace(".", "", 1).isdigit() else ""
        raise UsageError(f"not a duration: {text!r}{missing}; write it as 90s, 1h30m, 1.5h or 2d")
    if total > _LONGEST:
        raise UsageError(f"not a duration: {text!r} is longer than 292 years")
    return float(total)


def format_duration(seconds: float) -> str:
    """Write seconds so that `parse_duration` reads them back: 5m, 1h30m, 90ms; whole milliseconds."""
    milliseconds = round(seconds * 1000)
    if milliseconds <= 0:
        return "0" if milliseconds == 0 else f"-{format_duration(-seconds)}"
    parts: list[str] = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if milliseconds >= size:
            parts.append(f"{milliseconds // size}{unit}")
            milliseconds %= size
    if milliseconds >= 1000 or (milliseconds and parts):
        parts.append(f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s")
    elif milliseconds:
        parts.append(f"{milliseconds}ms")
    return "".join(parts)


def format_elapsed(seconds: float) -> str:
    """Write how long something took, for reading: 0.04 s, 6.2 s, 2m5s."""
    if seconds < 0.1:
        return f"{max(seconds, 0.0):.2f} s"
    if round(seconds, 1) < 100:
        return f"{seconds:.1f} s"
    return format_duration(float(round(seconds)))


def parse_size(text: str) -> int:
    """Read a size in bytes: 16Mi, 1Gi, 500k, 1.5M; Ki Mi Gi Ti are powers of 1024, k K M G T of 1000.

    Raises UsageError for anything else and for parts of a byte.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"not a size: {text!r}; write it as 500k, 16Mi or 1Gi")
    unit = (match[2] or "").replace("K", "k")
    size = Fraction(match[1].rstrip(".")) * _BYTES[unit]
    if size.denominator != 1:
        raise UsageError(f"not a size: {text!r} is not a whole number of bytes")
    return size.numerator


def format_size(size: int) -> str:
    """Write bytes for reading: 512 B, 1.5 KiB, 16 MiB."""
    if size < 1024:
        return f"{size} B"
    scaled = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        scaled /= 1024
        if round(scaled, 1) < 1024 or unit == "TiB":
            return f"{scaled:,.1f}".removesuffix(".0") + f" {unit}"
    raise AssertionError("the last unit takes all")


def parse_time(text: str, now: float, zone: tzinfo, toward: Toward = Toward.PAST) -> float:
    """Read a moment: RFC 3339; HH:MM in `zone`; or a duration ago (from now, with Toward.FUTURE).

    Seconds since the epoch, as `now` is. HH:MM is the last one past, or the next; on the night a clock is set back
    both of the two are looked at. Raises UsageError.
    """
    stripped = text.strip()
    if _RFC3339.fullmatch(stripped):
        return _parse_rfc3339(stripped, text)
    if clock := _CLOCK.fullmatch(stripped):
        return _nearest_clock(int(clock[1]), int(clock[2]), now, zone, toward)
    try:
        seconds = parse_duration(stripped)
    except UsageError:
        hint = " (a zone is missing: end it with Z or +02:00)" if _RFC3339.fullmatch(stripped + "Z") else ""
        raise UsageError(
            f"not a time: {text!r}{hint}; write it as 2026-01-31T08:00:00Z, 14:30 or a duration like 2h"
        ) from None
    return now - seconds if toward is Toward.PAST else now + seconds


def _parse_rfc3339(stripped: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(stripped.upper().replace(" ", "T"))
    except ValueError as error:
        raise UsageError(f"not a time: {text!r}: {error}") from None
    return moment.timestamp()


def _nearest_clock(hour: int, minute: int, now: float, zone: tzinfo, toward: Toward) -> float:
    if hour > 23 or minute > 59:
        raise UsageError(f"not a time: '{hour:02}:{minute:02}' is not on the clock (00:00 to 23:59)")
    today = datetime.fromtimestamp(now, zone)
    clock = today.replace(hour=hour, minute=minute, second=0, microsecond=0)
    moments = [(clock + timedelta(days=days)).replace(fold=fold).timestamp() for days in (-1, 0, 1) for fold in (0, 1)]
    if toward is Toward.PAST:
        return max(moment for moment in moments if moment <= now)
    return min(moment for moment in moments if moment > now)


def parse_share(text: str) -> Share:
    """Read `N` or `P%`; raises UsageError for anything else and for more than 100%."""
    if re.fullmatch(r"\d+", text, re.ASCII):
        return Count(int(text))
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", text, re.ASCII)
    if match is None:
        raise UsageError(f"neither a number nor a percentage: {text!r}; write it as 5 or 10%")
    hundredths = Fraction(match[1])
    if hundredths > 100:
        raise UsageError(f"not a percentage: {text!r} is more than 100%")
    return Percent(hundredths)


def format_count(number: int) -> str:
    """Write a number for reading: 1,140."""
    return f"{number:,}"
