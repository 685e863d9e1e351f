"""A run as a person reads it (CLI.md, "The screen (exec): the model"): values, decided here and rendered by the CLI."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from podium.domain.apart import Apart, Population
from podium.domain.grouping import Group, group_ends, majority_of, would_fold
from podium.domain.inventory import Node, Pod
from podium.domain.names import format_owner
from podium.domain.normalize import Normal, Normaliser
from podium.domain.outcomes import Cancelled, Skipped, Why, reason_of
from podium.domain.selection import LeftOut
from podium.domain.targets import Target
from podium.domain.traits import Trait, TraitKind, traits_of, value_for
from podium.features.exec.absent import by_choice_pieces, left_out_pieces, missing_lines, unreached_lines
from podium.features.exec.bodies import Bodies, BodyLine, Limits, Read
from podium.features.exec.ending import Ending, ending_of
from podium.features.exec.phrases import caution, ended, kubectl_line, namer
from podium.features.exec.report import Report
from podium.features.exec.request import Reach

_A_PAIR = 2  # of two answers that differ one is shown as a diff against the other


class Mark(enum.Enum):
    """What kind of row it is, and how the row begins."""

    MAJORITY = "=="
    ODD = "--"
    BAD = "!!"
    NEVER = ".."  # skipped or cancelled: not run to an end, by us
    ABSENT = "??"
    SECTION = "##"


@dataclass(frozen=True, slots=True)
class Options:
    """What the screen must know and a report does not hold.

    `again` are TARGETS and selection flags, ready for a shell. `groups` None: all. `wide`: names instead of workloads.
    `status` where the exit status is not the report's.
    """

    selection: str
    contexts: tuple[str, ...] = ()
    who: str = ""
    again: str = ""
    nodes: Mapping[tuple[str, str], Node] = field(default_factory=dict)
    groups: int | None = 20
    limits: Limits = Limits()
    normal: Normal | None = None
    group_by: str | None = None
    wide: bool = False
    verbose: bool = False
    status: int | None = None
    reach: Reach = Reach()


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group: `head` says how it ended, `names` or `title` who, `pieces` what else; `body` what it wrote.

    Where `apart` is exact, a short screen may show it in place of the names of a bad group.
    """

    mark: Mark
    head: str
    names: tuple[str, ...]
    title: str
    apart: Apart | None
    pieces: tuple[str, ...]
    body: tuple[BodyLine, ...]
    kubectl: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Screen:
    """A run, over: what is shown at once. Bodies are made by `view`, group by group, since answers may be large."""

    report: Report
    options: Options
    groups: tuple[Group, ...]  #: that are shown
    hidden: tuple[Group, ...]
    sections: Mapping[str, int]  #: how many targets each part of a split screen has
    left_out: tuple[str, ...]  #: pieces of the line on who should run and does not
    by_choice: tuple[str, ...]
    missing: tuple[str, ...]
    unreached: tuple[str, ...]
    ending: Ending
    _reader: _Reader
    _normaliser: Normaliser

    def view(self, group: Group) -> GroupView:
        """Everything on one group; raises what reading its answer raises."""
        return self._reader.view(group)

    def normal_groups(self) -> int | None:
        """How many groups `--normalize` would leave, where that is worth saying; reads an answer of each group."""
        if self.options.normal is not None:
            return None
        return would_fold((*self.groups, *self.hidden), self._normaliser.digest)


def screen(report: Report, read: Read, options: Options) -> Screen:
    """Decide what a run's screen holds. `read` gives kept bytes (Blobs.read)."""
    normaliser = Normaliser(options.normal or Normal(), report.pods, read)
    subjects = _Subjects(report, options.nodes)
    groups = group_ends(
        report.ends,
        normaliser.digest if options.normal is not None else None,
        partial(subjects.section, options.group_by) if options.group_by is not None else None,
    )
    majority = majority_of(groups)
    shown, hidden = _chosen(groups, majority, options.groups)
    used = normaliser if options.normal is not None else None
    model = None if majority is None or _all_differ(groups) else majority
    return Screen(
        report=report,
        options=options,
        groups=shown,
        hidden=hidden,
        sections=_sizes(groups),
        left_out=left_out_pieces(report.resolution.left_out, subjects.with_left_out(), subjects.of_left_out),
        by_choice=by_choice_pieces(report.resolution.left_out),
        missing=missing_lines(report.resolution.missing),
        unreached=unreached_lines(report.unreached),
        ending=ending_of(report, options.again, options.status, options.reach),
        _reader=_Reader(report, options, subjects, Bodies(read, options.limits, model, used), majority),
        _normaliser=normaliser,
    )


def _all_differ(groups: tuple[Group, ...]) -> bool:
    """Whether every success is its own, as with `hostname`: then none is the model of the others, and none is odd."""
    good = [group for group in groups if group.is_good]
    return len(good) > _A_PAIR and all(len(group.ends) == 1 for group in good)


def _sizes(groups: tuple[Group, ...]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for group in groups:
        if group.key.section:
            sizes[group.key.section] = sizes.get(group.key.section, 0) + len(group.ends)
    return sizes


def _chosen(
    groups: tuple[Group, ...], majority: Group | None, most: int | None
) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """Which groups fit: the majority, then the bad up to half of the room at least, the rest as they come."""
    if most is None or len(groups) <= most:
        return groups, ()
    others = [group for group in groups if group is not majority]
    good = [group for group in others if group.is_good]
    bad = [group for group in others if not group.is_good]
    room = max(most - (majority is not None), 0)
    for_bad = min(len(bad), max(room - len(good), (room + 1) // 2))
    keep = {id(group) for group in (*good[: room - for_bad], *bad[:for_bad])}
    chosen = tuple(group for group in groups if group is majority or id(group) in keep)
    return chosen, tuple(group for group in groups if group is not majority and id(group) not in keep)


class _Subjects:
    """Targets and left-out pods with their traits."""

    def __init__(self, report: Report, nodes: Mapping[tuple[str, str], Node]) -> None:
        self._report = report
        self._nodes = nodes
        self._pods = report.pods
        self._now = max((end.at for end in report.ends.values()), default=0.0)
        self._traits: dict[Target, tuple[Trait, ...]] = {}
        self._population: Population | None = None

    def of_target(self, target: Target) -> tuple[Trait, ...]:
        known = self._traits.get(target)
        if known is None:
            pod = self._pods.get(target)
            known = () if pod is None else traits_of(pod, target.container, self._node(pod), self._now)
            self._traits[target] = known
        return known

    def of_left_out(self, left: LeftOut) -> tuple[Trait, ...]:
        return traits_of(left.pod, left.container, self._node(left.pod), self._now)

    def section(self, key: str, target: Target) -> str:
        pod = self._pods.get(target)
        return f"no {key}" if pod is None else value_for(key, pod, target.container, self._node(pod), self._now)

    def population(self) -> Population:
        if self._population is None:
            self._population = Population([self.of_target(target) for target in self._report.ends])
        return self._population

    def with_left_out(self) -> Population:
        missing = self._report.missing
        if not missing:
            return Population([])
        targets = [self.of_target(target) for target in self._report.ends]
        return Population([*targets, *(self.of_left_out(left) for left in missing)])

    def workloads(self, group: Group) -> list[str]:
        """The workloads a group's pods belong to; empty where one belongs to none."""
        found: dict[str, None] = {}
        for target in group.targets:
            pod = self._pods.get(target)
            owner = None if pod is None else pod.workload or pod.controller
            if owner is None:
                return []
            found[format_owner(owner)] = None
        return list(found)

    def _node(self, pod: Pod) -> Node | None:
        return self._nodes.get((pod.cluster, pod.node))


class _Reader:
    """Makes the views."""

    def __init__(
        self, report: Report, options: Options, subjects: _Subjects, bodies: Bodies, majority: Group | None
    ) -> None:
        self._command = report.plan.command
        self._command_for = report.plan.command_for
        self._options = options
        self._subjects = subjects
        self._bodies = bodies
        self._majority = majority
        self._name = namer(report.ends)

    def view(self, group: Group) -> GroupView:
        is_majority = self._is_model(group)
        body = self._bodies.of(group)
        names, title = self._who(group, is_majority=is_majority)
        apart = None
        if not is_majority:
            odd = [self._subjects.of_target(each) for each in group.targets]
            apart = self._subjects.population().sets_apart(odd, TraitKind.IMAGE if _is_of_image(group) else None)
        odd_lines = self._options.verbose and not (is_majority and group.is_good)
        flags = self._options.reach.kubectl
        care = caution(group)
        return GroupView(
            mark=_mark(group, is_majority=is_majority),
            head=ended(group, self._command) + body.summary,
            names=names,
            title=title,
            apart=apart,
            pieces=(care,) if care else (),
            body=body.lines,
            kubectl=tuple(kubectl_line(one, self._command_for(one), flags) for one in group.targets)
            if odd_lines
            else (),
        )

    def _is_model(self, group: Group) -> bool:
        """Whether it is nothing odd: the majority, its like in another section, or each where all differ."""
        if self._majority is None or self._bodies.majority is None:
            return group.is_good
        return group.key.is_alike(self._majority.key)

    def _who(self, group: Group, *, is_majority: bool) -> tuple[tuple[str, ...], str]:
        """Names, or one title for all: the workloads of the majority, the pod and node of a single target."""
        if len(group.ends) == 1:
            target = group.ends[0].target
            return (), self._name(target) + (f" on {target.node}" if target.node else "")
        workloads = self._subjects.workloads(group) if is_majority and not self._options.wide else []
        return (tuple(workloads) or tuple(self._name(target) for target in group.targets)), ""


def _mark(group: Group, *, is_majority: bool) -> Mark:
    if isinstance(group.outcome, Skipped | Cancelled):
        return Mark.NEVER
    if not group.is_good:
        return Mark.BAD
    return Mark.MAJORITY if is_majority else Mark.ODD


def _is_of_image(group: Group) -> bool:
    """Whether it failed for what is not in the image."""
    reason = reason_of(group.outcome)
    return reason is not None and reason.why in {Why.NO_EXECUTABLE, Why.NO_SHELL, Why.NOT_EXECUTABLE, Why.BAD_CWD}
