"""podium exec."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

from podium.apps.cli import render
from podium.apps.cli.connecting import Surroundings, read_connect
from podium.apps.cli.kept import encode_call
from podium.apps.cli.request import read_request, read_show
from podium.apps.cli.running import Wish, fulfil, read_after
from podium.apps.cli.settled import rules_by
from podium.apps.cli.verbs import Call, Flags
from podium.features.exec.service import ExecService
from podium.runner.preflight import PATIENCE


def act(call: Call) -> int:
    """Act; gives the exit status."""
    flags = call.flags
    around = Surroundings(os.environ, _stdin_taken(flags), flags.count("max_output"), render.say)
    connect, request = read_connect(flags, around), read_request(call)
    if connect.journal:
        request = replace(request, recorded=encode_call(call, request.command, os.environ))
    dry_run = flags.is_set("dry_run")
    prepare = partial(ExecService.prepare, request=request, patience=None if dry_run else PATIENCE)
    return fulfil(
        Wish(
            connect, read_show(flags), prepare, flags.is_set("yes"), dry_run, read_after(flags), rules_by(call.settings)
        )
    )


def _stdin_taken(flags: Flags) -> str:
    if flags.is_set("stdin"):
        return "it goes to the targets (-i)"
    return "it has the targets (--targets-from -)" if flags.text("targets_from") == "-" else ""
