"""Builtins that work on the shell's variables, arguments and options."""

import re

from podium.sandbox.runtime.process import ProcessExit
from podium.sandbox.runtime.shell.expand import ExpansionError
from podium.sandbox.runtime.shell.reading import read_line, split_fields
from podium.sandbox.runtime.shell.simple import CommandShell
from podium.sandbox.runtime.shell.state import Dialect, Variable

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


OPTIONS = {"e": "errexit", "u": "nounset", "x": "xtrace", "f": "noglob"}


async def export(shell: CommandShell, words: list[str]) -> int:
    """Export variables, or make them read-only (readonly)."""
    read_only = words[0] == "readonly"
    rest = [word for word in words[1:] if word != "-p"]
    if not rest:
        for name, one in sorted(shell.state.variables.items()):
            if one.read_only if read_only else one.exported:
                await shell.process.out(f"{words[0]} {name}={quoted(one.value)}\n")
        return 0
    for word in rest:
        name, equals, value = word.partition("=")
        if not NAME.fullmatch(name):
            await shell.say(f"{words[0]}: {name}: bad variable name")
            raise ProcessExit(2)
        old = shell.state.variables.get(name, Variable(""))
        if equals:
            shell.state.assign(name, value)
        elif name not in shell.state.variables and not read_only:
            continue
        value = shell.state.variables.get(name, old).value
        shell.state.variables[name] = Variable(value, old.exported or not read_only, old.read_only or read_only)
    return 0


async def local(shell: CommandShell, words: list[str]) -> int:
    """Make variables local to the function."""
    if not shell.state.scopes:
        await shell.say("local: not in a function")
        return 1
    for word in words[1:]:
        name, equals, value = word.partition("=")
        shell.state.declare_local(name)
        if equals:
            shell.state.assign(name, value)
    return 0


def quoted(text: str) -> str:
    """Return a text in single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"


async def read(shell: CommandShell, words: list[str]) -> int:
    """Read one line into variables; never a byte further."""
    raw = "-r" in words
    names = [word for word in words[1:] if not word.startswith("-")] or ["REPLY"]
    line, whole = await read_line(shell.process.streams.get(0), raw=raw)
    separators = shell.state.is_set("IFS")
    values = split_fields(line, " \t\n" if separators is None else separators, len(names))
    for name, value in zip(names, values, strict=True):
        shell.state.assign(name, value)
    return 0 if whole else 1


async def set_(shell: CommandShell, words: list[str]) -> int:
    """Set options and arguments, or show the variables."""
    if len(words) == 1:
        for name, one in sorted(shell.state.variables.items()):
            await shell.process.out(f"{name}={quoted(one.value)}\n")
        return 0
    rest = words[1:]
    while rest and re.match(r"[-+].", rest[0]) and rest[0] != "--":
        flag = rest.pop(0)
        if not set_flag(shell, flag, rest):
            await shell.say(f"set: Illegal option {flag}")
            raise ProcessExit(2)
    if rest[:1] == ["--"]:
        shell.state.arguments = rest[1:]
    elif rest:
        shell.state.arguments = rest
    return 0


def set_flag(shell: CommandShell, flag: str, rest: list[str]) -> bool:
    """Set one cluster of flags (-eu, -o pipefail); False when one is not known."""
    is_on = flag[0] == "-"
    for letter in flag[1:]:
        if letter == "o":
            name = rest.pop(0) if rest else ""
            if name not in ("errexit", "nounset", "xtrace", "noglob", "pipefail"):
                return False
            setattr(shell.state.options, name, is_on)
        elif letter in OPTIONS:
            setattr(shell.state.options, OPTIONS[letter], is_on)
        elif letter not in "hmbBCva":
            return False
    return True


async def shift(shell: CommandShell, words: list[str]) -> int:
    """Drop arguments from the front."""
    count = await number_of(shell, words, 1)
    if count > len(shell.state.arguments):
        if shell.state.dialect is Dialect.DASH:
            await shell.say("shift: can't shift that many")
            raise ProcessExit(2)
        return 1
    del shell.state.arguments[:count]
    return 0


async def unset(shell: CommandShell, words: list[str]) -> int:
    """Forget variables, or functions with -f."""
    functions = "-f" in words[1:2]
    for name in words[1:]:
        if functions:
            shell.state.functions.pop(name, None)
        elif not name.startswith("-"):
            try:
                shell.state.unset(name)
            except ExpansionError as error:
                await shell.say(f"unset: {error}")
                return 1
    return 0


async def number_of(shell: CommandShell, words: list[str], default: int) -> int:
    """Return a builtin's number argument, or its default; one that is none ends the shell with 2."""
    if len(words) < 2:
        return default
    if not re.fullmatch(r"-?\d+", words[1]):
        await shell.say(f"{words[0]}: Illegal number: {words[1]}")
        raise ProcessExit(2)
    return int(words[1]) & 255
