"""Questions before an act: who answers, and what was answered within the hour."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from podium.apps.cli import render
from podium.apps.state import state_dir
from podium.domain.errors import NotAllowedError
from podium.features.exec.asking import REMEMBERED, Ask, Kind, Refuse, Rules, Situation, decide, fingerprint, is_yes
from podium.features.exec.service import Prepared

_FILE = "asked.json"
_LONGEST = 1024  #: bytes of an answer that are read


class Asked:
    """Remembers which questions were answered with yes: a small file in the state folder.

    It spares questions and grants nothing: a file that cannot be read or written is one question more.
    """

    def __init__(self, given: str | None, environ: Mapping[str, str], clock: Callable[[], float] = time.time) -> None:
        self._given = given
        self._environ = environ
        self._clock = clock

    def has(self, name: str) -> bool:
        """Whether this was answered with yes within the hour."""
        return name in self._recent()

    def remember(self, name: str) -> None:
        """Keep that it was."""
        with suppress(OSError, NotAllowedError):
            path = self._path()
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = path.with_name(f"{_FILE}.{os.getpid()}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({**self._recent(), name: self._clock()}, file)
            fresh.replace(path)

    def _recent(self) -> dict[str, float]:
        now = self._clock()
        try:
            kept = json.loads(self._path().read_text("utf-8"))
        except (OSError, ValueError, NotAllowedError):
            return {}
        if not isinstance(kept, dict):
            return {}
        # a time that lies ahead is of a clock that was set back: it remembers nothing
        return {name: at for name, at in kept.items() if isinstance(at, float) and 0 <= now - at < REMEMBERED}

    def _path(self) -> Path:
        return state_dir(self._given, self._environ) / _FILE


@dataclass(frozen=True, slots=True)
class Questions:
    """What decides whether this call asks. `asked` None remembers nothing."""

    yes: bool = False
    rules: Rules = Rules()
    asked: Asked | None = None


def question_for(prepared: Prepared, questions: Questions) -> Ask | Refuse | None:
    """What to ask before this run, None for nothing."""
    before = questions.asked is not None and questions.asked.has(_name(prepared))
    plan, selection = prepared.plan, prepared.request.selection
    situation = Situation(Kind.RUN, plan.pending, selection, is_answerable(), questions.yes, before)
    return decide(situation, questions.rules)


async def pass_question(prepared: Prepared, questions: Questions) -> None:
    """Ask where it must be asked, and go on after a yes; raises NotAllowedError after anything else."""
    match question := question_for(prepared, questions):
        case None:
            return
        case Refuse(text):
            raise NotAllowedError(text)
        case Ask():
            show(question.text, question.samples)
            if not is_yes(question, await _typed()):
                raise NotAllowedError("the answer was no: nothing ran")
            if questions.asked is not None:
                questions.asked.remember(_name(prepared))


def is_answerable() -> bool:
    """Whether somebody sees a question and can answer it."""
    return _is_open(0) and os.isatty(0) and render.is_terminal(sys.stderr)


def show(text: str, samples: Sequence[str]) -> None:
    """Put the question: a few targets, then its line, where the answer is typed behind it."""
    for sample in samples:
        render.say(f"  {sample}")
    render.write_error(f"{text} ".encode())


async def _typed() -> str:
    """A line from the terminal, "" at its end. The loop goes on meanwhile: signals are heard."""
    loop = asyncio.get_running_loop()
    readable = loop.create_future()

    def ready() -> None:
        if not readable.done():
            readable.set_result(None)

    try:
        loop.add_reader(0, ready)
    except (OSError, ValueError):
        return ""
    try:
        await readable
    finally:
        loop.remove_reader(0)
    try:
        return os.read(0, _LONGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return sys.stdin is not None


def _name(prepared: Prepared) -> str:
    request = prepared.request
    return fingerprint(request.command, request.selection, prepared.contexts)
