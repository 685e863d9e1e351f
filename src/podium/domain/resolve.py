"""Selector + snapshot -> targets, and reasons for those left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from podium.domain.choice import BY_ANNOTATION, FIRST_OF_SEVERAL, Choice
from podium.domain.filters import filters_of
from podium.domain.globs import globs
from podium.domain.inventory import Pod, Snapshot
from podium.domain.leftout import by_choice, one_container, whole_pod, without_containers
from podium.domain.matching import Given, Test, excluded, is_protected, owned_by, within
from podium.domain.missing import missing_of, near_misses
from podium.domain.sampling import sample_of
from podium.domain.selection import LeftOut, LeftOutWhy, Picked, Resolution, Sample, Selection
from podium.domain.targets import Target


def resolve(selection: Selection, snapshot: Snapshot, now: float, own_namespace: Mapping[str, str]) -> Resolution:
    """Pick the targets of a selection, in the snapshot's order, and say who was left out and why.

    Each pod that the selection speaks of is picked or left out, by container; pods that it does not speak of are not
    mentioned. `now` in seconds since the epoch; `own_namespace` is the context's own namespace of each cluster.
    """
    inside = within(selection.effective_where, own_namespace)
    labelled = [pod for pod in snapshot.pods if inside(pod) and _has_labels(selection, pod)]
    walk = _Walk(selection, snapshot, now)
    tests = _what(selection, snapshot)
    for pod in labelled:
        if all(test(pod) for test in tests):
            walk.visit(pod)
    if selection.sample is not None:
        walk.thin(selection.sample)
    missing = missing_of(selection, snapshot, labelled)
    nothing = not walk.picked and not walk.left_out
    return Resolution(
        picked=tuple(walk.picked),
        left_out=tuple(walk.left_out),
        container_choice=_counted(walk.hows),
        seed=selection.sample.seed if selection.sample is not None else None,
        near_misses=near_misses(selection, snapshot, missing) if nothing else (),
        missing=missing,
    )


def _has_labels(selection: Selection, pod: Pod) -> bool:
    return not selection.labels or any(selector.matches(pod.labels) for selector in selection.labels)


def _what(selection: Selection, snapshot: Snapshot) -> tuple[Test, ...]:
    """A test for each kind that was said; different kinds intersect."""
    tests: list[Test] = []
    if selection.names:
        names = globs(selection.names)
        tests.append(lambda pod: pod.name in names)
    if selection.owners:
        tests.append(owned_by(selection.owners, snapshot))
    if selection.given is not None:
        tests.append(Given(selection.given))
    return tuple(tests)


class _Walk:
    """One pass over the pods of a selection."""

    def __init__(self, selection: Selection, snapshot: Snapshot, now: float) -> None:
        self.picked: list[Picked] = []
        self.hows: list[str] = []  # how the container of each picked was chosen
        self.left_out: list[LeftOut] = []
        self._snapshot = snapshot
        self._given = Given(selection.given) if selection.given is not None else None
        self._protected = is_protected(selection.where, selection.protected) if selection.spare_protected else None
        self._excluded = excluded(selection.excludes, snapshot) if selection.excludes else None
        self._filters = filters_of(selection, snapshot, now)
        self._choice = Choice(selection)

    def visit(self, pod: Pod) -> None:
        """Pick or leave out one pod, by container."""
        choice = self._left_by_choice(pod)
        if choice is not None:
            self.left_out.append(choice)
            return
        chosen = self._choice.of(pod, self._given.of(pod) if self._given is not None else ())
        counts = any(left.should_run for left in chosen.left_out)
        if chosen.containers or counts or not chosen.left_out:
            whole = whole_pod(pod)
            if whole is not None:
                self.left_out.append(whole)
                return
        self.left_out += chosen.left_out
        if not chosen.containers and not chosen.left_out:
            self.left_out.append(without_containers(pod))
        node = self._snapshot.node_of(pod)
        for container in chosen.containers:
            left = one_container(pod, container, node)
            if left is not None:
                self.left_out.append(left)
                continue
            target = Target(pod.cluster, pod.namespace, pod.name, container.name, pod.uid, pod.node)
            self.picked.append(Picked(target, pod))
            self.hows.append(chosen.how)

    def thin(self, sample: Sample) -> None:
        """Keep the sample of what was picked; leave out the rest."""
        kept = sample_of(self.picked, sample)
        places = range(len(self.picked))
        self.left_out += [
            by_choice(
                self.picked[place].pod, LeftOutWhy.NOT_SAMPLED, "not sampled", self.picked[place].target.container
            )
            for place in places
            if place not in kept
        ]
        self.hows = [self.hows[place] for place in places if place in kept]
        self.picked = [self.picked[place] for place in places if place in kept]

    def _left_by_choice(self, pod: Pod) -> LeftOut | None:
        if self._protected is not None and self._protected(pod):
            return by_choice(pod, LeftOutWhy.PROTECTED, f"protected namespace {pod.namespace}")
        if self._excluded is not None and self._excluded(pod):
            return by_choice(pod, LeftOutWhy.EXCLUDED, "excluded")
        for one in self._filters:
            if not one.passes(pod):
                return by_choice(pod, LeftOutWhy.FILTERED, one.label)
        return None


def _counted(hows: Iterable[str]) -> tuple[tuple[str, int], ...]:
    counts = Counter(hows)
    return tuple((how, counts[how]) for how in (BY_ANNOTATION, FIRST_OF_SEVERAL) if how in counts)
