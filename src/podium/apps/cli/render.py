"""Colour, tables and print: the only place that writes to stdout and stderr."""

from __future__ import annotations

import os
import sys
import traceback as tracebacks
from contextlib import suppress


def answer(text: str) -> None:
    """Write a line of an answer to stdout, whatever the locale; raises BrokenPipeError when nobody reads."""
    write_out((text + "\n").encode("utf-8", "surrogateescape"))


def write_out(data: bytes) -> None:
    """Write bytes to stdout; raises BrokenPipeError when nobody reads."""
    sys.stdout.buffer.write(data)


def say(text: str) -> None:
    """Write a line to stderr; a stderr that nobody reads is no reason to fail."""
    with suppress(OSError, ValueError):
        sys.stderr.buffer.write((text + "\n").encode("utf-8", "surrogateescape"))
        sys.stderr.buffer.flush()


def error(text: str) -> None:
    """Write the one line of an error."""
    say(f"podium: error: {' '.join(text.split())}")


def traceback(error: BaseException) -> None:
    """Write how an error came about."""
    say("".join(tracebacks.format_exception(error)).rstrip("\n"))


def flush() -> None:
    """Bring the answers out; raises BrokenPipeError when nobody reads."""
    sys.stdout.flush()


def abandon() -> None:
    """Give up stdout, so that what is buffered cannot fail at the end of the program."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
