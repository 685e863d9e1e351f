"""The contract of ports.Blobs, on TemporaryBlobs with roomy and with tight limits."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.adapters.store.blobs import BLOCK, Limits, TemporaryBlobs
from podium.domain.events import Channel, Stream

LIMITS = {
    "roomy": Limits(),
    "small memory": Limits(stream=5 * BLOCK, memory=BLOCK),
    "no memory": Limits(stream=5 * BLOCK, memory=0),
}


@pytest.fixture(params=sorted(LIMITS))
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> TemporaryBlobs:
    return TemporaryBlobs(LIMITS[request.param], str(tmp_path))


def put(blobs: TemporaryBlobs, stdout: bytes, stderr: bytes = b"", step: int = 1000) -> tuple[Stream, Stream]:
    capture = blobs.capture()
    for start in range(0, len(stdout), step):
        capture.write(Channel.STDOUT, memoryview(stdout)[start : start + step])
    capture.write(Channel.STDERR, memoryview(stderr))
    answer = capture.seal()
    return answer.stdout, answer.stderr


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.tuples(st.integers(0, 3 * BLOCK), st.integers(1, 2 * BLOCK)), max_size=6))
def test_what_was_written_is_read_back(blobs: TemporaryBlobs, texts: list[tuple[int, int]]) -> None:
    kept = []
    for number, (size, step) in enumerate(texts):
        text = bytes([number + 1]) * size
        kept.append((put(blobs, text, b"e", step)[0], text))
    for stream, text in kept:
        assert stream.size == len(text)
        assert stream.digest == hashlib.sha256(text).digest()
        assert not stream.truncated
        assert blobs.read(stream) == text
        assert blobs.read(stream, 10) == text[:10]


@pytest.mark.on(why="memory and disk of this machine alone")
def test_pitfall_11_a_flood_is_bounded_and_its_hash_covers_all(tmp_path: Path) -> None:
    blobs = TemporaryBlobs(Limits(stream=2 * BLOCK), str(tmp_path))
    capture, piece = blobs.capture(), memoryview(b"x" * BLOCK)
    whole = hashlib.sha256()
    for _ in range(100):
        capture.write(Channel.STDOUT, piece)
        whole.update(piece)
    stream = capture.seal().stdout
    assert (stream.size, stream.kept, stream.truncated) == (100 * BLOCK, 2 * BLOCK, True)
    assert stream.digest == whole.digest()
    assert blobs.read(stream) == b"x" * (2 * BLOCK)


def test_two_floods_that_differ_beyond_what_is_kept_differ() -> None:
    blobs = TemporaryBlobs(Limits(stream=10))
    one, two = put(blobs, b"same start, a")[0], put(blobs, b"same start, b")[0]
    assert one.digest != two.digest
    assert blobs.read(one) == blobs.read(two)


@pytest.mark.on(why="memory and disk of this machine alone")
def test_pitfall_11_equal_answers_cost_once(tmp_path: Path) -> None:
    limits = Limits(stream=4 * BLOCK, memory=8 * BLOCK, disk=8 * BLOCK)
    blobs = TemporaryBlobs(limits, str(tmp_path))
    text = os.urandom(4 * BLOCK)
    streams = {put(blobs, text)[0] for _ in range(50)}
    (stream,) = streams
    assert not stream.truncated
    assert blobs.read(stream) == text


def test_the_disks_share_bounds_all_streams_together(tmp_path: Path) -> None:
    blobs = TemporaryBlobs(Limits(stream=4 * BLOCK, memory=0, disk=6 * BLOCK), str(tmp_path))
    streams = [put(blobs, os.urandom(4 * BLOCK))[0] for _ in range(4)]
    assert sum(stream.kept for stream in streams) <= 8 * BLOCK
    assert any(stream.truncated for stream in streams)


def test_a_disk_that_cannot_be_written_truncates_and_says_so(tmp_path: Path) -> None:
    blobs = TemporaryBlobs(Limits(stream=4 * BLOCK, memory=0), str(tmp_path / "missing"))
    (stream, _) = put(blobs, b"y" * (4 * BLOCK))
    assert stream.truncated
    assert "no room for outputs on disk" in blobs.broken
    assert blobs.read(stream) == b"y" * stream.kept


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    blobs = TemporaryBlobs(Limits(memory=0), str(tmp_path))
    put(blobs, b"z" * (3 * BLOCK))
    assert list(tmp_path.iterdir()) == []
    blobs.close()
