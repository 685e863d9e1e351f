"""The audit trail as one append-only file: a line a record, chained under a lock, on disk before the act."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from podium.domain.audit import AuditRecord, Entry, chain, read, write
from podium.domain.errors import NotAllowedError
from podium.ports import AuditTrail

_TAIL = 64 * 1024


class FileTrail:
    """A trail in `path`, made 0600 when it is first written. Several processes may append: the chain never forks."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def append(self, record: AuditRecord) -> str:
        """Chain a record and return its hash once it is on disk; raises NotAllowedError where it cannot be kept."""
        return await asyncio.to_thread(self._append, record)

    def lines(self) -> tuple[str, ...]:
        """All lines; empty where there is no trail yet. Raises NotAllowedError where it cannot be read."""
        try:
            text = self._path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise NotAllowedError(f"audit trail {self._path}: {error.strerror}") from None
        return tuple(text.splitlines())

    def _append(self, record: AuditRecord) -> str:
        try:
            with _locked(self._path) as file:
                size = os.fstat(file).st_size
                entry = chain(record, _last(file, size))
                lead = b"" if _ends_with_newline(file, size) else b"\n"
                self._write(file, size, lead + write(entry).encode() + b"\n")
                return entry.hash
        except OSError as error:
            raise NotAllowedError(f"audit trail {self._path}: {error.strerror}; nothing was run") from None

    @staticmethod
    def _write(file: int, size: int, line: bytes) -> None:
        """Append whole or not at all."""
        try:
            written = 0
            while written < len(line):
                written += os.pwrite(file, line[written:], size + written)
            os.fsync(file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, size)
            raise


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _last(file: int, size: int) -> Entry | None:
    """The last line that is an entry; what a crash tore off behind it is left where it is."""
    window = _TAIL
    while True:
        start = max(size - window, 0)
        lines = os.pread(file, size - start, start).split(b"\n")
        for line in reversed(lines if start == 0 else lines[1:]):
            with suppress(ValueError):
                return read(line.decode("utf-8", "replace"))
        if start == 0:
            return None
        window *= 4


def _ends_with_newline(file: int, size: int) -> bool:
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


if TYPE_CHECKING:
    _: AuditTrail = FileTrail(Path())
