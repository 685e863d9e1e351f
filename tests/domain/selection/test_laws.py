"""Laws that hold for any fleet and any selection."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.selection.fleet import EVERYWHERE, NOW, container, fleet, pod, resolved, steady
from podium.domain.inventory import Container, ContainerKind, ContainerState, Owner, Pod, Snapshot
from podium.domain.labels import parse
from podium.domain.selection import (
    Age,
    Exclude,
    LeftOutWhy,
    Readiness,
    Resolution,
    Sample,
    SamplePer,
    Selection,
    Where,
)
from podium.domain.targets import Target, format_id


def _any_container(name: str, chance: random.Random) -> Container:
    return container(
        name,
        chance.choice(["running", "running", *(state.value for state in ContainerState)]),
        chance.choice([kind.value for kind in ContainerKind]),
        reason=chance.choice(["", "CrashLoopBackOff", "ContainerCreating", "Completed"]),
        exit_code=chance.choice([None, 0, 1]),
        restarts=chance.randrange(9),
    )


def _any_pod(chance: random.Random) -> Pod:
    named = chance.sample(["app", "proxy", "init"], chance.randint(1, 3))
    return pod(
        "",
        chance.choice(["shop", "shop", "pay", "kube-system"]),
        *(_any_container(name, chance) for name in named),
        cluster=chance.choice(["east", "west"]),
        phase=chance.choice(["Running", "Running", "Running", "Pending", "Succeeded", "Failed", "Unknown"]),
        node=chance.choice(["", "n1", "n2"]),
        terminating=chance.random() < 0.1,
        ready=chance.random() < 0.5,
        created=chance.choice([NOW - 10, NOW - 5000]),
        labels={key: chance.choice(["web", "db"]) for key in ("app", "pool") if chance.random() < 0.6},
        default_container=chance.choice(["", "", "proxy"]),
        workload=chance.choice([None, Owner("Deployment", "web"), Owner("StatefulSet", "db")]),
        revision=chance.choice(["", "1", "2"]),
    )


#: drawn from a pool: drawing each field anew takes ten times as long
POOL = tuple(_any_pod(chance) for chance in (random.Random(seed) for seed in range(500)))


@st.composite
def fleets(draw: st.DrawFn) -> Snapshot:
    drawn = draw(st.lists(st.sampled_from(POOL), max_size=8))
    pods = [replace(one, name=f"web-{place}", uid=str(place)) for place, one in enumerate(drawn)]
    return fleet(*pods, silent=draw(st.sampled_from([(), ("n1",)])))


names = st.lists(st.sampled_from(["web-*", "web-1", "web-[0-3]", "*", "none"]), min_size=1, max_size=3).map(tuple)
owners = st.lists(st.sampled_from([Owner("Deployment", "web"), Owner("StatefulSet", "*"), Owner("Pod", "web-2")])).map(
    tuple
)
labels = st.lists(st.sampled_from(["app=web", "pool", "!app", "app!=db"]).map(parse)).map(tuple)
selections = st.builds(
    Selection,
    where=st.sampled_from([EVERYWHERE, Where(), Where(("pay",)), Where(("*", "kube-system"))]),
    names=st.just(()) | names,
    owners=owners,
    labels=labels,
    given=st.sampled_from([None, None, (Target("", "", "web-1", ""), Target("", "", "web-2", "proxy"))]),
    containers=st.sampled_from([(), (), ("app",), ("p*",), ("app", "*")]),
    all_containers=st.booleans(),
    nodes=st.sampled_from([(), (), ("n1",)]),
    images=st.sampled_from([(), (), ("proxy",)]),
    excludes=st.sampled_from([(), (Exclude(name="web-1"),), (Exclude(label=("app", "db")),)]),
    ready=st.sampled_from([None, None, *Readiness]),
    revision=st.sampled_from([None, None, *Age]),
    newer_than=st.sampled_from([None, 60.0]),
    restarts_over=st.sampled_from([None, 3]),
    sample=st.none() | st.builds(Sample, st.integers(1, 3), st.sampled_from(SamplePer), st.integers(0, 3)),
    spare_protected=st.booleans(),
)


def ids(found: Resolution) -> set[str]:
    return {format_id(one.target) for one in found.picked}


def spoken_of(selection: Selection, snapshot: Snapshot) -> set[str]:
    """The pods a selection speaks of, said the long way round."""

    def within(one: Pod) -> bool:
        where = selection.effective_where
        if where.everywhere or "*" in where.namespaces:
            return True
        return one.namespace in (where.namespaces or ("shop",))

    def asked(one: Pod) -> bool:
        wild = {"web-*": True, "*": True, "web-[0-3]": one.name in {f"web-{k}" for k in range(4)}}
        by_name = any(wild.get(name, name == one.name) for name in selection.names)
        by_owner = any(
            owner in {one.workload, Owner("Pod", one.name)}
            or (owner.name == "*" and one.workload is not None and one.workload.kind == owner.kind)
            for owner in selection.owners
        )
        by_label = any(selector.matches(one.labels) for selector in selection.labels)
        by_given = any(target.pod == one.name for target in selection.given or ())
        return (
            (by_name or not selection.names)
            and (by_owner or not selection.owners)
            and (by_label or not selection.labels)
            and (by_given or selection.given is None)
        )

    return {one.uid for one in snapshot.pods if within(one) and asked(one)}


@steady
@given(selections, fleets())
def test_each_pod_of_the_selection_is_picked_or_left_out_by_container_exactly_once(
    selection: Selection, snapshot: Snapshot
) -> None:
    found = resolved(selection, snapshot)
    told = [(one.pod.uid, one.target.container) for one in found.picked]
    told += [(one.pod.uid, one.container) for one in found.left_out]
    assert max(Counter(told).values(), default=1) == 1
    assert {uid for uid, _ in told} == spoken_of(selection, snapshot)
    whole = {uid for uid, name in told if name == ""}
    assert whole.isdisjoint({uid for uid, name in told if name != ""})


@steady
@given(selections, fleets())
def test_a_target_can_run_or_its_node_is_silent(selection: Selection, snapshot: Snapshot) -> None:
    for one in resolved(selection, snapshot).picked:
        assert not one.pod.terminating
        assert one.pod.phase not in {"Succeeded", "Failed"}
        [state] = [c.state for c in one.pod.containers if c.name == one.target.container]
        node = snapshot.node_of(one.pod)
        silent = node is not None and not node.ready and state is ContainerState.UNKNOWN
        assert state is ContainerState.RUNNING or silent
        assert (one.target.uid, one.target.node) == (one.pod.uid, one.pod.node)


@steady
@given(selections, names, names, fleets())
def test_repeats_of_one_kind_unite(
    selection: Selection, some: tuple[str, ...], more: tuple[str, ...], snapshot: Snapshot
) -> None:
    plain = replace(selection, sample=None)
    united = resolved(replace(plain, names=some + more), snapshot)
    assert ids(united) == ids(resolved(replace(plain, names=some), snapshot)) | ids(
        resolved(replace(plain, names=more), snapshot)
    )


@steady
@given(selections, names, owners.filter(len), fleets())
def test_different_kinds_intersect(
    selection: Selection, some: tuple[str, ...], those: tuple[Owner, ...], snapshot: Snapshot
) -> None:
    plain = replace(selection, sample=None)
    both = resolved(replace(plain, names=some, owners=those), snapshot)
    assert ids(both) == ids(resolved(replace(plain, names=some, owners=()), snapshot)) & ids(
        resolved(replace(plain, names=(), owners=those), snapshot)
    )


@steady
@given(selections, fleets())
def test_excluding_and_filtering_only_ever_take_away(selection: Selection, snapshot: Snapshot) -> None:
    plain = replace(selection, sample=None, images=(), containers=())
    wide = replace(plain, excludes=(), ready=None, revision=None, newer_than=None, restarts_over=None, nodes=())
    assert ids(resolved(plain, snapshot)) <= ids(resolved(wide, snapshot))
    assert spoken_of(plain, snapshot) == spoken_of(wide, snapshot)


@steady
@given(selections, fleets(), st.randoms(use_true_random=False))
def test_the_order_of_the_snapshot_changes_nothing_but_the_order(
    selection: Selection, snapshot: Snapshot, chance: random.Random
) -> None:
    pods = list(snapshot.pods)
    chance.shuffle(pods)
    one, other = resolved(selection, snapshot), resolved(selection, replace(snapshot, pods=tuple(pods)))
    assert ids(one) == ids(other)
    assert {(left.pod.uid, left.container, left.why, left.should_run) for left in one.left_out} == {
        (left.pod.uid, left.container, left.why, left.should_run) for left in other.left_out
    }


@steady
@given(selections, fleets())
def test_what_was_chosen_can_be_given_back(selection: Selection, snapshot: Snapshot) -> None:
    chosen = tuple(one.target for one in resolved(selection, snapshot).picked)
    again = resolved(Selection(given=chosen, spare_protected=False), snapshot)
    assert [one.target for one in again.picked] == list(chosen)
    assert again.missing == ()


@steady
@given(selections, fleets())
def test_what_counts_is_never_a_choice(selection: Selection, snapshot: Snapshot) -> None:
    choices = {
        LeftOutWhy.EXCLUDED,
        LeftOutWhy.FILTERED,
        LeftOutWhy.PROTECTED,
        LeftOutWhy.NOT_SAMPLED,
        LeftOutWhy.TERMINATING,
        LeftOutWhy.COMPLETED,
        LeftOutWhy.FAILED,
    }
    for left in resolved(selection, snapshot).left_out:
        assert not (left.should_run and left.why in choices)
        assert left.label != ""
