"""--dry-run: the plan of an exec, printed; nothing is run and nothing is recorded."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from podium.apps.cli import render
from podium.apps.cli.missing_rights import say_rights
from podium.apps.cli.request import Format, Show
from podium.apps.cli.wire_json import Shape, encode, left_out_record, missing_record, target_record, unreached_record
from podium.domain.commands import Command
from podium.domain.describe import describe
from podium.domain.errors import UsageError
from podium.domain.rights import Asked
from podium.domain.targets import format_id
from podium.domain.widths import cut
from podium.features.exec.asking import Ask, Refuse
from podium.features.exec.plan_lines import rows
from podium.features.exec.plan_view import Around, PlanView, Share, view_of
from podium.features.exec.service import Prepared

NO_RIGHTS = "not allowed: a right is missing; a run would try all the same, and those targets be rejected"
_LABEL = 11  #: columns of a row's label


def check(show: Show) -> None:
    """Raise UsageError where a plan has no such form."""
    if show.format in {Format.JSONL, Format.JUNIT}:
        raise UsageError(f"--dry-run shows a plan, which has no -o {show.format.value}: text, wide, name or json")


def present(prepared: Prepared, show: Show, question: Ask | Refuse | None) -> int:
    """Print the plan to stdout, the missing Roles to stderr; gives the exit status."""
    request = prepared.request
    around = Around(
        prepared.who,
        prepared.contexts,
        describe(request.selection),
        prepared.rights,
        question,
        request.allow_skipped,
        prepared.notes,
    )
    view = view_of(prepared.plan, prepared.resolution, prepared.unreached, around)
    match show.format:
        case Format.JSON:
            render.write_out(encode(whole(view)) + b"\n")
        case Format.NAME:
            for target in view.plan.pending:
                render.answer(format_id(target))
        case _:
            for line in _lines(view, wide=show.format is Format.WIDE):
                render.answer(line)
    if not show.quiet:
        say_rights(prepared, most=3)
    if view.rights.lacking:
        render.error(NO_RIGHTS)
    return view.exit_status


def _lines(view: PlanView, *, wide: bool) -> Iterator[str]:
    columns = None if wide else render.columns_of(sys.stdout)
    for label, texts in rows(view, whole=wide):
        for place, text in enumerate(texts):
            line = f"{label if place == 0 else '':<{_LABEL}}{text}"
            yield line if columns is None else cut(line, columns)


def whole(view: PlanView) -> Shape:
    """The object of `--dry-run -o json`: docs/reference/json.md."""
    wave_of = {target: number for number, wave in enumerate(view.plan.waves, 1) for target in wave}
    commands = view.plan.commands
    return {
        "plan": _plan(view),
        "complete": view.complete,
        "targets": [
            {
                **target_record(target),
                "wave": wave_of.get(target, 1),
                "command": _words(commands[target]) if target in commands else None,
            }
            for target in view.plan.pending
        ],
        "left_out": [left_out_record(left) for left in view.left_out],
        "missing": [missing_record(one) for one in view.missing],
        "unreached": [unreached_record(one) for one in view.unreached],
        "error": _error(view),
    }


def _plan(view: PlanView) -> Shape:
    plan = view.plan
    return {
        "id": plan.run,
        "action": plan.action,
        "command": _words(plan.command),
        "kind": plan.command.kind.value,
        "who": view.who,
        "contexts": list(view.contexts),
        "selection": view.selection,
        "workloads": [_share(one) for one in view.workloads],
        "nodes": [{**_share(one), "not_ready": one.not_ready} for one in view.nodes],
        "waves": list(view.waves),
        "budget": _budget(view),
        "retries": {
            "retries": view.retry.retries,
            "on_exit": sorted(view.retry.on_exit),
            "idempotent": view.retry.idempotent,
        },
        "timeouts": {
            "target": plan.command.timeout,
            "connect": plan.pace.connect_timeout,
            "run": plan.pace.run_timeout,
            "deadline": plan.pace.deadline,
        },
        "pace": {
            "in_flight": view.in_flight,
            "concurrency": plan.pace.concurrency,
            "max_per_node": plan.pace.max_per_node,
            "max_per_workload": max(plan.at_once.values(), default=None),
        },
        "rights": [_right(one) for one in (*view.rights.everywhere, *view.rights.asked)],
        "question": _question(view.question),
        "seed": view.seed,
        "notes": list(view.notes),
        "exit": view.exit_status,
    }


def _words(command: Command) -> list[str]:
    return [word.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for word in command.shown]


def _share(one: Share) -> Shape:
    return {"cluster": one.cluster, "namespace": one.namespace or None, "name": one.name, "targets": one.targets}


def _budget(view: PlanView) -> Shape:
    budget, worst = view.budget, view.worst
    return {
        "max_failures": budget.max_failures,
        "max_lost": budget.max_lost,
        "max_rejected": budget.max_rejected,
        "strict": budget.strict,
        "first_wave": budget.first_wave,
        "brake": budget.brake,
        "worst_case": None if worst is None else worst.bad,
    }


def _right(one: Asked) -> Shape:
    return {
        "cluster": one.cluster,
        "namespace": one.namespace or None,
        "verb": one.right.verb,
        "resource": one.right.resource,
        "allowed": one.allowed,
    }


def _question(question: Ask | Refuse | None) -> str | None:
    return None if question is None else question.text


def _error(view: PlanView) -> Shape | None:
    if not view.rights.lacking:
        return None
    return {"exit": 6, "text": NO_RIGHTS}
