"""One event loop for one verb, and what ends it early: SIGINT, SIGTERM, SIGHUP, a closed stdout."""

from __future__ import annotations

import asyncio
import logging
import select
import signal
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from podium.apps.cli.ends import CLOSED, CTRL_C, SIGHUP, SIGTERM, Cause, EndedEarlyError
from podium.features.exec.report import Stop

T = TypeVar("T")


_SIGNALS: Mapping[signal.Signals, Cause] = MappingProxyType(
    {signal.SIGINT: CTRL_C, signal.SIGTERM: SIGTERM, signal.SIGHUP: SIGHUP}
)

_LOOKS = 0.25  #: seconds between two looks at who reads us
_LAST_MOMENT = 2.0  #: seconds for the last lines to reach a reader that reads


class Interrupts:
    """Takes signals in turn: the first asks to end, the second at once.

    Until somebody follows them, the first cancels what is under way.
    """

    def __init__(self, task: asyncio.Task[object] | None) -> None:
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._stop: Callable[[Stop], None] | None = None
        self._passed_on: Callable[[Cause], None] | None = None
        self._notice: Callable[[Cause], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watching: asyncio.TimerHandle | None = None
        self._urgent = asyncio.Event()
        self.cause: Cause | None = None

    def follow(self, stop: Callable[[Stop], None], notice: Callable[[Cause], None]) -> None:
        """From now on ask `stop` to end: once gracefully, and again when the grace is over or at the second time.

        `notice` is told first.
        """
        self._stop = stop
        self._notice = notice

    def pass_on(self, act: Callable[[Cause], None]) -> None:
        """From now on tell `act` of every time, and end nothing."""
        self._passed_on = act

    def take(self, cause: Cause) -> None:
        """Somebody wants us to end."""
        first = self.cause is None
        self.cause = self.cause or cause
        if self._passed_on is not None:
            self._passed_on(cause)
            return
        if self._stop is None:
            if self._task is not None:
                self._task.cancel()
            return
        stop = Stop(f"stopped by {self.cause.text}", self.cause.status)
        if not first:
            self._end_at_once(stop)
            return
        self._stop(stop)
        if self._notice is not None:
            self._notice(cause)
        self._timer = self._loop.call_later(cause.grace, self._end_at_once, stop)

    def _end_at_once(self, stop: Stop) -> None:
        self._urgent.set()
        if self._stop is not None:
            self._stop(stop)

    async def hurry(self, closing: Awaitable[None]) -> None:
        """Wait for what is closing; only shortly once the grace is over or somebody asked twice.

        A reader may be stuck.
        """
        close = asyncio.ensure_future(closing)
        urgent = asyncio.ensure_future(self._urgent.wait())
        try:
            await asyncio.wait({close, urgent}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({close}, timeout=_LAST_MOMENT)
        finally:
            urgent.cancel()
            if not close.done():
                close.cancel()
        if close.done() and not close.cancelled():
            close.result()

    def closed_stdout(self) -> None:
        """Nobody reads our answers any more: one Ctrl-C, however often it is noticed."""
        if self.cause is None:
            self.take(CLOSED)

    def watch(self, descriptor: int) -> None:
        """From now on notice that nobody reads the other end of a pipe, also while nothing is written to it."""
        poll = select.poll()
        poll.register(descriptor, 0)  # POLLERR and POLLHUP come unasked
        self._look(poll)

    def _look(self, poll: select.poll) -> None:
        if any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0)):
            self.closed_stdout()
            return
        self._watching = self._loop.call_later(_LOOKS, self._look, poll)

    def install(self) -> None:
        """Take the signals that are not ignored (nohup, a background job of a shell)."""
        for number, cause in _SIGNALS.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._loop.add_signal_handler(number, self.take, cause)

    def ignore(self, number: signal.Signals) -> None:
        """Do not hear this one any more."""
        self._loop.remove_signal_handler(number)

    def remove(self) -> None:
        """Leave signals to the interpreter again: what follows is not worth waiting for."""
        for timer in (self._timer, self._watching):
            if timer is not None:
                timer.cancel()
        for number in _SIGNALS:
            self._loop.remove_signal_handler(number)


def run(act: Callable[[Interrupts], Awaitable[T]]) -> T:
    """Run a verb in an event loop of its own, with uvloop where it is present.

    Raises EndedEarlyError when a signal came before `act` followed them.
    """
    # what a peer did to a connection is told as an outcome; asyncio's own words about it would spoil the screen
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_guarded(act))


async def _guarded(act: Callable[[Interrupts], Awaitable[T]]) -> T:
    interrupts = Interrupts(asyncio.current_task())
    interrupts.install()
    try:
        return await act(interrupts)
    except asyncio.CancelledError:
        if interrupts.cause is None:
            raise
        raise EndedEarlyError(interrupts.cause) from None
    finally:
        interrupts.remove()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
