"""Open what redirections name."""

import errno
from collections.abc import Sequence

from podium.sandbox.runtime.files import FileError
from podium.sandbox.runtime.process import Process
from podium.sandbox.runtime.shell.expand import Expander, ExpansionError
from podium.sandbox.runtime.shell.syntax import Redirect
from podium.sandbox.runtime.streams import BytesStream, Stream


class CreateError(FileError):
    """A file could not be opened for writing."""


def drop(streams: dict[int, Stream]) -> None:
    """Let go of every stream."""
    for stream in streams.values():
        stream.drop()


async def applied(redirects: Sequence[Redirect], process: Process, expander: Expander) -> dict[int, Stream]:
    """Return the process's streams with redirections done, each held once more. Raises FileError, ExpansionError."""
    streams = {number: stream.hold() for number, stream in process.streams.items()}
    try:
        for redirect in redirects:
            await _apply(redirect, streams, process, expander)
    except BaseException:
        drop(streams)
        raise
    return streams


async def _apply(redirect: Redirect, streams: dict[int, Stream], process: Process, expander: Expander) -> None:
    text = await expander.text(redirect.target)
    number = redirect.number
    match redirect.operator:
        case "<<":
            _set(streams, number, BytesStream(text.encode("utf-8", "surrogateescape")))
        case "<<<":
            _set(streams, number, BytesStream(text.encode("utf-8", "surrogateescape") + b"\n"))
        case "<" | "<>":
            _set(streams, number, process.open(text))
        case ">" | ">|" | ">>":
            _set(streams, number, _create(process, text, append=redirect.operator == ">>"))
        case "&>" | "&>>":
            stream = _create(process, text, append=redirect.operator == "&>>")
            _set(streams, 1, stream)
            _set(streams, 2, stream.hold())
        case _:
            _duplicate(streams, number, text)


def _create(process: Process, name: str, *, append: bool) -> Stream:
    try:
        return process.create(name, append=append)
    except FileError as error:
        raise CreateError(error.errno, error.strerror, name) from None


def _duplicate(streams: dict[int, Stream], number: int, text: str) -> None:
    if text == "-":
        if number in streams:
            streams.pop(number).drop()
        return
    if not text.isdigit():
        raise ExpansionError(f"Bad fd number: {text}")
    source = streams.get(int(text))
    if source is None:
        raise FileError(errno.EBADF, "Bad file descriptor", text)
    _set(streams, number, source.hold())


def _set(streams: dict[int, Stream], number: int, stream: Stream) -> None:
    old = streams.get(number)
    streams[number] = stream
    if old is not None:
        old.drop()
