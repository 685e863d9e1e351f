"""podium rerun: the command of a kept run again, in those of its targets that ended so."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

from podium.apps.cli.from_run import outcomes_in
from podium.apps.cli.kept import call_again, decode_call, encode_call
from podium.apps.cli.request import read_request, read_show
from podium.apps.cli.resume import connect_again, flags_of_show, look, refuse_command
from podium.apps.cli.running import Wish, fulfil, read_after
from podium.apps.cli.settled import rules_by
from podium.apps.cli.verbs import Call, Flags
from podium.domain.errors import NothingMatchedError
from podium.domain.runs import with_outcomes
from podium.domain.selection import Selection
from podium.features.exec.service import ExecService


def act(call: Call) -> int:
    """Act; gives the exit status."""
    flags = call.flags
    refuse_command(call, "rerun")
    names = outcomes_in(flags.text("only") or "", "--only")
    kept = look(flags)
    run = kept.record.run
    kept_call = decode_call(kept.record.request, run)
    again, command = call_again(kept_call, flags, run)
    targets = with_outcomes(kept.record.targets, kept.ends, names)
    if "left_out" in names:
        targets += tuple(absent.target for absent in kept.record.left_out)
    if not targets:
        raise NothingMatchedError(f"no target of run {run} ended so: {flags.text('only')}")
    again = Call(Flags({**again.flags.values, **_ONLY, "from_run": (f"{run}:{flags.text('only')}",)}), again.command)
    request = replace(
        read_request(again, command),
        selection=Selection(given=targets, spare_protected=False),
        recorded=encode_call(again, command, os.environ),
    )
    connect = connect_again(again.flags, flags, kept, kept_call)
    prepare = partial(ExecService.prepare, request=request)
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


_ONLY: dict[str, object] = {
    "words": (), "namespace": (), "all_namespaces": False, "everything": False, "labels": (), "field_selectors": (),
    "containers": (), "all_containers": False, "nodes": (), "excludes": (), "ready": None, "images": (),
    "revision": None, "newer_than": None, "older_than": None, "restarts_over": None, "sample": None, "seed": None,
    "targets_from": None, "min_targets": 1,
}  # fmt: skip
