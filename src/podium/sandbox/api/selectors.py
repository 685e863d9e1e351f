"""Parse label and field selectors with the API server's grammar and errors (apimachinery labels, fields)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from podium.sandbox.api.statuses import bad_request

Matches = Callable[[Mapping[str, str]], bool]
BINARY = "in, notin, =, ==, !=, gt, lt"
SYMBOLS = ("!=", "==", "(", ")", "!", ",", "=", ">", "<")
KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


class SelectorError(Exception):
    """A selector does not parse; the text is the API server's."""


class Operator(Enum):
    """How a label is compared."""

    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    ABSENT = "!"
    GREATER = "gt"
    LESS = "lt"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One label requirement."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels fulfil it (labels.Requirement.Matches)."""
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
        if value is None or not re.fullmatch(r"-?\d+", value):
            return False
        bound = int(next(iter(self.values)))
        return int(value) > bound if self.operator is Operator.GREATER else int(value) < bound


def scan(text: str) -> list[str]:
    """Split a label selector into symbols and words; the last token is ""."""
    tokens: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
            continue
        symbol = next((one for one in SYMBOLS if text.startswith(one, at)), None)
        if symbol is None:
            end = at
            while end < len(text) and text[end] not in " \t\r\n=!(),><":
                end += 1
            symbol = text[at:end]
        tokens.append(symbol)
        at += len(symbol)
    return [*tokens, ""]


class _LabelParser:
    """Recursive descent over the tokens, as labels.Parser."""

    def __init__(self, text: str) -> None:
        self.tokens, self.at = scan(text), 0

    def peek(self) -> str:
        return self.tokens[self.at]

    def take(self) -> str:
        word = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return word

    def parse(self) -> tuple[Requirement, ...]:
        found: list[Requirement] = []
        while True:
            word = self.peek()
            if word == "":
                return tuple(found)
            if word != "!" and word in SYMBOLS:
                raise SelectorError(f"found '{word}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self.requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            word = self.take()
            if word == "":
                return tuple(found)
            if word != ",":
                raise SelectorError(f"found '{word}', expected: ',' or 'end of string'")
            after = self.peek()
            if after == "" or (after != "!" and after in SYMBOLS):
                raise SelectorError(f"found '{after}', expected: identifier after ','")

    def requirement(self) -> Requirement:
        word = self.take()
        absent = word == "!"
        if absent:
            word = self.take()
        if word == "" or word in SYMBOLS:
            raise SelectorError(f"found '{word}', expected: identifier")
        if not KEY.fullmatch(word):
            raise SelectorError(f'<nil>: Invalid value: "{word}": {KEY_RULE}')
        if absent:
            return Requirement(word, Operator.ABSENT)
        if self.peek() in ("", ","):
            return Requirement(word, Operator.EXISTS)
        return self.compared(word)

    def compared(self, key: str) -> Requirement:
        word = self.take()
        match word:
            case "in" | "notin":
                return self.checked(Requirement(key, Operator(word), self.values()))
            case "=" | "==":
                return self.checked(Requirement(key, Operator.IN, self.exact()))
            case "!=":
                return self.checked(Requirement(key, Operator.NOT_IN, self.exact()))
            case ">" | "<":
                values = self.exact()
                if not all(re.fullmatch(r"-?\d+", value) for value in values):
                    words = "for 'Gt', 'Lt' operators, the value must be an integer"
                    raise SelectorError(f'values[0]: Invalid value: "{next(iter(values))}": {words}')
                return Requirement(key, Operator.GREATER if word == ">" else Operator.LESS, values)
        raise SelectorError(f"found '{word}', expected: {BINARY}")

    def checked(self, requirement: Requirement) -> Requirement:
        for value in sorted(requirement.values):
            if not VALUE.fullmatch(value):
                raise SelectorError(f'values[0][{requirement.key}]: Invalid value: "{value}": {LABEL_RULE}')
        return requirement

    def exact(self) -> frozenset[str]:
        if self.peek() in ("", ","):
            return frozenset(("",))
        word = self.take()
        if word in SYMBOLS:
            raise SelectorError(f"found '{word}', expected: identifier")
        return frozenset((word,))

    def values(self) -> frozenset[str]:
        word = self.take()
        if word != "(":
            raise SelectorError(f"found '{word}' expected: '('")
        found: list[str] = []
        last = ","
        while True:
            word = self.take()
            if word == ")":
                return frozenset((*found, "")) if last == "," else frozenset(found)
            if word == ",":
                if last == ",":
                    found.append("")
            elif word == "" or word in SYMBOLS:
                raise SelectorError(f"found '{word}', expected: ',', or identifier")
            elif last != ",":
                raise SelectorError(f"found '{word}', expected: ',' or ')'")
            else:
                found.append(word)
            last = word


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """Parse a label selector. Raises SelectorError."""
    return _LabelParser(text).parse()


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One field comparison."""

    name: str
    value: str
    equal: bool


POD_FIELDS = frozenset(
    (
        "metadata.name",
        "metadata.namespace",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    )
)
FIELDS: Mapping[str, frozenset[str]] = {
    "pods": POD_FIELDS,
    "nodes": frozenset(("metadata.name", "spec.unschedulable")),
    "namespaces": frozenset(("metadata.name", "status.phase")),
    "events": frozenset(
        (
            "metadata.name",
            "metadata.namespace",
            "reason",
            "reportingComponent",
            "source",
            "type",
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
        )
    ),
}
SPECIAL = frozenset((*FIELDS, "services"))


def parse_fields(text: str, plural: str) -> tuple[FieldTerm, ...]:
    """Parse a field selector for a kind. Raises SelectorError."""
    terms: list[FieldTerm] = []
    for part in re.split(r"(?<!\\),", text):
        if part == "":
            continue
        found = re.match(r"((?:\\.|[^\\=!])*)(!=|==|=)(.*)", part, re.DOTALL)
        if found is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
        name, operator, value = found.groups()
        terms.append(FieldTerm(_known(name, plural), re.sub(r"\\([\\,=])", r"\1", value), operator != "!="))
    return tuple(terms)


def _known(name: str, plural: str) -> str:
    if plural == "pods" and name == "spec.host":
        return "spec.nodeName"
    allowed = FIELDS.get(plural, frozenset(("metadata.name", "metadata.namespace")))
    if name in allowed:
        return name
    if plural in SPECIAL:
        raise SelectorError(f"field label not supported: {name}")
    raise SelectorError(f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"')


@dataclass(frozen=True, slots=True)
class Selection:
    """A parsed label and field selector."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[FieldTerm, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether everything matches."""
        return not self.labels and not self.fields

    def matches(self, labels: Mapping[str, str], fields: Callable[[], Mapping[str, str]]) -> bool:
        """Tell whether an object is selected."""
        if not all(one.matches(labels) for one in self.labels):
            return False
        if not self.fields:
            return True
        known = fields()
        return all((known.get(term.name, "") == term.value) is term.equal for term in self.fields)


def read_selection(label_text: str | None, field_text: str | None, plural: str) -> Selection:
    """Parse both selectors of a request; a bad one is the API server's 400. Raises StatusError."""
    try:
        labels = parse_labels(label_text or "")
    except SelectorError as error:
        raise bad_request(str(error)) from None
    try:
        return Selection(labels, parse_fields(field_text or "", plural))
    except SelectorError as error:
        raise bad_request(str(error)) from None
