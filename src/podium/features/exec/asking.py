"""Whether to ask before an act, and what: pure. Who answers, and how, is the front's business.

The rule (CLI.md, "Defaults"): on a terminal acts ask once above 100 targets, for `-A --all`, and for more than one
cluster. Acts that change pods ask in guarded contexts for the number of targets typed, and need --yes without a
terminal; others never ask there. The sandbox's context is never asked about.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from podium.domain.admission import digest_of_command
from podium.domain.commands import Command
from podium.domain.escapes import neutralise
from podium.domain.globs import globs
from podium.domain.selection import Selection
from podium.domain.targets import Target
from podium.domain.units import format_count
from podium.features.exec.phrases import namer, plural

SANDBOX = "podium-sandbox"
SAMPLES = 3
REMEMBERED = 3600.0  #: seconds in which one command on one selection is asked about once


class Kind(enum.Enum):
    """What an act does to its targets."""

    RUN = "run"  # exec
    CHANGE = "change"  # push, undo, debug containers


@dataclass(frozen=True, slots=True)
class Rules:
    """When to ask. `guarded` are names or globs of contexts."""

    above: int = 100
    guarded: tuple[str, ...] = ("*prod*",)


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when the question comes up. `asked_before`: the same, answered with yes within the hour."""

    kind: Kind
    targets: tuple[Target, ...]
    selection: Selection
    terminal: bool
    yes: bool = False
    asked_before: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. `expected` is the answer that means yes; anything else is a no."""

    text: str
    samples: tuple[str, ...]
    expected: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nobody is there to ask, and it may not go on unasked."""

    text: str


def decide(situation: Situation, rules: Rules) -> Ask | Refuse | None:
    """What to do before the act; None is to go on."""
    real = [target for target in situation.targets if target.cluster != SANDBOX]
    if situation.yes or not real:
        return None
    guarded = _guarded(situation.kind, real, rules)
    if guarded and not situation.terminal:
        return Refuse(f"{_listed(guarded)} is guarded and nobody is here to ask: --yes goes on")
    if guarded:
        number = format_count(len(situation.targets)).replace(",", "")
        text = f"{_listed(guarded)} is guarded: this changes {plural(len(situation.targets), 'target')}"
        return Ask(f"{text}. Type the number of targets to go on:", samples(situation.targets), number)
    reasons = _reasons(situation, real, rules)
    if not reasons or not situation.terminal or situation.asked_before:
        return None
    text = f"{plural(len(situation.targets), 'target')} ({', '.join(reasons)}). Go on? (y/N)"
    return Ask(text, samples(situation.targets), "y")


def is_yes(ask: Ask, answer: str) -> bool:
    """Whether an answer, as typed, is the expected one."""
    words = answer.strip().lower()
    return words in {"y", "yes"} if ask.expected == "y" else words.replace(",", "") == ask.expected


def samples(targets: Sequence[Target]) -> tuple[str, ...]:
    """The first, the middle and the last target, by name and node."""
    places = sorted({0, len(targets) // 2, len(targets) - 1}) if targets else []
    name = namer(targets)
    shown = [targets[place] for place in places]
    return tuple(neutralise(name(each) + (f" on {each.node}" if each.node else "")) for each in shown)


def fingerprint(command: Command, selection: Selection, contexts: Sequence[str]) -> str:
    """Name one command on one selection: hexadecimal, the same in every process."""
    whole = hashlib.sha256(digest_of_command(command))
    stdin = b"" if command.stdin is None else bytes(command.stdin)
    whole.update(hashlib.sha256(stdin).digest())
    labels = tuple(selector.text for selector in selection.labels)  # their values are sets, in any order
    text = repr((replace(selection, labels=()), labels, tuple(sorted(contexts))))
    whole.update(text.encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _guarded(kind: Kind, targets: Sequence[Target], rules: Rules) -> list[str]:
    if kind is not Kind.CHANGE:
        return []
    patterns = globs(rules.guarded)
    return sorted({target.cluster for target in targets if target.cluster in patterns})


def _reasons(situation: Situation, real: Sequence[Target], rules: Rules) -> list[str]:
    reasons: list[str] = []
    if len(real) > rules.above:
        reasons.append(f"more than {format_count(rules.above)}")
    if situation.selection.where.everywhere and situation.selection.everything:
        reasons.append("all pods in all namespaces")
    clusters = sorted({target.cluster for target in real})
    if len(clusters) > 1:
        reasons.append(f"{len(clusters)} clusters: {_listed(clusters)}")
    return reasons


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return neutralise(text)
