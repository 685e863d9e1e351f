"""Colour, tables and print: the only place that writes to stdout and stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from podium.apps.cli.colours import Colour
from podium.domain.errors import PodiumError

Out = IO[str] | None


class StdoutError(PodiumError):
    """Answers cannot be written."""


STDOUT = 1
STDERR = 2
_CLEAR = "\r\x1b[K"


def answer(text: str) -> None:
    """Write a line of an answer to stdout, whatever the locale; raises BrokenPipeError when nobody reads."""
    write_out((text + "\n").encode("utf-8", "surrogateescape"))


def write_out(data: bytes) -> None:
    """Write bytes to stdout; raises BrokenPipeError when nobody reads, StdoutError when it cannot be written."""
    with _told():
        sys.stdout.buffer.write(data)


def say(text: str) -> None:
    """Write a line to stderr; a stderr that nobody reads is no reason to fail."""
    with suppress(OSError, ValueError):
        sys.stderr.buffer.write((text + "\n").encode("utf-8", "surrogateescape"))
        sys.stderr.buffer.flush()


def is_terminal(stream: Out) -> bool:
    """Whether somebody may look at it."""
    return stream is not None and not stream.closed and stream.isatty()


def is_coloured(colour: Colour, *, terminal: bool) -> bool:
    """Whether to use colours; NO_COLOR and TERM=dumb are heard unless colours were asked for."""
    if colour is Colour.AUTO:
        return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return colour is Colour.ALWAYS


def can_redraw(stream: Out) -> bool:
    """Whether a line can be drawn over there."""
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def columns_of(stream: Out) -> int | None:
    """How wide what is written there may be; None where nobody looks at it, and nothing is cut."""
    if stream is None or not is_terminal(stream):
        return None
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, 20)
    except OSError:
        return 80


def write_error(data: bytes) -> None:
    """Write bytes to stderr; a stderr that nobody reads is no reason to fail."""
    with suppress(OSError, ValueError):
        sys.stderr.buffer.write(data)
        sys.stderr.buffer.flush()


def interrupt(text: str) -> None:
    """Write a line to stderr while a live line may stand there."""
    say((_CLEAR if is_terminal(sys.stderr) else "") + f"podium: {text}")


def error(text: str) -> None:
    """Write the one line of an error."""
    say(f"podium: error: {' '.join(text.split())}")


def traceback(error: BaseException) -> None:
    """Write how an error came about."""
    import traceback as tracebacks

    say("".join(tracebacks.format_exception(error)).rstrip("\n"))


def flush() -> None:
    """Bring the answers out; raises BrokenPipeError when nobody reads."""
    with _told():
        sys.stdout.flush()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon()
        raise StdoutError(f"cannot write to stdout: {error.strerror}") from None


def mend() -> None:
    """Put /dev/null where a standard stream is closed: else a socket would get its number."""
    for number, name, mode in ((0, "stdin", "r"), (STDOUT, "stdout", "w"), (STDERR, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            descriptor = os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for good


def abandon() -> None:
    """Give up stdout, so that what is buffered cannot fail at the end of the program."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
