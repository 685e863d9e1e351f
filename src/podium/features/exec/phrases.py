"""What a group says of itself in a few words: the outcome, why, and what to make of it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from podium.domain.commands import Command, CommandKind
from podium.domain.escapes import neutralise
from podium.domain.events import Finished
from podium.domain.grouping import Group
from podium.domain.outcomes import (
    Cancelled,
    Failed,
    Lost,
    Rejected,
    Skipped,
    Stopped,
    Succeeded,
    TimedOut,
    Why,
    reason_of,
)
from podium.domain.targets import Target
from podium.domain.units import format_count, format_duration, format_elapsed

# A shell's and a runtime's way to say that a signal ended it: 128 + the signal's number.
_SIGNALS: Mapping[int, str] = MappingProxyType(
    {129: "SIGHUP", 130: "SIGINT", 134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 141: "SIGPIPE", 143: "SIGTERM"}
)


def ended(group: Group, command: Command) -> str:
    """Say how the members ended: 2 rejected: no such executable "cat"; without what they wrote."""
    number = format_count(len(group.ends))
    outcome = group.outcome
    match outcome:
        case Succeeded():
            return f"{number} succeeded"
        case Failed(exit_code=code):
            signal = f" ({_SIGNALS[code]})" if code in _SIGNALS else ""
            return f"{number} failed, exit {code}{signal}{_reason(group)}"
        case TimedOut(reason=reason) if reason.why is Why.TIMEOUT:
            limit = f" after {format_duration(command.timeout)}" if command.timeout is not None else ""
            return f"{number} timed out{limit}"
        case TimedOut():
            return f"{number} timed out{_reason(group)}"
        case Cancelled():
            return f"{number} cancelled"
        case Rejected():
            return f"{number} rejected{_reason(group)}"
        case Lost():
            return f"{number} lost{_reason(group)}" + ("" if _has_detail(group) else f" after {_seconds(group.ends)}")
        case Skipped():
            return f"{number} skipped{_reason(group)}"


def caution(group: Group) -> str:
    """What to know before acting on it again; "" where the outcome says it all."""
    match group.outcome:
        case Lost():
            return "may have run, not tried again"
        case TimedOut(stopped=Stopped.CONFIRMED) | Cancelled(stopped=Stopped.CONFIRMED):
            return "ended in the pod" if len(group.ends) == 1 else "ended in the pods"
        case TimedOut() | Cancelled():
            return "may still run"
        case Skipped():
            return "never started"
        case _:
            return ""


def namer(targets: Iterable[Target]) -> Callable[[Target], str]:
    """Make a function that names targets by the parts in which they differ, joined by /: pod, namespace/pod, ...

    The parts are percent-encoded as in ids, so that the name of a context may hold a slash.
    """
    every = tuple(targets)
    clusters = {each.cluster for each in every}
    namespaces = {each.namespace for each in every}
    pods = Counter((each.cluster, each.namespace, each.pod) for each in every)
    by_container = any(number > 1 for number in pods.values())

    def name(target: Target) -> str:
        parts = [target.cluster] if len(clusters) > 1 else []
        parts += [target.namespace] if len(namespaces) > 1 or len(clusters) > 1 else []
        parts += [target.pod, *([target.container] if by_container else [])]
        return "/".join(quote(part, safe="@:+=") for part in parts)

    return name


def kubectl_line(target: Target, command: Command, flags: str = "") -> str:
    """Write the same for one target as a line to copy; neither environment nor script is in it.

    `flags` are further ones, ready for a shell.
    """
    head = ["--context", target.cluster, "-n", target.namespace, "exec"]
    where = [target.pod, "-c", target.container, "--"]
    match command.kind:
        case CommandKind.ARGV:
            words = [*head, *where, *command.shown]
        case CommandKind.LINE:
            words = [*head, *where, "sh", "-c", *command.shown]
        case CommandKind.SCRIPT:
            words = [*head, "-i", *where, "sh", "-s", *command.shown]
    return " ".join(["kubectl", *([flags] if flags else []), *map(_quoted, words)])


def _quoted(word: str) -> str:
    """Quote for a shell; what cannot be seen as escapes in $'...', which bash, zsh and ksh read."""
    if neutralise(word) == word and "\n" not in word and "\t" not in word:
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(map(_escaped, plain)) + "'"


def _escaped(char: str) -> str:
    if neutralise(char) == char and char not in "\n\t":
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def plural(number: int, noun: str) -> str:
    """1 line, 1,140 lines."""
    return f"{format_count(number)} {noun}{'' if number == 1 else 's'}"


def _reason(group: Group) -> str:
    reason = reason_of(group.outcome)
    if reason is None:
        return ""
    details = Counter(_detail(end) for end in group.ends)
    detail, number = max(details.items(), key=lambda item: (item[1], item[0]))
    others = f" (and {plural(len(details) - 1, 'other')})" if number < len(group.ends) else ""
    if not detail:
        return f": {reason.why.value}{others}"
    between = " " if detail.startswith('"') else ": "
    return f": {reason.why.value}{between}{detail}{others}"


def _has_detail(group: Group) -> bool:
    reason = reason_of(group.outcome)
    return reason is not None and reason.detail != ""


def _detail(end: Finished) -> str:
    """The words of whoever said why, on one line; the target's own name is the same for all."""
    reason = reason_of(end.outcome)
    words = reason.detail if reason is not None else ""
    return neutralise(" ".join(words.split())).replace(end.target.pod, "…")


def _seconds(ends: Sequence[Finished]) -> str:
    shortest, longest = min(end.seconds for end in ends), max(end.seconds for end in ends)
    first, last = format_elapsed(shortest), format_elapsed(longest)
    return first if first == last else f"{first} to {last}"
