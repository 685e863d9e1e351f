"""--detach: a run in a process of its own session, which outlives the terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

from podium.apps.cli import render


class Detached:
    """The child's side: until it has told its run's id it belongs to the terminal, and its errors are seen."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def leave(self, run: str) -> None:
        """The run is kept and admitted: tell its id and let go of the terminal."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        render.flush()
        for descriptor in (0, render.STDOUT, render.STDERR):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with suppress(OSError):
            os.write(self._pipe, run.encode())
        os.close(self._pipe)


def detach(act: Callable[[Detached], int]) -> int:
    """Act in a child; gives 0 once it has left, with its run's id on stdout, else the status it ended with.

    Forks before anything was opened: there is one thread, and no event loop.
    """
    reading, writing = os.pipe()
    render.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        return act(Detached(writing))
    os.close(writing)
    told = b""
    with suppress(KeyboardInterrupt), os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    if told:
        render.answer(told.decode())
        return 0
    with suppress(KeyboardInterrupt):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 130
