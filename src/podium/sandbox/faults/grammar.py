"""Read fault specs: KIND[=VALUE] then KEY=VALUE words, by spaces or commas. docs/reference/sandbox.md is the table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class FaultError(Exception):
    """A fault spec cannot be read; says which word and what would do."""


class Kind(Enum):
    """What breaks."""

    LATENCY = "latency"
    TOO_MANY = "429"
    GONE = "410"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    FORBIDDEN = "403"
    UNAUTHORIZED = "401"
    HANG = "hang"
    HANG_UP = "hang-up"
    NODE_TIMEOUT = "node-timeout"
    NODE_REFUSED = "node-refused"
    NODE_SILENT = "node-silent"
    REFUSE_UPGRADE = "refuse-upgrade"
    ACCEPT_AND_DROP = "accept-and-drop"
    NO_V5 = "no-v5"
    DROP_BEFORE_STATUS = "drop-before-status"
    DROP_AFTER_STATUS = "drop-after-status"
    HALF_OPEN = "half-open"
    EMPTY_END = "empty-end"
    FALSE_SUCCESS = "false-success"
    RESTART = "restart"
    VANISH = "vanish"
    REPLACE = "replace"
    SLOW_STDIN = "slow-stdin"
    SLOW_OUTPUT = "slow-output"
    FRAGMENT = "fragment"
    TEXT_FRAMES = "text-frames"


class Form(Enum):
    """What stands behind a kind's equals sign."""

    NOTHING = "nothing"
    SECONDS = "a duration like 2s or 300ms"
    NUMBER = "a number"
    RATE = "bytes a second like 64Ki"


FORMS: Mapping[Kind, tuple[Form, float | None]] = {
    Kind.LATENCY: (Form.SECONDS, None),
    Kind.TOO_MANY: (Form.NUMBER, 1.0),
    Kind.NODE_TIMEOUT: (Form.SECONDS, 30.0),
    Kind.REFUSE_UPGRADE: (Form.NUMBER, 400.0),
    Kind.SLOW_STDIN: (Form.RATE, None),
    Kind.SLOW_OUTPUT: (Form.RATE, None),
    Kind.FRAGMENT: (Form.NUMBER, None),
}
"""Kinds that take a value, and its default; None must be given."""

GLOBS = ("pod", "namespace", "node", "container", "user", "command", "protocol")
OPERATIONS = ("get", "list", "watch", "exec", "log", "create", "delete", "all")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
SIZES = {"": 1, "k": 1000, "Ki": 1024, "M": 10**6, "Mi": 1 << 20}


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault; `count` None strikes for ever."""

    kind: Kind
    value: float = 0.0
    globs: Mapping[str, str] = field(default_factory=dict)
    on: str = ""
    page: int | None = None
    after: float | None = None
    after_bytes: int | None = None
    count: int | None = None
    share: float = 1.0
    text: str = ""

    @property
    def at_status(self) -> bool:
        """Tell whether it strikes when the Status is due, not earlier."""
        return self.after is None and self.after_bytes is None


def parse(spec: str) -> Fault:
    """Read one fault spec. Raises FaultError."""
    words = [word for word in re.split(r"[,\s]+", spec.strip()) if word != ""]
    if not words:
        raise FaultError("an empty fault: write KIND[=VALUE] [KEY=VALUE ...]")
    name, equals, text = words[0].partition("=")
    try:
        kind = Kind(name)
    except ValueError:
        raise FaultError(f"no fault {name!r}: one of {', '.join(one.value for one in Kind)}") from None
    return _with_keys(kind, _value(kind, text if equals else None), words[1:], spec)


def _value(kind: Kind, text: str | None) -> float:
    form, default = FORMS.get(kind, (Form.NOTHING, 0.0))
    if text is None:
        if default is None:
            raise FaultError(f"{kind.value} needs {form.value}: {kind.value}=...")
        return default
    match form:
        case Form.NOTHING:
            raise FaultError(f"{kind.value} takes no value")
        case Form.SECONDS:
            return seconds(text)
        case Form.RATE:
            return float(size(text))
        case Form.NUMBER:
            return float(whole(text))


def _with_keys(kind: Kind, value: float, words: list[str], spec: str) -> Fault:
    globs: dict[str, str] = {}
    on, page, after, after_bytes, count, share = "", None, None, None, None, 1.0
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise FaultError(f"{word!r} is no KEY=VALUE")
        match key:
            case "on" if text in OPERATIONS:
                on = text
            case "page":
                page = whole(text)
            case "after":
                after = seconds(text)
            case "after-bytes":
                after_bytes = size(text)
            case "count":
                count = whole(text)
            case "share":
                share = _share(text)
            case _ if key in GLOBS:
                globs[key] = text
            case _:
                known = ", ".join((*GLOBS, "on", "page", "after", "after-bytes", "count", "share"))
                raise FaultError(f"{word!r} is not known: keys are {known}; on= is one of {', '.join(OPERATIONS)}")
    return Fault(kind, value, globs, on, page, after, after_bytes, count, share, " ".join(spec.split()))


def seconds(text: str) -> float:
    """Read a duration. Raises FaultError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if found is None:
        raise FaultError(f"{text!r} is no duration: like 300ms, 2s, 1m")
    return float(found[1]) * UNITS[found[2]]


def size(text: str) -> int:
    """Read a size in bytes. Raises FaultError."""
    found = re.fullmatch(r"(\d+)(Ki|Mi|k|M|)", text)
    if found is None:
        raise FaultError(f"{text!r} is no size: like 1000, 64Ki, 1Mi")
    return int(found[1]) * SIZES[found[2]]


def whole(text: str) -> int:
    """Read a whole number. Raises FaultError."""
    if not text.isdigit():
        raise FaultError(f"{text!r} is no whole number")
    return int(text)


def _share(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise FaultError(f"{text!r} is no share: from 0 to 1")
    return found
