"""Durations, sizes, moments and shares are read as CLI.md says, and refused in one clear line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain import units
from podium.domain.errors import UsageError
from podium.domain.units import Count, Percent, Toward

NOW = datetime(2026, 3, 10, 14, 31, 20, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90s", 90),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("1d12h", 129_600),
        ("250ms", 0.25),
        (".5s", 0.5),
        ("5.s", 5),
        ("+3m", 180),
        ("1us", 1e-6),
        ("10ns", 1e-8),
        ("0.1s", 0.1),
    ],
)
def test_durations_are_gos_and_days(text: str, seconds: float) -> None:
    assert units.parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "1.5", "-5s", "5 s", "5x", "s", ".s", "1h30", "1e3s", "٣s", "400000d", "1s\n"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^not a duration: "):
        units.parse_duration(text)


def test_a_missing_unit_is_named() -> None:
    with pytest.raises(UsageError, match="a unit is missing"):
        units.parse_duration("300")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0"),
        (300, "5m"),
        (5400, "1h30m"),
        (90, "1m30s"),
        (0.25, "250ms"),
        (1.5, "1.5s"),
        (90_000, "1d1h"),
        (60.25, "1m0.25s"),
    ],
)
def test_durations_are_written_shortly(seconds: float, text: str) -> None:
    assert units.format_duration(seconds) == text


@given(st.integers(0, 10**12))
def test_a_written_duration_reads_back(milliseconds: int) -> None:
    text = units.format_duration(milliseconds / 1000)
    assert round(units.parse_duration(text) * 1000) == milliseconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.00 s"), (0.042, "0.04 s"), (6.21, "6.2 s"), (99.94, "99.9 s"), (99.96, "1m40s"), (125, "2m5s")],
)
def test_elapsed_time_is_for_reading(seconds: float, text: str) -> None:
    assert units.format_elapsed(seconds) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("16Mi", 16 * 2**20),
        ("1Gi", 2**30),
        ("500k", 500_000),
        ("500K", 500_000),
        ("1.5M", 1_500_000),
        ("2G", 2 * 10**9),
        ("1Ki", 1024),
        ("1MiB", 2**20),
        ("1MB", 10**6),
        ("0.5Ki", 512),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1 Mi", "1m", "Mi", "1.5", "0.3Ki", "1e6", "1Pi", "１"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^not a size: "):
        units.parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (2**20 - 1, "1 MiB"),
        (16 * 2**20, "16 MiB"),
        (5 * 2**50, "5,120 TiB"),
    ],
)
def test_sizes_are_for_reading(size: int, text: str) -> None:
    assert units.format_size(size) == text


def test_a_moment_is_rfc_3339_a_clock_or_a_duration() -> None:
    assert units.parse_time("2026-03-10T14:00:00Z", NOW, UTC) == datetime(2026, 3, 10, 14, tzinfo=UTC).timestamp()
    assert (
        units.parse_time("2026-03-10T14:00:00.25+02:00", NOW, UTC)
        == datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp() + 0.25
    )
    assert units.parse_time("2h", NOW, UTC) == NOW - 7200
    assert units.parse_time("2h", NOW, UTC, Toward.FUTURE) == NOW + 7200


@pytest.mark.parametrize(
    ("text", "toward", "expected"),
    [
        ("14:31", Toward.PAST, datetime(2026, 3, 10, 14, 31, tzinfo=UTC)),
        ("14:32", Toward.PAST, datetime(2026, 3, 9, 14, 32, tzinfo=UTC)),
        ("9:05", Toward.PAST, datetime(2026, 3, 10, 9, 5, tzinfo=UTC)),
        ("14:31", Toward.FUTURE, datetime(2026, 3, 11, 14, 31, tzinfo=UTC)),
        ("14:32", Toward.FUTURE, datetime(2026, 3, 10, 14, 32, tzinfo=UTC)),
    ],
)
def test_a_clock_is_the_last_one_past_or_the_next(text: str, toward: Toward, expected: datetime) -> None:
    assert units.parse_time(text, NOW, UTC, toward) == expected.timestamp()


def test_a_clock_is_local() -> None:
    zone = timezone(timedelta(hours=2))
    assert units.parse_time("16:00", NOW, zone) == datetime(2026, 3, 10, 14, tzinfo=UTC).timestamp()


def test_the_hour_that_comes_twice_is_the_nearer_one() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    between = datetime(2026, 10, 25, 1, 0, tzinfo=UTC).timestamp()  # 02:00 CET, for the second time
    assert units.parse_time("02:30", between, berlin) == between - 1800
    assert units.parse_time("02:30", between, berlin, Toward.FUTURE) == between + 1800


@given(st.integers(0, 23), st.integers(0, 59), st.floats(1.6e9, 2.0e9))
def test_a_clock_never_points_the_wrong_way(hour: int, minute: int, now: float) -> None:
    zone = ZoneInfo("America/New_York")
    text = f"{hour:02}:{minute:02}"
    past, future = units.parse_time(text, now, zone), units.parse_time(text, now, zone, Toward.FUTURE)
    assert past <= now < future
    assert future - past <= 90_000


@pytest.mark.parametrize(
    "text", ["", "24:00", "12:60", "yesterday", "2026-13-01T00:00:00Z", "2026-03-10T14:00:00", "12", "-2h"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^not a time: "):
        units.parse_time(text, NOW, UTC)


def test_a_missing_zone_is_named() -> None:
    with pytest.raises(UsageError, match="a zone is missing"):
        units.parse_time("2026-03-10T14:00:00", NOW, UTC)


def test_shares_are_counts_or_percentages_rounded_down() -> None:
    assert units.parse_share("5") == Count(5)
    assert units.parse_share("12.5%") == Percent(Fraction(25, 2))
    assert units.parse_share("5").of(3) == 5
    assert units.parse_share("10%").of(99) == 9
    assert units.parse_share("29%").of(100) == 29  # 28.999… in floats


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "%", "a%", "5 %"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(repr(text))):
        units.parse_share(text)


def test_counts_are_for_reading() -> None:
    assert units.format_count(1140) == "1,140"
