"""What is to run: `-- COMMAND`, --sh, --script and the Input flags as one Command."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from podium.apps.cli.verbs import Call, Flags
from podium.domain.commands import Command, CommandKind
from podium.domain.errors import UsageError

LONGEST_ARGV = 4096  #: bytes; argv travels in the request's URL, and proxies cut URLs at 8 KB (PITFALLS 24)
DEFAULT_TIMEOUT = 300.0

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_command(call: Call, environ: Mapping[str, str]) -> Command:
    """Read the command of an exec; raises UsageError."""
    flags = call.flags
    kind, argv, script = _given_as(call)
    if sum(len(os.fsencode(word)) + 1 for word in argv) > LONGEST_ARGV and kind is not CommandKind.LINE:
        raise UsageError("the command is longer than 4 KB, which proxies cut: put it into a file and use --script FILE")
    secrets = read_secrets(flags)
    return Command(
        argv=argv,
        kind=kind,
        script=script,
        stdin=read_stdin(flags),
        env=(*read_variables(flags, environ), *secrets),
        cwd=_cwd(flags),
        timeout=_timeout(flags),
        secrets=tuple(value for _, value in secrets),
    )


def read_variables(flags: Flags, environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Read --env; raises UsageError."""
    return tuple(_variable(text, environ) for text in flags.texts("env"))


def read_secrets(flags: Flags) -> tuple[tuple[str, str], ...]:
    """Read --secret NAME=@FILE: variables whose values are masked; raises UsageError."""
    found: list[tuple[str, str]] = []
    for text in flags.texts("secret"):
        name, _, file = text.partition("=@")
        if _VARIABLE.fullmatch(name) is None or not file:
            raise UsageError("--secret: expected NAME=@FILE (a value in the arguments can be read by every user)")
        value = _bytes_of(file, "--secret").decode("utf-8", "surrogateescape").removesuffix("\n")
        if not value:
            raise UsageError(f"--secret: {file} is empty")
        found.append((name, value))
    return tuple(found)


def _given_as(call: Call) -> tuple[CommandKind, tuple[str, ...], bytes]:
    line, file, behind = call.flags.text("line"), call.flags.text("script"), call.command
    if line is not None and file is not None:
        raise UsageError("--sh and --script contradict each other: give one of them")
    if file is not None:
        script = _bytes_of(file, "--script")
        if not script.strip():
            raise UsageError(f"--script: {file} is empty")
        return CommandKind.SCRIPT, behind or (), script
    if line is not None:
        if behind is not None:
            raise UsageError("--sh and -- COMMAND contradict each other: give one of them")
        if not line.strip():
            raise UsageError("--sh: the line is empty")
        return CommandKind.LINE, (line,), b""
    if behind is None:
        raise _without_dashes(call.flags)
    if not behind or not behind[0].strip():
        raise UsageError("you must specify at least one command for the container, after --")
    return CommandKind.ARGV, behind, b""


def _without_dashes(flags: Flags) -> UsageError:
    if len(flags.texts("words")) > 1:
        return UsageError(
            "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead"  # kubectl's words
        )
    return UsageError("you must specify at least one command for the container: podium exec TARGETS -- COMMAND")


def read_stdin(flags: Flags) -> bytes | None:
    """Read what goes to every target's stdin; raises UsageError."""
    ours, file = flags.is_set("stdin"), flags.text("stdin_from")
    if not ours and file is None:
        return None
    if ours and file is not None:
        raise UsageError("-i and --stdin-from contradict each other: give one of them")
    if ours or file == "-":
        for flag in ("targets_from", "script"):
            if flags.values.get(flag) == "-":  # what makes a run again has neither
                raise UsageError(f"stdin cannot be both the commands' input and --{flag.replace('_', '-')} -")
    if file is not None:
        return _bytes_of(file, "--stdin-from")
    return _our_stdin("-i")


def _bytes_of(file: str, flag: str) -> bytes:
    if file == "-":
        return _our_stdin(flag)
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{flag}: {file}: {error.strerror}") from None


def _our_stdin(flag: str) -> bytes:
    if sys.stdin is None:
        raise UsageError(f"{flag}: our stdin is closed")
    return sys.stdin.buffer.read()


def _variable(text: str, environ: Mapping[str, str]) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if _VARIABLE.fullmatch(name) is None:
        raise UsageError(f"--env: {name!r} is not the name of a variable")
    if equals:
        return name, value
    if name not in environ:
        raise UsageError(f"--env: {name} is not set here; set it, or write --env {name}=VALUE")
    return name, environ[name]


def _cwd(flags: Flags) -> str:
    folder = flags.text("cwd")
    if folder is not None and not folder.strip():
        raise UsageError("--cwd: the value is empty")
    return folder or ""


def _timeout(flags: Flags) -> float | None:
    given = flags.seconds("timeout")
    if given is None:
        return DEFAULT_TIMEOUT
    return None if given == 0 else given
