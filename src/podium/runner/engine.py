"""The fan-out engine: a plan in, events out. Every target ends in exactly one outcome."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Coroutine, Iterable
from dataclasses import dataclass
from typing import Protocol

from podium.domain.admission import Admission
from podium.domain.errors import ClusterError, PodiumError
from podium.domain.events import Event, Finished, Noticed, Started, WaveBegan
from podium.domain.outcomes import Cancelled, Lost, Outcome, Reason, Rejected, Skipped, TimedOut, Why
from podium.domain.targets import Target
from podium.ports import Change, Journal
from podium.runner.attempt import Attempt, Taken, Tap
from podium.runner.budget import Verdict
from podium.runner.crowd import Crowd
from podium.runner.fleet import Fleet
from podium.runner.plan import Plan
from podium.runner.pool import Pool
from podium.runner.sleep import TICK, Tick
from podium.runner.tries import Tries


class Between(Protocol):
    """What happens between two waves: checks, a soak, a question. A verdict stops the run."""

    async def __call__(self, number: int, wave: tuple[Target, ...]) -> Verdict | None: ...


@dataclass(frozen=True, slots=True)
class _End:
    """The queue's last item."""


class Engine:
    """One run. Iterate over `events()` once; `stop` may be called from anywhere in the loop."""

    def __init__(
        self,
        fleet: Fleet,
        plan: Plan,
        admission: Admission,
        journal: Journal,
        tap: Tap | None = None,
        *,
        between: Between | None = None,
    ) -> None:
        self._fleet = fleet
        self._clock = fleet.clock
        self._plan = plan
        self._admission = admission
        self._journal = journal
        self._tap = tap
        self._between = between
        self._pool = Pool(plan.pace, plan.not_ready, self._clock.monotonic(), Crowd(plan.workloads, plan.at_once))
        self._tries = Tries(plan.care, plan.earlier.values())
        self._attempts: dict[Target, Attempt] = {}
        self._lives = {(target.uid, target.container): life for target, life in plan.lives.items()}
        self._gone: set[str] = set()
        self._by_uid: dict[str, list[Attempt]] = {}
        self._queue: asyncio.Queue[Event | _End] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._stopped_why: Why | None = None

    async def events(self) -> AsyncGenerator[Event, None]:
        """Run the plan; yield each event after the journal has it. Ends when every target has ended.

        Closing the iteration early ends what is in flight. Raises JournalError when an event cannot be kept.
        """
        # the tasks live in a task of their own: a task group must not span a yield (PEP 789)
        running = asyncio.create_task(self._run(), name="run")
        try:
            while not isinstance(event := await self._queue.get(), _End):
                yield event
            await running
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._look_at_deadline()
                guards = [group.create_task(watch) for watch in self._guards()]
                await self._conduct(group)
                for guard in guards:
                    guard.cancel()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        finally:
            self._queue.put_nowait(_End())

    def stop(self, why: Why) -> None:
        """Start nothing more; what is in flight goes on. The first reason given stays."""
        if self._stopped_why is None:
            self._stopped_why = why
        self._wake.set()

    def end_all(self, why: Why) -> None:
        """End what is in flight at once: it may still run."""
        outcome = _given_up(why)
        for attempt in list(self._attempts.values()):
            attempt.give_up(outcome)

    async def _conduct(self, group: asyncio.TaskGroup) -> None:
        waves = self._plan.waves or (self._plan.pending,)
        if self._plan.earlier:
            self._heed(self._tries.verdict())
        for target, reason in self._plan.absent.items():
            await self._skip((target,), reason)
        for number, wave in enumerate(waves, start=1):
            self._tries.enter(number)
            self._pool.add(wave)
            if self._stopped_why is None and len(waves) > 1:
                self._queue.put_nowait(WaveBegan(number, len(waves), len(wave), self._clock.wall()))
            await self._run_down(group)
            if number < len(waves) and self._stopped_why is None and self._between is not None:
                self._heed(await self._between(number, wave))

    async def _run_down(self, group: asyncio.TaskGroup) -> None:
        """Run what is in the pool to its end, or skip it where the run has been stopped."""
        pool = self._pool
        while True:
            self._wake.clear()
            now = self._clock.monotonic()
            if self._stopped_why is not None:
                await self._skip(pool.drain(), Reason(self._stopped_why))
            while self._stopped_why is None and (target := pool.take(now, self._tries.room)) is not None:
                self._launch(target, group)
            if pool.in_flight == 0:
                if pool.pending == 0:
                    return
                silent = pool.unreachable()
                for why in (Why.NODE_UNREACHABLE, Why.API_UNREACHABLE):
                    await self._skip([target for target in silent if pool.why_silent(target) is why], Reason(why))
                if pool.pending == 0:
                    return
            await self._until(pool.wake_at(now), now)

    async def _until(self, at: float | None, now: float) -> None:
        if self._wake.is_set():
            return
        timeout = None if at is None else max(at - now, 0.001)
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    def _launch(self, target: Target, group: asyncio.TaskGroup) -> None:
        attempt = Attempt(target, self._lives.get((target.uid, target.container), ""))
        self._attempts[target] = attempt
        self._by_uid.setdefault(target.uid, []).append(attempt)
        group.create_task(self._attempt(attempt), name=f"exec {target}")

    async def _attempt(self, attempt: Attempt) -> None:
        target, clock = attempt.target, self._clock
        begun = clock.monotonic()
        number = self._tries.begin(target)
        await self._record(Started(target, number, clock.wall()))
        capture = self._fleet.blobs.capture()
        if target.uid in self._gone:
            outcome: Outcome = Rejected(Reason(Why.REPLACED_BEFORE))
            answer = capture.seal()
        else:
            taken = Taken(target, capture, self._tap, self)
            exec_ = self._fleet.cluster(target.cluster).exec
            outcome, answer = await attempt.run(exec_, self._admission, self._plan.command_for(target), taken, capture)
        end = Finished(target, number, outcome, answer, clock.monotonic() - begun, clock.wall())
        end = self._tries.weigh(end, random.random(), stopped=self._stopped_why is not None)
        await self._record(end)
        self._forget(attempt)
        scout = self._pool.is_scout(target)
        self._pool.ended(target, outcome, clock.monotonic())
        if scout:
            await self._judge_space(target, outcome)
        if end.next_in is not None:
            self._pool.again(target, clock.monotonic() + end.next_in)
        self._heed(self._tries.settle(end))
        self._wake.set()

    def _heed(self, verdict: Verdict | None) -> None:
        if verdict is not None and self._stopped_why is None:
            self.stop(verdict.why)
            self._queue.put_nowait(Noticed(f"stopped: {verdict.text}", self._clock.wall()))

    def _forget(self, attempt: Attempt) -> None:
        del self._attempts[attempt.target]
        others = self._by_uid[attempt.target.uid]
        others.remove(attempt)
        if not others:
            del self._by_uid[attempt.target.uid]

    def let_in(self, target: Target) -> None:
        """Hear that a target's namespace lets us in: the others of it may start."""
        self._pool.open_space(target)
        self._wake.set()

    def reached(self, target: Target) -> None:
        """Hear that a target's node answers."""
        self._pool.reached(target)
        self._wake.set()

    async def _judge_space(self, scout: Target, outcome: Outcome) -> None:
        """A scout that was forbidden ends its namespace, where a review of the whole namespace says the same."""
        match outcome:
            case Rejected(Reason(why=Why.FORBIDDEN, detail=detail)):
                # a 403 that names no verb is the API server's second check, of `create` (1.35 and later)
                verb = "get" if "cannot get" in detail else "create"
                if await self._may(verb, scout) is False:
                    await self._skip(self._pool.close_space(scout), Reason(Why.NAMESPACE_FORBIDDEN))
                    return
            case _:
                pass
        self._pool.open_space(scout)

    async def _may(self, verb: str, scout: Target) -> bool | None:
        try:
            return await self._fleet.cluster(scout.cluster).reviews.may(verb, "pods/exec", scout.namespace)
        except ClusterError:
            return None

    async def _skip(self, targets: Iterable[Target], reason: Reason) -> None:
        answer = self._fleet.blobs.capture().seal()
        now = self._clock.wall()
        ends = [
            self._tries.give_up(target) or Finished(target, 0, Skipped(reason), answer, 0.0, now) for target in targets
        ]
        if ends:
            await self._journal.append(ends)
        for end in ends:
            self._queue.put_nowait(end)

    async def _record(self, event: Event) -> None:
        await self._journal.append([event])
        self._queue.put_nowait(event)

    def _guards(self) -> Iterable[_Guard]:
        clusters = {target.cluster for target in self._plan.pending}
        yield from (self._follow(cluster) for cluster in sorted(clusters))
        yield self._watch_sleep()
        pace = self._plan.pace
        if pace.run_timeout is not None:
            yield self._end_after(pace.run_timeout, Why.RUN_TIMEOUT)
        if pace.deadline is not None:
            yield self._end_after(max(pace.deadline - self._clock.wall(), 0.0), Why.DEADLINE)

    async def _follow(self, cluster: str) -> None:
        try:
            async for change in self._fleet.cluster(cluster).inventory.changes():
                self._saw(change)
            why = "the watch ended"
        except PodiumError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - the watch explains ends, it must not cost them
            why = f"a bug: {type(error).__name__}"
        text = f"{cluster}: pods are no longer watched, a pod deleted in mid-exec may go unnoticed: {why}"
        self._queue.put_nowait(Noticed(text, self._clock.wall()))

    def _saw(self, change: Change) -> None:
        if change.deleted:
            self._gone.add(change.uid)
        for attempt in self._by_uid.get(change.uid, ()):
            attempt.saw(change)
        self._lives.update({(change.uid, name): life for name, (life, _) in change.containers.items() if life})

    def _look_at_deadline(self) -> None:
        """A question or a slow list may have outlasted it."""
        deadline = self._plan.pace.deadline
        if deadline is not None and deadline <= self._clock.wall():
            self.stop(Why.DEADLINE)

    async def _end_after(self, seconds: float, why: Why) -> None:
        await self._clock.sleep(seconds)
        self.stop(Why.DEADLINE)
        self.end_all(why)

    async def _watch_sleep(self) -> None:
        tick = Tick(self._clock.boottime())
        while True:
            await self._clock.sleep(TICK)
            now = self._clock.boottime()
            if tick.slept(now):
                gap = now - tick.boottime
                await self._record(Noticed(f"this machine slept for about {gap:.0f} s", self._clock.wall()))
                self.stop(Why.SLEPT)
                self.end_all(Why.SLEPT)
            tick = Tick(now)


def _given_up(why: Why) -> Outcome:
    """Timed out where a run's time is over, cancelled where that was asked, else lost."""
    match why:
        case Why.RUN_TIMEOUT | Why.DEADLINE:
            return TimedOut(Reason(why))
        case Why.CANCELLED:
            return Cancelled()
        case _:
            return Lost(Reason(why, "may still run"))


_Guard = Coroutine[None, None, None]
