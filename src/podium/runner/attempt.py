"""One attempt in one target: from the journal's Started to its Finished, whatever happens between."""

from __future__ import annotations

import asyncio
import traceback
from contextlib import suppress
from pathlib import PurePath
from typing import Protocol

from podium.domain.admission import Admission
from podium.domain.commands import Command
from podium.domain.errors import PodiumError
from podium.domain.events import Answer, Channel
from podium.domain.outcomes import Failed, Lost, Outcome, Reason, Skipped, TimedOut, Why, reason_of
from podium.domain.targets import Target
from podium.ports import Capture, Change, Exec, Flow

KILLED = 137
REPLACED_WITHIN = 3.0  #: seconds the kubelet may take to tell that a killed command's container was replaced
STREAM_AFTER_LIFE = 3.0  #: seconds a stream may stay open after its pod or container is gone


class Tap(Protocol):
    """Sees every byte of every target as it comes; may hold a target's stream back through its flow."""

    def attach(self, target: Target, flow: Flow) -> None: ...

    def write(self, target: Target, channel: Channel, data: memoryview) -> None: ...


class Heed(Protocol):
    """Hears how far a target's way has been opened."""

    def let_in(self, target: Target) -> None:
        """The API server lets us exec there."""
        ...

    def reached(self, target: Target) -> None:
        """The target's node has answered."""
        ...


class Taken:
    """An Output that keeps (capture), shows (tap) and tells `heed` that the stream stands and the node answers."""

    def __init__(self, target: Target, capture: Capture, tap: Tap | None, heed: Heed) -> None:
        self._target = target
        self._capture = capture
        self._tap = tap
        self._heed = heed
        self.hint: Why | None = None

    def attach(self, flow: Flow) -> None:
        if self._tap is not None:
            self._tap.attach(self._target, flow)
        self._heed.let_in(self._target)

    def reach(self) -> None:
        self._heed.reached(self._target)

    def write(self, channel: Channel, data: memoryview) -> None:
        self._capture.write(channel, data)
        if self._tap is not None:
            self._tap.write(self._target, channel, data)

    def learn(self, why: Why) -> None:
        self.hint = why


class Attempt:
    """An exec in flight that others may end: by timeout, stop, or because its pod went."""

    def __init__(self, target: Target, life: str) -> None:
        self.target = target
        self._life = life  # the container id when it began, "" where unknown
        self._task: asyncio.Task[Outcome] | None = None
        self._given_up: Outcome | None = None
        self._changed = asyncio.Event()
        self._gone: Why | None = None

    async def run(
        self, exec_: Exec, admission: Admission, command: Command, taken: Taken, capture: Capture
    ) -> tuple[Outcome, Answer]:
        """Run it to its end; raises PodiumError where no target is to blame. What was written until then is kept."""
        if self._given_up is not None:
            given = reason_of(self._given_up)
            return Skipped(Reason(Why.INTERRUPTED if given is None else given.why)), capture.seal()
        self._task = asyncio.create_task(exec_.exec(admission, self.target, command, taken))
        try:
            outcome = await self._end_of(self._task, command.timeout, taken)
        finally:
            if not self._task.done():
                self._task.cancel()
        return await self._with_hindsight(outcome), capture.seal()

    async def _end_of(self, task: asyncio.Task[Outcome], limit: float | None, taken: Taken) -> Outcome:
        done, _ = await asyncio.wait({task}, timeout=limit)
        if not done and limit is not None:
            self.give_up(_timed_out(taken.hint, limit))
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling() > 0:
                raise
            return self._ended_as() or Lost(Reason(Why.BUG, "the exec ended as if cancelled"))
        except PodiumError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug met in one target must not cost the ends of all the others
            return Lost(Reason(Why.BUG, _where(error)))

    def _ended_as(self) -> Outcome | None:
        return self._given_up

    def give_up(self, outcome: Outcome) -> None:
        """End it with this outcome, unless it has ended."""
        if self._given_up is None:
            self._given_up = outcome
            if self._task is not None:
                self._task.cancel()

    def saw(self, change: Change, *, grace: bool = True) -> None:
        """Take notice of a change of the target's pod; with `grace` the stream may still bring its Status."""
        why = self._what_went(change)
        if why is None or self._gone is not None:
            return
        self._gone = why
        self._changed.set()
        delay = STREAM_AFTER_LIFE if grace else 0.0
        asyncio.get_running_loop().call_later(delay, self.give_up, Lost(Reason(why, "the stream stayed open")))

    def _what_went(self, change: Change) -> Why | None:
        if change.deleted:
            return Why.POD_GONE
        seen = change.containers.get(self.target.container)
        if seen is None or seen[0] == "" or self._life == "":
            return None
        container_id, running = seen
        return None if container_id == self._life and running else Why.CONTAINER_RESTARTED

    async def _with_hindsight(self, outcome: Outcome) -> Outcome:
        """A killed command looks like a killed container: wait shortly for what the kubelet says of it."""
        match outcome:
            case Failed(exit_code=code) if code == KILLED:
                if self._gone is None:
                    await _settled(self._changed, REPLACED_WITHIN)
                if self._gone is None:
                    return outcome
                return Failed(KILLED, outcome.proof, Reason(Why.CONTAINER_REPLACED, self._gone.value))
            case Lost(reason) if self._gone is not None and reason.why in (Why.NO_STATUS, Why.BROKEN):
                return Lost(Reason(self._gone, reason.detail))
            case _:
                return outcome


def _timed_out(hint: Why | None, limit: float) -> TimedOut:
    if hint is Why.STDOUT_HELD:
        return TimedOut(Reason(hint, f"the command itself ended, its output stayed open for {limit:g} s"))
    detail = f"no status after {limit:g} s: it, or a background child that holds its output, may still run"
    return TimedOut(Reason(Why.TIMEOUT, detail))


def _where(error: Exception) -> str:
    """Name an exception by its type and place: its words may hold what must not be shown."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {PurePath(last.filename).name}:{last.lineno}"


async def _settled(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
