"""What differs by nature is replaced; what may be the finding stays."""

from __future__ import annotations

import re

import pytest

from domain.reading.fleets import target
from podium.domain.errors import UsageError
from podium.domain.inventory import Pod
from podium.domain.normalize import Normal, Substitute, own_words, parse_normal, replace_common, replace_own

TIMES = Normal(own=False, numbers=False)
NUMBERS = Normal(own=False, times=False)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-10T14:31:20Z",
        "2026-03-10T14:31:20.123456+02:00",
        "2026-03-10 14:31:20,123",
        "2026/03/10 14:31:20",
        "10/Mar/2026:14:31:20 +0000",
        "Mar 10 14:31:20",
        "Mar  1 14:31:20",
        "Tue Mar 10 14:31:20 UTC 2026",
        "Tue, 10 Mar 2026 14:31:20 GMT",
        "I0310 14:31:20.123456",
        "14:31:20.5",
        "2026-03-10",
    ],
)
def test_times_are_replaced(text: str) -> None:
    assert replace_common(f"[{text}] up".encode(), TIMES) == b"[<time>] up"


@pytest.mark.parametrize("text", ["4.2.1", "web-2026-03", "1:2", "12345", "a14:31:20", "10.0.0.1"])
def test_what_is_no_time_stays(text: str) -> None:
    assert replace_common(text.encode(), TIMES) == text.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("load 0.42, 3 users", "load <number>, <number> users"),
        ("took 42ms of 5%", "took <number>ms of <number>%"),
        ("pid=12 (0xdeadBEEF)", "pid=<number> (<number>)"),
        ("eth0 web2 6f9c1b sha_1", "eth0 web2 6f9c1b sha_1"),
    ],
)
def test_numbers_are_replaced(text: str, expected: str) -> None:
    assert replace_common(text.encode(), NUMBERS) == expected.encode()


def test_own_words_stand_alone() -> None:
    where = target("web-1", node="n1")
    words = own_words(where, Pod(where.cluster, where.namespace, where.pod, where.uid, ip="10.0.0.1"))
    text = b"web-1 web-10 my-web-1 web-1.web.shop 10.0.0.1:80 10.0.0.12 n1 n17 " + where.uid.encode()
    assert replace_own(text, words) == b"<name> web-10 my-web-1 <name>.web.shop <ip>:80 10.0.0.12 <node> n17 <uid>"


def test_an_unknown_ip_replaces_nothing() -> None:
    where = target("web-1", node="")
    words = own_words(where, Pod(where.cluster, where.namespace, where.pod, "", ip=""))
    assert [word for word, _ in words] == [b"web-1"]


def _compiled(pattern: str) -> Substitute:
    found = re.compile(pattern.encode())
    return lambda data: found.sub(b"<match>", data)


def test_the_value_of_the_flag() -> None:
    assert parse_normal("", _compiled) == Normal()
    assert parse_normal("time", _compiled) == TIMES
    assert parse_normal("own,number", _compiled) == Normal(times=False)
    pattern = parse_normal("time,id=[a-f]{2,3}", _compiled)
    assert (pattern.own, pattern.times, pattern.numbers) == (False, True, False)
    assert replace_common(b"id=abc 14:31:20 7", pattern) == b"<match> <time> 7"
    with pytest.raises(UsageError, match="comma"):
        parse_normal("time,", _compiled)
