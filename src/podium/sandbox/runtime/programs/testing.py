"""test and [: conditions on files, texts and numbers."""

from collections.abc import Callable, Mapping

from podium.sandbox.runtime.files import Device, Directory, Entry, File, FileError, Link
from podium.sandbox.runtime.process import Process


class TestError(Exception):
    """A condition cannot be read."""


def holds(words: list[str], process: Process) -> bool:
    """Tell whether a condition holds; words[0] is test or [. Raises TestError."""
    rest = words[1:]
    if words[0].endswith("["):
        if not rest or rest[-1] != "]":
            raise TestError("missing ]")
        rest = rest[:-1]
    if not rest:
        return False
    reader = _Reader(rest, process)
    value = reader.either()
    if reader.at < len(rest):
        raise TestError(f"{rest[reader.at]}: unexpected operator")
    return value


class _Reader:
    def __init__(self, words: list[str], process: Process) -> None:
        self.words, self.process, self.at = words, process, 0

    def left(self) -> int:
        return len(self.words) - self.at

    def take(self) -> str:
        if self.left() == 0:
            raise TestError("argument expected")
        self.at += 1
        return self.words[self.at - 1]

    def either(self) -> bool:
        value = self.both()
        while self.left() > 0 and self.words[self.at] == "-o":
            self.at += 1
            right = self.both()
            value = value or right
        return value

    def both(self) -> bool:
        value = self.primary()
        while self.left() > 0 and self.words[self.at] == "-a":
            self.at += 1
            right = self.primary()
            value = value and right
        return value

    def primary(self) -> bool:
        if self.left() >= 3 and self.words[self.at + 1] in BINARY:
            first, operator, second = self.take(), self.take(), self.take()
            return BINARY[operator](first, second)
        word = self.take()
        if word == "!" and self.left() > 0:
            return not self.primary()
        if word == "(" and self.left() > 0:
            value = self.either()
            if self.take() != ")":
                raise TestError("closing paren expected")
            return value
        if self.left() > 0 and word in ("-n", "-z"):
            return (self.take() != "") == (word == "-n")
        if self.left() > 0 and word in FILE_TESTS:
            return self.file(word, self.take())
        if self.left() > 0 and word == "-t":
            self.take()
            return False
        return word != ""

    def file(self, operator: str, name: str) -> bool:
        try:
            entry = (
                self.process.files.find(self.process.path(name), follow=operator not in ("-h", "-L"))
                if name != ""
                else None
            )
        except FileError:
            return False
        return entry is not None and FILE_TESTS[operator](entry)


def _number(text: str) -> int:
    try:
        return int(text.strip())
    except ValueError:
        raise TestError(f"Illegal number: {text}") from None


BINARY: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "-eq": lambda a, b: _number(a) == _number(b),
    "-ne": lambda a, b: _number(a) != _number(b),
    "-lt": lambda a, b: _number(a) < _number(b),
    "-le": lambda a, b: _number(a) <= _number(b),
    "-gt": lambda a, b: _number(a) > _number(b),
    "-ge": lambda a, b: _number(a) >= _number(b),
}
FILE_TESTS: Mapping[str, Callable[[Entry], bool]] = {
    "-e": lambda _: True,
    "-r": lambda _: True,
    "-w": lambda _: True,
    "-f": lambda entry: isinstance(entry, File),
    "-d": lambda entry: isinstance(entry, Directory),
    "-h": lambda entry: isinstance(entry, Link),
    "-L": lambda entry: isinstance(entry, Link),
    "-c": lambda entry: isinstance(entry, Device),
    "-s": lambda entry: isinstance(entry, File) and len(entry.data) > 0,
    "-x": lambda entry: isinstance(entry, Directory) or (isinstance(entry, File) and entry.mode & 0o111 != 0),
}


async def test(process: Process) -> int:
    """Test a condition (/usr/bin/test, /usr/bin/[)."""
    try:
        return 0 if holds([process.name, *process.argv[1:]], process) else 1
    except TestError as error:
        await process.complain(str(error))
        return 2
