"""A command's words with a target's own facts in them: {pod}, {namespace}, {node}, {ip}, {container}, {label:KEY}.

Exactly these; {{pod}} writes {pod}, and ${pod} stays the shell's. All else in braces is left alone. In argv, and in the
arguments of a script, a value stands as it is: no shell reads it. In a line for a shell it is quoted, so that it is one
word there and nothing else, whatever is in it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from podium.domain.commands import Command, CommandKind
from podium.domain.errors import UsageError

_FACT = r"(?:pod|namespace|node|ip|container|label:[A-Za-z0-9._/-]+)"
_PATTERN = re.compile(rf"\{{\{{(?P<literal>{_FACT})\}}\}}|(?<!\$)\{{(?P<token>{_FACT})\}}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one target. "" is not known, but for labels, whose values may be empty."""

    pod: str
    namespace: str
    container: str
    node: str = ""
    ip: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def has_tokens(command: Command) -> bool:
    """Whether anything in it is to be substituted, or written literally."""
    return any(_PATTERN.search(word) for word in command.argv)


def substitute(command: Command, facts: Facts) -> Command:
    """The command as this target runs it.

    Raises UsageError where the target lacks what is asked for, and where a value cannot stand where it is asked for.
    """
    in_shell = command.kind is CommandKind.LINE
    return replace(command, argv=tuple(_word(word, facts, in_shell=in_shell) for word in command.argv))


def _word(word: str, facts: Facts, *, in_shell: bool) -> str:
    def fill(match: re.Match[str]) -> str:
        literal, token = match["literal"], match["token"]
        if literal is not None:
            return f"{{{literal}}}"
        value = _value(token, facts)
        return _quoted(value, token, facts, word[: match.start()]) if in_shell else value

    return _PATTERN.sub(fill, word)


def _value(token: str, facts: Facts) -> str:
    if token.startswith("label:"):
        key = token.removeprefix("label:")
        if key not in facts.labels:
            raise UsageError(f"{{{token}}}: {facts.namespace}/{facts.pod} has no label {key}")
        value = facts.labels[key]
    else:
        value = {
            "pod": facts.pod,
            "namespace": facts.namespace,
            "container": facts.container,
            "node": facts.node,
            "ip": facts.ip,
        }[token]
        if not value:
            raise UsageError(f"{{{token}}}: {facts.namespace}/{facts.pod} has no {token}")
    if "\0" in value:
        raise UsageError(f"{{{token}}}: of {facts.namespace}/{facts.pod} it holds a NUL byte, which no argument can")
    return value


def _quoted(value: str, token: str, facts: Facts, before: str) -> str:
    """As one word of a shell. What the line itself put into quotes can only be plain."""
    quoted = shlex.quote(value)
    if quoted == value or not _is_within(before):
        return quoted
    if value == "" and not before.endswith("\\"):
        return ""
    raise UsageError(
        f"{{{token}}} stands in quotes or in a here-document, where its value {value!r} of "
        f"{facts.namespace}/{facts.pod} would be read as shell: write it outside, it is quoted by itself"
    )


def _is_within(before: str) -> bool:
    """Whether what follows this part of a line stands in quotes, in backquotes, or may stand in a here-document."""
    quote, place = "", 0
    while place < len(before):
        char = before[place]
        if char == "\\" and quote != "'":
            place += 2
            continue
        if quote == "" and char in "'\"`":
            quote = char
        elif char == quote:
            quote = ""
        place += 1
    return quote != "" or place > len(before) or "<<" in before
