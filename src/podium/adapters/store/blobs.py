"""Output bytes while a run lasts: small ones in memory, the rest in one unlinked file of blocks, bounded in all.

Equal streams are kept once, by digest. Nothing is left behind, however the program ends.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podium.domain.events import Answer, Channel, Stream
from podium.ports import Blobs

BLOCK = 64 * 1024
EMPTY = hashlib.sha256().digest()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes kept: per stream, in memory in all, and on disk in all."""

    stream: int = 1024 * 1024
    memory: int = 64 * 1024 * 1024
    disk: int = 2 * 1024 * 1024 * 1024


@dataclass(slots=True)
class _Kept:
    """The kept part of one stream: full blocks in the file, then a tail in memory."""

    blocks: list[int] = field(default_factory=list)
    tail: bytearray = field(default_factory=bytearray)
    size: int = 0
    cut: bool = False  #: bytes were passed over: what follows them must not close up


class TemporaryBlobs:
    """Blobs that live as long as the process, in `folder` (None: the system's own for temporary files)."""

    def __init__(self, limits: Limits | None = None, folder: str | None = None) -> None:
        self._limits = limits or Limits()
        self._folder = folder
        self._file: int | None = None
        self._free: list[int] = []
        self._end = 0
        self._memory = 0
        self._stored: dict[bytes, _Kept] = {EMPTY: _Kept()}
        self.broken = ""  #: why the disk could not be used, once; what did not fit in memory was then passed over

    def capture(self) -> BlobCapture:
        """A capture for one attempt."""
        return BlobCapture(self)

    def read(self, stream: Stream, limit: int | None = None) -> bytes:
        """The kept bytes of a stream, at most `limit`; raises KeyError for a stream not sealed here."""
        kept = self._stored[stream.digest]
        size = kept.size if limit is None else min(limit, kept.size)
        whole = bytearray()
        for block in kept.blocks:
            if len(whole) >= size:
                break
            assert self._file is not None
            whole += os.pread(self._file, BLOCK, block * BLOCK)
        whole += kept.tail
        return bytes(whole[:size])

    def close(self) -> None:
        """Give back memory and disk."""
        self._stored = {EMPTY: _Kept()}
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def keep(self, kept: _Kept, data: memoryview) -> None:
        """Append to a stream what its limit and the store's allow."""
        if kept.cut:
            return
        part = data[: self._limits.stream - kept.size]
        kept.cut = len(part) < len(data)
        while part:
            if len(kept.tail) == BLOCK and not self._spill(kept):
                kept.cut = True
                return
            piece = part[: BLOCK - len(kept.tail)]
            if self._memory + len(piece) > self._limits.memory and not self._can_spill():
                kept.cut = True
                return
            kept.tail += piece
            kept.size += len(piece)
            self._memory += len(piece)
            part = part[len(piece) :]

    def seal(self, kept: _Kept, digest: bytes) -> None:
        """Store a finished stream under its digest, unless an equal one is stored."""
        before = self._stored.get(digest)
        if before is None or before.size < kept.size:
            self._stored[digest] = kept
            if self._memory > self._limits.memory and kept.tail:
                self._spill(kept)  # the last block of a stream may be short: its size says so
            kept = before or _Kept()
        self._free += kept.blocks
        self._memory -= len(kept.tail)

    def _can_spill(self) -> bool:
        return not self.broken and bool(self._free or (self._end + 1) * BLOCK <= self._limits.disk)

    def _spill(self, kept: _Kept) -> bool:
        if not self._can_spill():
            return False
        block = self._free.pop() if self._free else self._end
        try:
            if self._file is None:
                self._file = _unlinked(self._folder)
            _write_whole(self._file, kept.tail, block * BLOCK)
        except OSError as error:
            self.broken = f"no room for outputs on disk: {error.strerror}"
            return False
        self._end = max(self._end, block + 1)
        kept.blocks.append(block)
        self._memory -= len(kept.tail)
        kept.tail = bytearray()
        return True


class BlobCapture:
    """Keeps and hashes both streams of one attempt."""

    def __init__(self, store: TemporaryBlobs) -> None:
        self._store = store
        self._hashes = {channel: hashlib.sha256() for channel in Channel}
        self._sizes = dict.fromkeys(Channel, 0)
        self._kept = {channel: _Kept() for channel in Channel}

    def write(self, channel: Channel, data: memoryview) -> None:
        """Take bytes; they are only valid during the call."""
        self._hashes[channel].update(data)
        self._sizes[channel] += len(data)
        self._store.keep(self._kept[channel], data)

    def seal(self) -> Answer:
        """End it: what was kept can be read from the store."""
        return Answer(self._seal(Channel.STDOUT), self._seal(Channel.STDERR))

    def _seal(self, channel: Channel) -> Stream:
        kept = self._kept[channel]
        digest = self._hashes[channel].digest()
        self._store.seal(kept, digest)
        return Stream(digest, self._sizes[channel], kept.size)


def _write_whole(file: int, data: bytearray, offset: int) -> None:
    """A disk that fills up takes a part and says nothing; only the next write is refused."""
    with memoryview(data) as rest:
        written = 0
        while written < len(rest):
            written += os.pwrite(file, rest[written:], offset + written)


def _unlinked(folder: str | None) -> int:
    handle, path = tempfile.mkstemp(prefix="podium-", dir=folder)
    os.unlink(path)  # noqa: PTH108 - a descriptor without a name cannot be left behind
    return handle


if TYPE_CHECKING:
    _: Blobs = TemporaryBlobs()
