"""Requests as bytes, and responses from bytes however they were cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.utils import accept_key

from podium.adapters.kube.handshake import (
    HEAD_LIMIT,
    BadResponseError,
    Body,
    Finished,
    Head,
    ResponseReader,
    build_request,
    build_target,
    check_upgrade,
    make_key,
)
from podium.adapters.kube.wire_errors import Headers
from podium.domain.errors import UsageError


@dataclass
class Heard:
    """One response, put together."""

    heads: list[Head] = field(default_factory=list)
    body: bytes = b""
    rest: int | None = None


def read(chunks: list[bytes]) -> tuple[Heard, ResponseReader]:
    reader = ResponseReader()
    heard = Heard()
    for chunk in chunks:
        for part in reader.feed(memoryview(chunk)):
            if isinstance(part, Head):
                heard.heads.append(part)
            elif isinstance(part, Body):
                heard.body += part.data
            else:
                heard.rest = part.rest
    return heard, reader


def chunked(pieces: list[bytes]) -> bytes:
    body = b"".join(b"%x;note=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\nTrailer: x\r\n\r\n"


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(st.lists(st.binary(max_size=300), max_size=5), st.lists(st.integers(0, 4000), max_size=6))
def test_a_chunked_body_reads_the_same_however_it_is_cut(pieces: list[bytes], places: list[int]) -> None:
    heard, reader = read(cut(chunked(pieces), places))
    assert heard.body == b"".join(pieces)
    assert reader.finished
    assert heard.rest == 0
    assert heard.heads[0].reusable


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=6))
def test_a_body_with_a_length_reads_the_same_however_it_is_cut(body: bytes, places: list[int]) -> None:
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    heard, reader = read(cut(wire, places))
    assert (heard.body, heard.rest, reader.finished, reader.ends_by_close) == (body, 0, True, False)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    heard, reader = read([b"HTTP/1.1 200 OK\r\n\r\nall that", b" comes"])
    assert heard.body == b"all that comes"
    assert reader.ends_by_close
    assert not reader.finished
    assert not heard.heads[0].reusable


def test_interim_answers_are_passed_over() -> None:
    heard, _ = read([b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"])
    assert [head.status for head in heard.heads] == [404]


def test_what_follows_a_101_is_counted_and_left_alone() -> None:
    heard, _ = read([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x82\x01\x01"])
    assert heard.heads[0].status == 101
    assert heard.rest == 3


@pytest.mark.parametrize(
    "wire",
    [
        b"\x15\x03\x01\x00\x02\x02\x50\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + bytes(HEAD_LIMIT),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * (HEAD_LIMIT + 1),
    ],
)
def test_what_is_no_http_is_refused(wire: bytes) -> None:
    with pytest.raises(BadResponseError):
        read([wire])


def test_targets_keep_prefix_and_order_and_escape_everything() -> None:
    query = [("command", "a b&c"), ("command", "é+/")]
    assert build_target("/k8s/c1", "/api", query) == "/k8s/c1/api?command=a%20b%26c&command=%C3%A9%2B%2F"


@pytest.mark.parametrize(("name", "value"), [("X", "a\r\nHost: evil"), ("X\n", "a"), ("", "a"), ("X", "\0")])
def test_a_header_cannot_smuggle_another(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_request("GET", "/", [(name, value)])
    assert "evil" not in str(caught.value)


def answer(**changes: str) -> Head:
    items = {"upgrade": "WebSocket", "sec-websocket-accept": accept_key(KEY), "sec-websocket-protocol": "v4"}
    return Head(
        101, Headers((items | {name.replace("_", "-"): value for name, value in changes.items()}).items()), False
    )


KEY = make_key(bytes(range(16)))


def test_an_answer_to_our_key_is_taken() -> None:
    assert check_upgrade(answer(), KEY, ["v5", "v4"]) == "v4"


@pytest.mark.parametrize(
    "changes",
    [
        {"upgrade": "SPDY/3.1"},
        {"sec_websocket_accept": accept_key(make_key(bytes(16)))},
        {"sec_websocket_protocol": "v3"},
        {"sec_websocket_protocol": ""},
        {"sec_websocket_extensions": "permessage-deflate"},
    ],
)
def test_an_answer_to_something_else_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(BadResponseError):
        check_upgrade(answer(**changes), KEY, ["v5", "v4"])


def test_headers_are_asked_in_any_case_and_joined() -> None:
    headers = Headers([("Warning", "a"), ("WARNING", "b")])
    assert headers.get("warning") == "a, b"
    assert headers.get("Retry-After") is None
    assert "a, b" not in repr(headers)


def test_finished_is_told_once_for_an_empty_body() -> None:
    parts = ResponseReader().feed(memoryview(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert [type(part) for part in parts] == [Head, Finished]
