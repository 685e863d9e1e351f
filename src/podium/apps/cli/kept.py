"""What is kept of a call so that it can be made again, and the call made of it.

Never kept: values of --env and --secret, and stdin. A later call gives --env and stdin again; --secret is read from
its file again.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from podium.apps.cli.commanding import read_secrets, read_stdin, read_variables
from podium.apps.cli.verbs import Call, Flags
from podium.domain.commands import Command, CommandKind
from podium.domain.errors import UsageError

VERSION = 1
_FILES = ("kubeconfig", "token_file", "certificate_authority")
_NOT_KEPT = frozenset({"state_dir", "no_journal", "yes", "deadline", "dry_run", "detach", "on_end", "on_end_each"})
_OF_THE_SCREEN = frozenset(
    {"output", "stream", "group_by", "normalize", "max_groups", "max_lines", "max_output", "out_dir", "color",
     "quiet", "verbose"}
)  # fmt: skip
_ASKED_AGAIN = frozenset({"stdin", "stdin_from", "env"})


@dataclass(frozen=True, slots=True)
class KeptCall:
    """A call as it was kept. `needs` are the flags whose values must be given again."""

    values: Mapping[str, object]
    command: Command
    env_names: tuple[str, ...]
    had_stdin: bool
    kubeconfig: str  #: KUBECONFIG of then


def encode_call(call: Call, command: Command, environ: Mapping[str, str]) -> str:
    """Write a call down; "" where it cannot be made again, since a secret stands in its command."""
    if command.shown != command.argv or any(_holds(command.script, secret) for secret in command.secrets):
        return ""
    values = {name: value for name, value in call.flags.values.items() if _is_kept(name, value)}
    for name in _FILES:
        if isinstance(value := values.get(name), str):
            values[name] = str(Path(value).absolute())
    values["secret"] = [_absolute_secret(text) for text in call.flags.texts("secret")]
    secret_names = {text.partition("=")[0] for text in call.flags.texts("secret")}
    whole = {
        "version": VERSION,
        "flags": values,
        "kind": command.kind.value,
        "argv": command.argv,
        "script": base64.b64encode(command.script).decode(),
        "cwd": command.cwd,
        "timeout": command.timeout,
        "env": [name for name, _ in command.env if name not in secret_names],
        "stdin": command.stdin is not None,
        "kubeconfig": os.pathsep.join(
            str(Path(part).absolute()) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part
        ),
    }
    return json.dumps(whole)


def decode_call(text: str, run: str) -> KeptCall:
    """Read a call; raises UsageError for one that was not kept, or by another version."""
    if not text:
        raise UsageError(f"run {run} cannot be made again: its command holds a secret, or a program made it")
    whole: dict[str, Any] = json.loads(text)
    if whole.get("version") != VERSION:
        raise UsageError(f"run {run} was kept by another version of Podium: it cannot be made again by this one")
    command = Command(
        argv=tuple(whole["argv"]),
        kind=CommandKind(whole["kind"]),
        script=base64.b64decode(whole["script"]),
        cwd=whole["cwd"],
        timeout=whole["timeout"],
    )
    values = {name: _tuples(value) for name, value in whole["flags"].items()}
    return KeptCall(values, command, tuple(whole["env"]), whole["stdin"], whole["kubeconfig"])


def call_again(kept: KeptCall, given: Flags, run: str) -> tuple[Call, Command]:
    """The call with what is `given` now in place of what was given then; raises UsageError for what is missing."""
    said = {name: value for name, value in given.values.items() if not (value is None or value is False or value == ())}
    screen = {name: value for name, value in given.values.items() if name in _OF_THE_SCREEN}
    unsaid = {
        "stdin": False,
        "stdin_from": None,
        "env": (),
        "deadline": None,
        "yes": False,
        "dry_run": False,
        "detach": False,
        "from_run": (),
    }
    flags = Flags({**unsaid, **kept.values, "state_dir": None, "no_journal": False, **said, **screen})
    variables = read_variables(flags, os.environ)
    lacking = [name for name in kept.env_names if name not in dict(variables)]
    if lacking:
        again = " ".join(f"--env {name}=…" for name in lacking)
        raise UsageError(f"run {run}: values of variables are not kept; give them again: {again}")
    stdin = read_stdin(flags)
    if kept.had_stdin and stdin is None:
        raise UsageError(f"run {run}: its stdin is not kept; give it again by -i or --stdin-from FILE")
    secrets = read_secrets(flags)
    timeout = given.seconds("timeout")
    command = replace(
        kept.command,
        env=(*variables, *secrets),
        stdin=stdin,
        secrets=tuple(value for _, value in secrets),
        timeout=kept.command.timeout if timeout is None else (timeout or None),
    )
    return Call(flags, command.argv), command


def _is_kept(name: str, value: object) -> bool:
    if name in _NOT_KEPT | _OF_THE_SCREEN | _ASKED_AGAIN or name == "script":
        return False
    return isinstance(value, str | int | float | tuple) or value is None


def _tuples(value: object) -> object:
    """JSON has no tuples: lists of a flag that may be repeated, pairs in them."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _absolute_secret(text: str) -> str:
    name, _, file = text.partition("=@")
    return f"{name}=@{Path(file).absolute()}"


def _holds(script: bytes, secret: str) -> bool:
    return secret.encode("utf-8", "surrogateescape") in script
