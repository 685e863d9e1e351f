"""Everything a call of exec or targets says, read once."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from podium.apps.cli.caution import read_caution
from podium.apps.cli.colours import Colour
from podium.apps.cli.commanding import read_command
from podium.apps.cli.out_dir import prepare_folder
from podium.apps.cli.pacing import read_pace
from podium.apps.cli.patterns import substitute
from podium.apps.cli.selecting import again, read_reach, read_selection
from podium.apps.cli.settled import protected_by
from podium.apps.cli.verbs import Call, Flags
from podium.domain.commands import Command
from podium.domain.errors import UsageError
from podium.domain.normalize import Normal, parse_normal
from podium.domain.traits import parse_key
from podium.features.exec.request import ExecRequest

MAX_OUTPUT = 1024 * 1024
_OF_GROUPS = ("stream", "group_by", "normalize", "max_groups", "max_lines", "max_output")


class Format(Enum):
    """-o."""

    TEXT = "text"
    WIDE = "wide"
    NAME = "name"
    JSON = "json"
    JSONL = "jsonl"
    JUNIT = "junit"


@dataclass(frozen=True, slots=True)
class Show:
    """How a run is shown. `max_output` bytes a stream; None of the others is the default of the screen.

    `plain`: one target is answered as kubectl answers, byte by byte; nothing was said that asks for a group.
    """

    format: Format
    stream: bool
    plain: bool
    group_by: str | None
    normal: Normal | None
    max_groups: int | None
    max_lines: int | None
    max_output: int
    out_dir: Path | None
    colour: Colour
    quiet: bool
    verbose: bool


def read_request(call: Call, command: Command | None = None) -> ExecRequest:
    """Read what to run where, the `command` too where it is not given; raises UsageError."""
    flags = call.flags
    selection = replace(read_selection(flags, acting=True), protected=protected_by(call.settings))
    least = flags.count("min_targets")
    return ExecRequest(
        selection=selection,
        command=read_command(call, os.environ) if command is None else command,
        pace=read_pace(flags, terminal=_has_terminal(flags)),
        caution=read_caution(flags),
        min_targets=1 if least is None else least,
        allow_skipped=flags.is_set("allow_skipped"),
        reason=_reason(flags),
        reach=read_reach(flags),
        again=again(flags),
    )


def _reason(flags: Flags) -> str:
    text = flags.text("reason")
    if text is not None and not text.strip():
        raise UsageError("--reason: the value is empty")
    return "" if text is None else " ".join(text.split())


def read_show(flags: Flags) -> Show:
    """Read how to show it; raises UsageError. Makes the directory of --out-dir."""
    form = Format(flags.text("output"))
    stream = flags.is_set("stream")
    if stream and form not in {Format.TEXT, Format.WIDE}:
        raise UsageError(f"--stream shows text, and contradicts -o {form.value} (jsonl shows outputs as they come)")
    limit = flags.count("max_output")
    group_by = flags.text("group_by")
    folder, normalize = flags.text("out_dir"), flags.text("normalize")
    return Show(
        format=form,
        stream=stream,
        plain=form is Format.TEXT and not any(flags.values[name] for name in _OF_GROUPS if name not in flags.settled),
        group_by=None if group_by is None else parse_key(group_by.strip()),
        normal=None if normalize is None else parse_normal(normalize, substitute),
        max_groups=flags.count("max_groups"),
        max_lines=flags.count("max_lines"),
        max_output=MAX_OUTPUT if limit is None else limit,
        out_dir=None if folder is None else prepare_folder(folder),
        colour=Colour(flags.text("color")),
        quiet=flags.is_set("quiet"),
        verbose=(flags.count("verbose") or 0) > 0,
    )


def _has_terminal(flags: Flags) -> bool:
    """Whether somebody watches the run: nobody does when it is detached."""
    return not flags.is_set("detach") and sys.stderr is not None and sys.stderr.isatty()
