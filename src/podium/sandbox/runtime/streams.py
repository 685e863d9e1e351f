"""Open files of sandbox processes: bounded pipes, files and devices, counted by their holders."""

import asyncio
from collections import deque

from podium.sandbox.runtime.files import File, FileSystem

PIPE_SIZE = 64 * 1024
"""Bytes a pipe holds before its writer waits (Linux's default)."""
CHUNK = 32 * 1024


class BrokenPipe(Exception):
    """Nobody reads the pipe any more."""


class Stream:
    """One open file; it closes when its last holder lets go."""

    def __init__(self) -> None:
        """Begin with one holder."""
        self.holders = 1

    def hold(self) -> "Stream":
        """Count one more holder and return the same stream."""
        self.holders += 1
        return self

    def drop(self) -> None:
        """Count one holder less; the last one closes."""
        self.holders -= 1
        if self.holders == 0:
            self.close()

    def close(self) -> None:
        """Let go of what lies below."""

    async def read(self, size: int) -> bytes:
        """Return at least one byte, or b"" at the end."""
        del size
        return b""

    async def write(self, data: bytes) -> None:
        """Write all the bytes. Raises BrokenPipe or FileError."""
        del data

    def unread(self, data: bytes) -> None:
        """Give bytes back that were read too far (what lseek does for a shell on a file)."""
        del data
        raise NotImplementedError


class Pipe:
    """A bounded buffer between one reading and one writing end."""

    def __init__(self, size: int = PIPE_SIZE) -> None:
        """Begin empty, both ends open."""
        self.size = size
        self.parts: deque[bytes] = deque()
        self.held = 0
        self.no_writer = False
        self.no_reader = False
        self._changed: set[asyncio.Future[None]] = set()

    def wake(self) -> None:
        """Let everybody who waits look again."""
        waiting, self._changed = self._changed, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        """Wait until something changes."""
        future = asyncio.get_running_loop().create_future()
        self._changed.add(future)
        try:
            await future
        finally:
            self._changed.discard(future)

    async def read(self, size: int) -> bytes:
        """Return up to size bytes, b"" at the end."""
        while not self.parts:
            if self.no_writer:
                return b""
            await self.wait()
        part = self.parts.popleft()
        if len(part) > size:
            self.parts.appendleft(part[size:])
            part = part[:size]
        self.held -= len(part)
        self.wake()
        return part

    async def write(self, data: bytes) -> None:
        """Put bytes in, in pieces, waiting for room. Raises BrokenPipe."""
        at = 0
        while at < len(data):
            while self.held >= self.size and not self.no_reader:
                await self.wait()
            if self.no_reader:
                raise BrokenPipe
            piece = data[at : at + self.size - self.held]
            at += len(piece)
            self.parts.append(piece)
            self.held += len(piece)
            self.wake()


class PipeReader(Stream):
    """The reading end."""

    def __init__(self, pipe: Pipe) -> None:
        """Read from this pipe."""
        super().__init__()
        self.pipe = pipe

    async def read(self, size: int) -> bytes:
        """See Stream."""
        return await self.pipe.read(size)

    def unread(self, data: bytes) -> None:
        """See Stream; a real pipe cannot, and readers that must not read too far read byte by byte."""
        if data:
            self.pipe.parts.appendleft(data)
            self.pipe.held += len(data)

    def close(self) -> None:
        """See Stream."""
        self.pipe.no_reader = True
        self.pipe.parts.clear()
        self.pipe.held = 0
        self.pipe.wake()


class PipeWriter(Stream):
    """The writing end."""

    def __init__(self, pipe: Pipe) -> None:
        """Write to this pipe."""
        super().__init__()
        self.pipe = pipe

    async def write(self, data: bytes) -> None:
        """See Stream."""
        await self.pipe.write(data)

    def close(self) -> None:
        """See Stream."""
        self.pipe.no_writer = True
        self.pipe.wake()


def pipe() -> tuple[PipeReader, PipeWriter]:
    """Make a pipe and return its ends."""
    made = Pipe()
    return PipeReader(made), PipeWriter(made)


class FileStream(Stream):
    """A regular file with an offset."""

    def __init__(self, files: FileSystem, file: File, *, append: bool = False) -> None:
        """Open at the start, or for appending."""
        super().__init__()
        self.files, self.file, self.append, self.at = files, file, append, 0

    async def read(self, size: int) -> bytes:
        """See Stream."""
        part = bytes(self.file.data[self.at : self.at + size])
        self.at += len(part)
        return part

    def unread(self, data: bytes) -> None:
        """See Stream."""
        self.at -= len(data)

    async def write(self, data: bytes) -> None:
        """See Stream."""
        at = len(self.file.data) if self.append else self.at
        self.files.add(self.file, at, data)
        self.at = at + len(data)


class BytesStream(Stream):
    """Bytes that stand ready: a here-document, a device's end."""

    def __init__(self, data: bytes) -> None:
        """Hold these bytes."""
        super().__init__()
        self.data = data

    async def read(self, size: int) -> bytes:
        """See Stream."""
        part, self.data = self.data[:size], self.data[size:]
        return part

    def unread(self, data: bytes) -> None:
        """See Stream."""
        self.data = data + self.data


class NullStream(Stream):
    """/dev/null."""

    def unread(self, data: bytes) -> None:
        """See Stream; nothing was read."""
        del data


class ZeroStream(Stream):
    """/dev/zero."""

    async def read(self, size: int) -> bytes:
        """See Stream."""
        await asyncio.sleep(0)
        return bytes(min(size, CHUNK))

    def unread(self, data: bytes) -> None:
        """See Stream; zeros never end."""
        del data
