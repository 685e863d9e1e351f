"""A plan as rows of text: what each row is about, and its lines. Pure; widths and colours are the front's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podium.domain.commands import Command
from podium.domain.escapes import neutralise
from podium.domain.folding import fold
from podium.domain.rights import Right
from podium.domain.run_ids import short
from podium.domain.units import format_count, format_duration
from podium.features.exec.absent import by_choice_pieces, missing_lines, unreached_lines
from podium.features.exec.asking import Ask, Refuse
from podium.features.exec.phrases import namer, plural
from podium.features.exec.plan_view import PlanView, Share

Row = tuple[str, tuple[str, ...]]
_FEW = 8  #: workloads or nodes that stand in a line of their own


def rows(view: PlanView, *, whole: bool = False) -> Iterator[Row]:
    """The plan row by row; `whole` (-o wide) lists every workload and node."""
    plan = view.plan
    yield "run", (f"{short(plan.run)}, a dry run: nothing is run", *(neutralise(note) for note in view.notes))
    yield "command", (neutralise(" ".join(plan.command.title.split())),)
    if plan.commands:
        name = namer(plan.targets)
        yield "would run", tuple(neutralise(f"{name(each)}: {_title(command)}") for each, command in view.samples)
    yield "targets", (_targets(view),)
    yield "workloads", tuple(_shares(view.workloads, whole=whole))
    yield "nodes", tuple(_shares(view.nodes, whole=whole))
    yield "left out", tuple(_left_out(view)) or ("none",)
    yield "waves", (_waves(view),)
    yield "budget", tuple(_budget(view))
    yield "retries", (_retries(view),)
    yield "timeouts", (_timeouts(view),)
    yield "pace", (_pace(view),)
    yield "rights", tuple(_rights(view))
    yield "question", tuple(_question(view.question))


def _targets(view: PlanView) -> str:
    contexts = ", ".join(view.contexts)
    parts = [plural(len(view.plan.pending), "target"), view.selection, contexts, f"as {view.who}" if view.who else ""]
    if view.seed is not None:
        parts.append(f"sample by --seed {view.seed}")
    return neutralise(" · ".join(part for part in parts if part))


def _shares(shares: Sequence[Share], *, whole: bool) -> Iterator[str]:
    shown = shares if whole else shares[:_FEW]
    clusters = {one.cluster for one in shares}
    spaces = {one.namespace for one in shares}
    for one in shown:
        place = [one.cluster] if len(clusters) > 1 else []
        place += [one.namespace] if len(spaces) > 1 and one.namespace else []
        note = " (NotReady, last)" if one.not_ready else ""
        yield neutralise(f"{format_count(one.targets)} {' '.join([*place, one.name or 'no node'])}{note}")
    if len(shares) > len(shown):
        rest = shares[len(shown) :]
        yield f"{format_count(sum(one.targets for one in rest))} in {format_count(len(rest))} more (all: -o wide)"


def _left_out(view: PlanView) -> Iterator[str]:
    labels: dict[str, int] = {}
    for left in view.left_out:
        if left.should_run:
            labels[left.label] = labels.get(left.label, 0) + 1
    for label, count in sorted(labels.items(), key=lambda item: (-item[1], item[0])):
        yield f"{format_count(count)} {neutralise(label)}: should run and does not"
    yield from (f"{piece}: by choice or done" for piece in by_choice_pieces(view.left_out))
    yield from missing_lines(view.missing)
    yield from unreached_lines(view.unreached)


def _waves(view: PlanView) -> str:
    if len(view.waves) <= 1:
        return "one, of all"
    return f"{len(view.waves)}: {', '.join(map(format_count, view.waves))}"


def _budget(view: PlanView) -> Iterator[str]:
    budget = view.budget
    limits = {"ended badly": budget.max_failures, "lost": budget.max_lost, "rejected": budget.max_rejected}
    said = [f"stops when more than {format_count(limit)} {what}" for what, limit in limits.items() if limit is not None]
    yield " · ".join(said) if said else "none: a target that ends badly stops nothing"
    if view.worst is not None:
        how = "strict" if budget.strict else f"{format_count(view.worst.in_flight)} in flight may end as badly"
        yield f"worst case: {format_count(view.worst.bad)} end badly ({how})"
    if budget.first_wave:
        yield "the first wave: none may end badly"
    if budget.brake:
        yield "brake: stops when the first 50 all end badly for one same reason"


def _retries(view: PlanView) -> str:
    retry = view.retry
    if retry.retries == 0:
        return "none"
    what = ["where it never began"]
    if retry.on_exit:
        what.append(f"after exit {', '.join(map(str, sorted(retry.on_exit)))}")
    if retry.idempotent:
        what.append("where it was lost or timed out (--idempotent)")
    return f"{retry.retries} after the first attempt, {', '.join(what)}"


def _timeouts(view: PlanView) -> str:
    pace = view.plan.pace
    timeout = view.plan.command.timeout
    return " · ".join(
        [
            f"a target {_for(timeout)}",
            f"connect {_for(pace.connect_timeout)}",
            f"the run {_for(pace.run_timeout)}",
            *(["a deadline is set"] if pace.deadline is not None else []),
        ]
    )


def _for(seconds: float | None) -> str:
    return "none" if seconds is None else format_duration(seconds)


def _pace(view: PlanView) -> str:
    pace = view.plan.pace
    parts = [
        f"at most {format_count(view.in_flight)} in flight",
        f"{format_count(pace.concurrency)} per cluster",
        f"{format_count(pace.max_per_node)} per node",
    ]
    if view.plan.at_once:
        least, most = min(view.plan.at_once.values()), max(view.plan.at_once.values())
        parts.append(f"{least if least == most else f'{least}-{most}'} per workload")
    return " · ".join(parts)


def _rights(view: PlanView) -> Iterator[str]:
    rights = view.rights
    for one in rights.everywhere:
        yield neutralise(f"{one.cluster}: {one.right.verb} {one.right.resource}: yes, in all namespaces")
    for allowed, word in ((True, "yes"), (False, "NO"), (None, "not told")):
        places: dict[tuple[str, Right], list[str]] = {}
        for one in rights.asked:
            if one.allowed is allowed:
                places.setdefault((one.cluster, one.right), []).append(one.namespace)
        for (cluster, right), names in places.items():
            yield neutralise(f"{cluster}: {right.verb} {right.resource}: {word}, in {fold(names)}")
    if not rights.everywhere and not rights.asked:
        yield "not told"


def _question(question: Ask | Refuse | None) -> Iterator[str]:
    match question:
        case None:
            yield "none"
        case Refuse(text):
            yield f"none could be asked: {text}"
        case Ask(text, samples):
            yield text
            yield from (f"  {sample}" for sample in samples)


def _title(command: Command) -> str:
    return " ".join(command.title.split())
