"""What the store of outputs does at its bounds: much in small pieces, and a disk that fills up."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from podium.adapters.store.blobs import BLOCK, Limits, TemporaryBlobs
from podium.domain.events import Channel, Stream


def put(blobs: TemporaryBlobs, data: bytes) -> Stream:
    capture = blobs.capture()
    capture.write(Channel.STDOUT, memoryview(data))
    return capture.seal().stdout


@pytest.mark.on(why="memory and disk of this machine alone")
def test_pitfall_11_thousands_of_small_answers_stay_within_the_memory_limit(tmp_path: Path) -> None:
    blobs = TemporaryBlobs(Limits(memory=4 * BLOCK), str(tmp_path))
    texts = [n.to_bytes(2, "big") * (BLOCK // 2 - 7) for n in range(60)]
    streams = [put(blobs, text) for text in texts]
    in_memory = sum(len(kept.tail) for kept in blobs._stored.values())
    assert in_memory <= 4 * BLOCK
    assert [blobs.read(stream) for stream in streams] == texts
    assert [blobs.read(stream, 9) for stream in streams] == [text[:9] for text in texts]
    assert not any(stream.truncated for stream in streams)
    assert put(blobs, texts[0]) == streams[0], "an equal answer after a spill"
    assert blobs.read(streams[0]) == texts[0]
    blobs.close()


def test_a_block_of_an_equal_answer_is_used_again(tmp_path: Path) -> None:
    blobs = TemporaryBlobs(Limits(stream=4 * BLOCK, memory=0), str(tmp_path))
    first = put(blobs, b"a" * (2 * BLOCK + 5))
    for _ in range(20):
        assert put(blobs, b"a" * (2 * BLOCK + 5)) == first
    other = put(blobs, b"b" * (2 * BLOCK + 5))
    assert blobs.read(first) == b"a" * (2 * BLOCK + 5)
    assert blobs.read(other) == b"b" * (2 * BLOCK + 5)
    assert blobs._end <= 6
    blobs.close()


def test_a_disk_that_fills_up_in_the_middle_of_a_block_loses_bytes_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Near its end a disk takes a part of a write; what is kept must be what was written."""
    room = BLOCK + BLOCK // 2
    true_pwrite = os.pwrite

    def pwrite(file: int, data: memoryview, offset: int) -> int:
        if offset >= room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return true_pwrite(file, data[: room - offset], offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    blobs = TemporaryBlobs(Limits(stream=8 * BLOCK, memory=0), str(tmp_path))
    data = b"".join(bytes([n]) * BLOCK for n in range(1, 5))
    stream = put(blobs, data)
    kept = blobs.read(stream)
    assert kept == data[: len(kept)]
    assert (stream.size, stream.kept, stream.truncated) == (len(data), len(kept), True)
    assert "No space left" in blobs.broken
    blobs.close()


def test_what_is_kept_of_a_stream_never_has_a_hole(tmp_path: Path) -> None:
    """Where bytes were passed over for want of room, room that comes back later takes nothing more of that stream."""
    blobs = TemporaryBlobs(Limits(stream=8 * BLOCK, memory=2 * BLOCK, disk=0), str(tmp_path))
    twin = put(blobs, b"t" * BLOCK)
    other, hindered = blobs.capture(), blobs.capture()
    other.write(Channel.STDOUT, memoryview(b"t" * BLOCK))
    hindered.write(Channel.STDOUT, memoryview(b"1"))
    assert other.seal().stdout == twin
    hindered.write(Channel.STDOUT, memoryview(b"2"))
    stream = hindered.seal().stdout
    assert (stream.size, stream.kept) == (2, 0)
    assert blobs.read(stream) == b""
