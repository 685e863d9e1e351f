"""sed's small core: s///, p, d, q behind addresses."""

import re
from dataclasses import dataclass


class EditError(Exception):
    """A script cannot be read."""


@dataclass(frozen=True, slots=True)
class Address:
    """A line number, the last line (number -1) or a pattern."""

    number: int | None = None
    pattern: re.Pattern[bytes] | None = None

    def fits(self, number: int, last: bool, line: bytes) -> bool:
        """Tell whether a line is meant."""
        if self.pattern is not None:
            return self.pattern.search(line) is not None
        return last if self.number == -1 else number == self.number


@dataclass(frozen=True, slots=True)
class Edit:
    """One command with its addresses."""

    first: Address | None
    second: Address | None
    negated: bool
    name: str
    pattern: re.Pattern[bytes] | None = None
    text: bytes = b""
    everywhere: bool = False
    prints: bool = False


def to_python(pattern: str, *, extended: bool) -> re.Pattern[bytes]:
    """Return a sed pattern as Python's. Raises EditError."""
    if not extended:
        pattern = re.sub(
            r"\\([|+?(){}])|([|+?(){}])", lambda hit: hit[1] if hit[1] is not None else "\\" + hit[2], pattern
        )
    try:
        return re.compile(pattern.encode("utf-8", "surrogateescape"))
    except re.error as error:
        raise EditError(str(error)) from None


def parse_script(script: str, *, extended: bool) -> list[Edit]:
    """Read a script. Raises EditError."""
    found: list[Edit] = []
    at = 0
    while at < len(script):
        if script[at] in " \t\n;":
            at += 1
            continue
        edit, at = _command(script, at, extended)
        found.append(edit)
    return found


def _command(script: str, at: int, extended: bool) -> tuple[Edit, int]:
    first, at = _address(script, at, extended)
    second = None
    if first is not None and script[at : at + 1] == ",":
        second, at = _address(script, at + 1, extended)
    negated = script[at : at + 1] == "!"
    at += negated
    name = script[at : at + 1]
    if name in ("p", "d", "q") and name != "":
        return Edit(first, second, negated, name), at + 1
    if name != "s":
        raise EditError(f"char {at + 1}: unknown command: `{name}' (the sandbox knows s, p, d and q)")
    mark = script[at + 1 : at + 2]
    parts, at = _cut(script, at + 2, mark)
    flags = re.compile(r"[gpiI]*").match(script, at)
    assert flags is not None
    pattern = to_python(("(?i)" if "i" in flags[0].lower() else "") + parts[0], extended=extended)
    text = re.sub(r"\\(\d)|(?<!\\)&|\\(.)", _replacement, parts[1])
    return (
        Edit(
            first,
            second,
            negated,
            "s",
            pattern,
            text.encode("utf-8", "surrogateescape"),
            "g" in flags[0],
            "p" in flags[0],
        ),
        flags.end(),
    )


def _replacement(hit: re.Match[str]) -> str:
    if hit[1] is not None:
        return rf"\g<{hit[1]}>"
    if hit[2] is None:
        return r"\g<0>"
    return "\n" if hit[2] == "n" else "\\\\" if hit[2] == "\\" else hit[2]


def _cut(script: str, at: int, mark: str) -> tuple[list[str], int]:
    parts: list[str] = []
    current: list[str] = []
    while len(parts) < 2:
        if at >= len(script):
            raise EditError("unterminated `s' command")
        if script[at] == "\\" and at + 1 < len(script):
            current.append(script[at + 1] if script[at + 1] == mark else script[at : at + 2])
            at += 2
            continue
        if script[at] == mark:
            parts.append("".join(current))
            current = []
        else:
            current.append(script[at])
        at += 1
    return parts, at


def _address(script: str, at: int, extended: bool) -> tuple[Address | None, int]:
    number = re.compile(r"\d+").match(script, at)
    if number is not None:
        return Address(int(number[0])), number.end()
    if script[at : at + 1] == "$":
        return Address(-1), at + 1
    if script[at : at + 1] == "/":
        end = script.find("/", at + 1)
        if end < 0:
            raise EditError("unterminated address regex")
        return Address(None, to_python(script[at + 1 : end], extended=extended)), end + 1
    return None, at


def edit(lines: list[bytes], commands: list[Edit], *, quiet: bool) -> list[bytes]:  # noqa: C901
    """Return the edited lines."""
    out: list[bytes] = []
    inside: set[int] = set()
    for number, original in enumerate(lines, 1):
        line, last, shown, stop = original, number == len(lines), not quiet, False
        for at, command in enumerate(commands):
            if _chosen(command, at, inside, (number, last, line)) is command.negated:
                continue
            if command.name == "d":
                shown = False
                break
            if command.name == "p":
                out.append(line)
            elif command.name == "q":
                stop = True
            elif command.pattern is not None:
                line, count = command.pattern.subn(command.text, line, count=0 if command.everywhere else 1)
                if count > 0 and command.prints:
                    out.append(line)
        if shown:
            out.append(line)
        if stop:
            break
    return out


def _chosen(command: Edit, at: int, inside: set[int], line: tuple[int, bool, bytes]) -> bool:
    if command.first is None:
        return True
    if command.second is None:
        return command.first.fits(*line)
    if at in inside:
        if command.second.fits(*line):
            inside.discard(at)
        return True
    if command.first.fits(*line):
        inside.add(at)
        return True
    return False
