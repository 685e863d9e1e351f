"""podium resume: go on with a run that stopped before its end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from podium.apps import bootstrap
from podium.apps.cli import render
from podium.apps.cli.connecting import Surroundings, read_connect
from podium.apps.cli.kept import KeptCall, call_again, decode_call
from podium.apps.cli.request import read_request, read_show
from podium.apps.cli.running import Wish, fulfil, read_after
from podium.apps.cli.settled import rules_by
from podium.apps.cli.verbs import Call, Flags
from podium.domain.errors import RunHeldError, UsageError
from podium.domain.outcomes import Succeeded
from podium.domain.run_ids import short
from podium.domain.runs import is_due
from podium.features.exec.service import ExecService
from podium.features.runs.service import Kept, RunsService


def act(call: Call) -> int:
    """Act; gives the exit status."""
    flags = call.flags
    refuse_command(call, "resume")
    kept = look(flags)
    run = kept.record.run
    if kept.head.is_live:
        raise RunHeldError(f"run {run} is running in another process (podium runs follow {short(run)})")
    kept_call = decode_call(kept.record.request, run)
    again, command = call_again(kept_call, flags, run)
    request = replace(read_request(again, command), recorded=kept.record.request)
    idempotent = kept.record.idempotent or request.caution.retry.idempotent
    if not any(is_due(kept.ends.get(target), idempotent=idempotent) for target in kept.record.targets):
        return _nothing_left(kept)
    connect = connect_again(again.flags, flags, kept, kept_call)
    prepare = partial(ExecService.prepare_again, request=request, run=run)
    show = read_show(flags_of_show(again.flags))
    return fulfil(
        Wish(
            connect,
            show,
            prepare,
            flags.is_set("yes"),
            flags.is_set("dry_run"),
            read_after(flags),
            rules_by(call.settings),
        )
    )


def refuse_command(call: Call, verb: str) -> None:
    """These verbs run the command that was kept."""
    if call.command is not None:
        raise UsageError(f"{verb} runs the command that the run had: leave out -- and what follows")


def look(flags: Flags) -> Kept:
    """The run that ID means."""
    runs = bootstrap.open_runs(flags.text("state_dir"), os.environ)
    try:
        return RunsService(runs, bootstrap.clock()).look(flags.text("run") or "")
    finally:
        runs.close()


def connect_again(again: Flags, given: Flags, kept: Kept, kept_call: KeptCall) -> bootstrap.Connect:
    """How to reach the clusters of the run: those it had, by the kubeconfig it had, unless others are named."""
    environ: Mapping[str, str] = os.environ
    if kept_call.kubeconfig and given.text("kubeconfig") is None:
        environ = {**os.environ, "KUBECONFIG": kept_call.kubeconfig}
    taken = "it goes to the targets (-i)" if again.is_set("stdin") else ""
    connect = read_connect(again, Surroundings(environ, taken, again.count("max_output"), render.say))
    if not given.texts("context") and again.text("server") is None:
        connect = replace(connect, contexts=kept.record.contexts)
    return replace(connect, state_dir=given.text("state_dir"), journal=True)


def flags_of_show(again: Flags) -> Flags:
    """The flags with the words that the kept call had, so that a next command can be given."""
    return Flags({"words": (), "targets_from": None, **again.values})


def _nothing_left(kept: Kept) -> int:
    render.say(f"run {short(kept.record.run)}: nothing is left to do (podium runs show {short(kept.record.run)})")
    return 0 if all(isinstance(end.outcome, Succeeded) for end in kept.ends.values()) else 1
