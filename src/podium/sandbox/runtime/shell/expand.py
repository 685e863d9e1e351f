"""Expand words: parameters, substitutions, arithmetic, field splitting, paths."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Protocol

from podium.sandbox.runtime.process import Process
from podium.sandbox.runtime.shell.arithmetic import ArithmeticFailure, evaluate
from podium.sandbox.runtime.shell.patterns import Piece, expand_path, is_magic, trim
from podium.sandbox.runtime.shell.syntax import Arithmetic, Literal, Parameter, Script, Substitution, Word


class ExpansionError(Exception):
    """A word cannot be expanded; the shell says why and gives up its command."""


class Break(Enum):
    """Where a field ends: SOFT ends one that has begun, HARD ends even an empty one."""

    SOFT = 1
    HARD = 2


Flow = list[Piece | Break]


class State(Protocol):
    """What expansion asks of the shell."""

    process: Process
    arguments: list[str]

    @property
    def globbing(self) -> bool:
        """Tell whether patterns become paths."""

    def get(self, name: str) -> str | None:
        """Return a parameter's value, None where unset. Raises ExpansionError under `set -u`."""

    def assign(self, name: str, value: str) -> None:
        """Set a variable."""

    def is_set(self, name: str) -> str | None:
        """Return a parameter's value without minding `set -u`."""


Capture = Callable[[Script], Awaitable[str]]


class Expander:
    """Expand words for one shell; `capture` runs a substitution's script and returns its output."""

    def __init__(self, state: State, capture: Capture) -> None:
        """Expand for this shell."""
        self.state, self.capture = state, capture

    async def fields(self, words: tuple[Word, ...]) -> list[str]:
        """Return the words a command gets: split and globbed."""
        found: list[str] = []
        for word in words:
            for pieces in _assemble(await self._flow(word)):
                if self.state.globbing and is_magic(pieces):
                    paths = expand_path(pieces, self.state.process.files, self.state.process.cwd)
                    if paths:
                        found.extend(paths)
                        continue
                found.append("".join(text for text, _ in pieces))
        return found

    async def text(self, word: Word) -> str:
        """Return a word as one string: not split, not globbed."""
        return "".join(text for text, _ in await self.pattern(word))

    async def pattern(self, word: Word) -> list[Piece]:
        """Return a word as pieces that know what was quoted."""
        flow = await self._flow(word, splits=False)
        return [(" ", True) if isinstance(piece, Break) else piece for piece in flow]

    async def _flow(self, word: Word, *, splits: bool = True) -> Flow:
        flow: Flow = []
        for at, part in enumerate(word):
            match part:
                case Literal(text, quoted):
                    if at == 0 and not quoted and text.startswith("~"):
                        text = self._home(text)
                    flow.append((text, quoted))
                case Parameter(quoted=quoted):
                    flow.extend(await self._parameter(part, splits=splits and not quoted))
                case Substitution(script, quoted):
                    text = (await self.capture(script)).rstrip("\n")
                    flow.extend(self._value(text, quoted, splits))
                case Arithmetic(expression, quoted):
                    flow.extend(self._value(self.number(await self.text(expression)), quoted, splits))
        return flow

    def number(self, expression: str) -> str:
        """Return the value of an arithmetic expression. Raises ExpansionError."""
        try:
            return str(evaluate(expression, lambda name: self.state.get(name) or "", self.state.assign))
        except ArithmeticFailure as error:
            raise ExpansionError(str(error)) from None

    def _home(self, text: str) -> str:
        name, slash, rest = text.partition("/")
        return (self.state.is_set("HOME") or "/root") + slash + rest if name == "~" else text

    def _value(self, text: str, quoted: bool, splits: bool) -> Flow:
        return [(text, quoted)] if quoted or not splits else self._split(text)

    def _split(self, text: str) -> Flow:
        separators = self.state.is_set("IFS")
        separators = " \t\n" if separators is None else separators
        flow: Flow = []
        plain: list[str] = []
        for char in text:
            if char not in separators:
                plain.append(char)
                continue
            if plain:
                flow.append(("".join(plain), False))
                plain = []
            flow.append(Break.SOFT if char in " \t\n" else Break.HARD)
        if plain:
            flow.append(("".join(plain), False))
        return flow

    async def _parameter(self, part: Parameter, *, splits: bool) -> Flow:
        if part.name in ("@", "*") and part.operator == "":
            return self._all_arguments(part, splits)
        if part.operator == "":
            return self._value(self.state.get(part.name) or "", part.quoted, splits)
        if part.operator == "length":
            value = (
                str(len(self.state.arguments)) if part.name in ("@", "*") else str(len(self.state.get(part.name) or ""))
            )
            return self._value(value, part.quoted, splits)
        if part.operator.lstrip(":") in ("-", "=", "?", "+"):
            return await self._conditional(part, splits=splits)
        pattern = await self.pattern(part.argument or ())
        return self._value(trim(self.state.get(part.name) or "", pattern, part.operator), part.quoted, splits)

    def _all_arguments(self, part: Parameter, splits: bool) -> Flow:
        arguments = self.state.arguments
        if part.name == "*" and part.quoted:
            separators = self.state.is_set("IFS")
            joint = " " if separators is None else separators[:1]
            return [(joint.join(arguments), True)]
        flow: Flow = []
        for at, argument in enumerate(arguments):
            if at > 0:
                flow.append(Break.HARD if part.quoted else Break.SOFT)
            flow.extend([(argument, True)] if part.quoted or not splits else self._split(argument))
        return flow

    async def _conditional(self, part: Parameter, *, splits: bool) -> Flow:
        flow = await self._chosen(part, splits=splits)
        # "${x:-}" is an empty field, not none
        return [("", True)] if part.quoted and not flow else flow

    async def _chosen(self, part: Parameter, *, splits: bool) -> Flow:
        value = self.state.is_set(part.name)
        if part.name in ("@", "*"):
            value = " ".join(self.state.arguments) if self.state.arguments else None
        missing = value is None or (part.operator.startswith(":") and value == "")
        argument = part.argument or ()
        match part.operator.lstrip(":"):
            case "-":
                return (
                    await self._flow(argument, splits=splits)
                    if missing
                    else self._value(value or "", part.quoted, splits)
                )
            case "+":
                return [] if missing else await self._flow(argument, splits=splits)
            case "=":
                if missing:
                    value = await self.text(argument)
                    self.state.assign(part.name, value)
                return self._value(value or "", part.quoted, splits)
        if missing:
            words = await self.text(argument)
            raise ExpansionError(f"{part.name}: {words or 'parameter not set'}")
        return self._value(value or "", part.quoted, splits)


def _assemble(flow: Flow) -> list[list[Piece]]:
    fields: list[list[Piece]] = []
    current: list[Piece] = []
    for piece in flow:
        if isinstance(piece, Break):
            if current or piece is Break.HARD:
                fields.append(current)
                current = []
        elif piece[0] != "" or piece[1]:
            current.append(piece)
    if current:
        fields.append(current)
    return fields
