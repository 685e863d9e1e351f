"""Label selectors by the API server's grammar (apimachinery labels.Parse)."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from podium.domain.errors import UsageError

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_NAME_MAX, _PREFIX_MAX = 63, 253
_TOKEN = re.compile(r"[ \t\r\n]*(?:(?P<sign>!=|==|[=!(),<>])|(?P<word>[^=!(),<> \t\r\n]+)|$)")
_NAME = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PREFIX = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_INTEGER = re.compile(r"[+-]?[0-9]+")


class Operator(enum.Enum):
    """What a requirement asks of a label."""

    IN = "in"  # also = and ==
    NOT_IN = "notin"  # also !=; holds where the key is absent
    EXISTS = "exists"
    ABSENT = "!"
    ABOVE = ">"
    BELOW = "<"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label. `values` is empty for EXISTS and ABSENT, one integer for ABOVE and BELOW."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet it."""
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN:
                return value is not None and value in self.values
            case Operator.NOT_IN:
                return value is None or value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.ABSENT:
                return value is None
            case Operator.ABOVE | Operator.BELOW:
                return value is not None and self._compares(value)

    def _compares(self, value: str) -> bool:
        mine, bound = _int64(value), _int64(next(iter(self.values)))
        if mine is None or bound is None:
            return False
        return mine > bound if self.operator is Operator.ABOVE else mine < bound


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A parsed `-l` text; all of its requirements must hold. Made by `parse` only."""

    text: str
    requirements: tuple[Requirement, ...]

    @property
    def is_empty(self) -> bool:
        """Whether it asks nothing, and so matches everything."""
        return not self.requirements

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet every requirement."""
        return all(requirement.holds(labels) for requirement in self.requirements)


def parse(text: str) -> LabelSelector:
    """Read a selector as the API server does; blank text asks nothing. Raises UsageError saying what and where.

    Source: k8s.io/apimachinery pkg/labels/selector.go.
    """
    return LabelSelector(text, _Parser(text).requirements())


def parse_pair(text: str) -> tuple[str, str]:
    """Read KEY=VALUE, both valid in a label; raises UsageError."""
    selector = parse(text)
    if len(selector.requirements) == 1 and "!" not in text:
        only = selector.requirements[0]
        if only.operator is Operator.IN and len(only.values) == 1:
            return only.key, next(iter(only.values))
    raise UsageError(f"label {text!r}: expected KEY=VALUE")


def _int64(text: str) -> int | None:
    if _INTEGER.fullmatch(text) is None:
        return None
    number = int(text) if len(text) < 32 else _INT64_MAX + 1
    return number if _INT64_MIN <= number <= _INT64_MAX else None


def _wrong_with_key(key: str) -> str:
    """What makes the key invalid, "" for nothing (apimachinery IsQualifiedName)."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > _PREFIX_MAX or _PREFIX.fullmatch(prefix) is None):
        return f"the part before the slash must be a DNS name of at most {_PREFIX_MAX} characters"
    if len(name) > _NAME_MAX:
        return f"a name has at most {_NAME_MAX} characters, this one {len(name)}"
    if _NAME.fullmatch(name) is None:
        return "a name holds letters, digits, '-', '_' and '.', and begins and ends with a letter or digit"
    return ""


def _wrong_with_value(value: str) -> str:
    """What makes the value invalid, "" for nothing (apimachinery IsValidLabelValue)."""
    if len(value) > _NAME_MAX:
        return f"a value has at most {_NAME_MAX} characters, this one {len(value)}"
    if value and _NAME.fullmatch(value) is None:
        return "a value holds letters, digits, '-', '_' and '.', and begins and ends with a letter or digit"
    return ""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str  #: "" at the end
    at: int  #: offset in the selector, from 0
    is_word: bool


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while True:
        found = _TOKEN.match(text, at)
        assert found is not None, "every character is a sign, a word's or white"
        at = found.end()
        if found["sign"] is not None:
            tokens.append(_Token(found["sign"], found.start("sign"), is_word=False))
        elif found["word"] is not None:
            tokens.append(_Token(found["word"], found.start("word"), is_word=True))
        else:
            tokens.append(_Token("", len(text), is_word=False))
            return tokens


class _Parser:
    """One walk over the tokens of one selector."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0

    def requirements(self) -> tuple[Requirement, ...]:
        found: list[Requirement] = []
        if self._peek().text == "":
            return ()
        while True:
            found.append(self._requirement())
            end = self._take()
            if end.text == "":
                return tuple(found)
            if end.text != ",":
                raise self._error(end, "',' or the end")

    def _requirement(self) -> Requirement:
        first = self._take()
        absent = first.text == "!"
        key = self._take() if absent else first
        if not key.is_word:
            raise self._error(key, "a label key")
        self._refuse(_wrong_with_key(key.text), "key", key)
        if absent:
            return Requirement(key.text, Operator.ABSENT)
        if self._peek().text in {"", ","}:
            return Requirement(key.text, Operator.EXISTS)
        return self._comparison(key)

    def _comparison(self, key: _Token) -> Requirement:
        sign = self._take()
        match sign.text:
            case "in":
                return Requirement(key.text, Operator.IN, self._set())
            case "notin":
                return Requirement(key.text, Operator.NOT_IN, self._set())
            case "=" | "==":
                return Requirement(key.text, Operator.IN, frozenset({self._value()}))
            case "!=":
                return Requirement(key.text, Operator.NOT_IN, frozenset({self._value()}))
            case ">" | "<":
                bound = self._peek()
                value = self._value()
                if _int64(value) is None:
                    raise self._error(bound, f"an integer after {sign.text!r}")
                return Requirement(key.text, Operator(sign.text), frozenset({value}))
        raise self._error(sign, "one of =, ==, !=, in, notin, >, <")

    def _value(self) -> str:
        if self._peek().text in {"", ","}:
            return ""
        token = self._take()
        if not token.is_word:
            raise self._error(token, "a value")
        self._refuse(_wrong_with_value(token.text), "value", token)
        return token.text

    def _set(self) -> frozenset[str]:
        """Read (a,b,...); an empty place stands for the empty value."""
        opening = self._take()
        if opening.text != "(":
            raise self._error(opening, "'('")
        values: set[str] = set()
        if self._peek().text == ")":
            self._take()
            return frozenset({""})
        while self._peek().text != ")" or not values:
            self._element(values)
        self._take()
        return frozenset(values)

    def _element(self, values: set[str]) -> None:
        """Read one value, or a comma with what an empty place beside it stands for."""
        token = self._take()
        if token.is_word:
            self._refuse(_wrong_with_value(token.text), "value", token)
            values.add(token.text)
            if self._peek().text not in {",", ")"}:
                raise self._error(self._peek(), "',' or ')'")
            return
        if token.text != ",":
            raise self._error(token, "',' or a value")
        if not values or self._peek().text in {",", ")"}:
            values.add("")

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _error(self, token: _Token, expected: str) -> UsageError:
        found = "the end" if token.text == "" else repr(token.text)
        return UsageError(
            f"label selector {self._text!r}: found {found} at character {token.at + 1}, expected {expected}"
        )

    def _refuse(self, wrong: str, what: str, token: _Token) -> None:
        if wrong:
            raise UsageError(
                f"label selector {self._text!r}: {what} {token.text!r} at character {token.at + 1}: {wrong}"
            )
