"""Open paths for processes: files, devices and the few entries of /proc."""

import errno
import re
import time
from collections.abc import Callable, Mapping

from podium.sandbox.runtime.files import Device, Directory, File, FileSystem, failure
from podium.sandbox.runtime.streams import BytesStream, FileStream, NullStream, Stream, ZeroStream

PROC: Mapping[str, Callable[[float], str]] = {
    "/proc/uptime": lambda age: f"{age:.2f} {age * 3.6:.2f}\n",
    "/proc/loadavg": lambda _: "0.08 0.03 0.01 1/120 42\n",
    "/proc/meminfo": lambda _: (
        "MemTotal:       65536000 kB\nMemFree:        41200000 kB\nMemAvailable:   58000000 kB\n"
    ),
    "/proc/version": lambda _: "Linux version 6.12.0-sandbox (podium@sandbox)\n",
    "/proc/cpuinfo": lambda _: "".join(f"processor\t: {number}\nmodel name\t: Sandbox CPU\n\n" for number in range(4)),
}


class FullStream(ZeroStream):
    """/dev/full."""

    async def write(self, data: bytes) -> None:
        """See Stream."""
        if data:
            raise failure(errno.ENOSPC, "")


def open_for_reading(files: FileSystem, path: str, streams: Mapping[int, Stream], started: float) -> Stream:
    """Open a path for reading. Raises FileError."""
    real = files.resolve(path)
    if (found := re.fullmatch(r"/proc/self/fd/(\d+)", real)) is not None:
        stream = streams.get(int(found[1]))
        if stream is None:
            raise failure(errno.ENOENT, path)
        return stream.hold()
    if real in PROC:
        return BytesStream(PROC[real](time.time() - started).encode())
    entry = files.find(path)
    if isinstance(entry, Directory):
        raise failure(errno.EISDIR, path)
    if isinstance(entry, File):
        return FileStream(files, entry)
    return device(entry)


def open_for_writing(files: FileSystem, path: str, streams: Mapping[int, Stream], *, append: bool) -> Stream:
    """Open a path for writing, made or emptied as asked. Raises FileError."""
    real = files.resolve(path)
    if (found := re.fullmatch(r"/proc/(?:self|1)/fd/(\d+)", real)) is not None:
        stream = streams.get(int(found[1]))
        if stream is None:
            raise failure(errno.ENOENT, path)
        return stream.hold()
    if real.startswith(("/proc/", "/sys/")):
        raise failure(errno.EACCES, path)
    entry = files.entry(real)
    if isinstance(entry, Device):
        return device(entry)
    return FileStream(files, files.write_into(path, append=append), append=append)


def device(entry: object) -> Stream:
    """Open a device."""
    match entry:
        case Device(name="zero"):
            return ZeroStream()
        case Device(name="full"):
            return FullStream()
        case _:
            return NullStream()
