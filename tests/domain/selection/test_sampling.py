"""Samples by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from domain.selection.fleet import container, fleet, owned, pod, resolved, select, steady
from podium.domain.sampling import sample_of
from podium.domain.selection import LeftOutWhy, Picked, Sample, SamplePer

MANY = fleet(*(owned(f"web-{n}", f"web{n % 4}", node=f"n{n % 3}") for n in range(40)))
seeds = st.integers(0, 2**31)


ALL = resolved(select("*"), MANY).picked


def sampled(sample: Sample, among: Sequence[Picked] = ALL) -> list[Picked]:
    return [among[place] for place in sorted(sample_of(among, sample))]


def names(picked: Sequence[Picked]) -> set[str]:
    return {one.target.pod for one in picked}


def test_the_seed_is_told_and_the_same_seed_chooses_the_same_targets_for_ever() -> None:
    found = resolved(select("*", sample=Sample(4, SamplePer.ALL, 7)), MANY)
    assert found.seed == 7
    assert [one.target.pod for one in found.picked] == PINNED
    assert len(found.left_out) == 36
    assert {(one.why, one.should_run, one.container) for one in found.left_out} == {
        (LeftOutWhy.NOT_SAMPLED, False, "app")
    }
    assert resolved(select("*"), MANY).seed is None


#: a change here breaks every seed that somebody wrote down
PINNED = ["web-7", "web-8", "web-15", "web-29"]


def test_other_seeds_choose_others() -> None:
    chosen = {tuple(one.target.pod for one in sampled(Sample(4, SamplePer.ALL, seed))) for seed in range(20)}
    assert len(chosen) == 20


@steady
@given(seeds, st.integers(1, 50))
def test_a_bigger_sample_holds_the_smaller(seed: int, size: int) -> None:
    small, big = sampled(Sample(size, SamplePer.ALL, seed)), sampled(Sample(size + 1, SamplePer.ALL, seed))
    assert len(small) == min(size, 40)
    assert names(small) <= names(big)


@steady
@given(seeds)
def test_targets_that_stay_keep_their_rank_when_others_go(seed: int) -> None:
    fewer = [one for one in ALL if one.pod.name.startswith("web-1")]
    whole = names(sampled(Sample(5, SamplePer.ALL, seed)))
    assert {name for name in whole if name.startswith("web-1")} <= names(sampled(Sample(5, SamplePer.ALL, seed), fewer))


@steady
@given(seeds, st.integers(1, 12))
def test_of_each_workload_or_node_so_many(seed: int, size: int) -> None:
    by_workload = Counter(one.pod.workload for one in sampled(Sample(size, SamplePer.WORKLOAD, seed)))
    assert set(by_workload.values()) == {min(size, 10)}
    assert len(by_workload) == 4
    by_node = Counter(one.pod.node for one in sampled(Sample(size, SamplePer.NODE, seed)))
    assert len(by_node) == 3
    assert set(by_node.values()) == {size}


def test_of_each_image_by_the_image_of_the_target_itself() -> None:
    found = fleet(*(pod(f"a-{n}", "shop", container("app"), container("proxy")) for n in range(5)))
    sample = Sample(1, SamplePer.IMAGE, 1)
    picked = resolved(select("*", all_containers=True, sample=sample), found).picked
    assert sorted(one.target.container for one in picked) == ["app", "proxy"]


def test_each_bare_pod_is_a_workload_of_its_own() -> None:
    picked = resolved(select("*", sample=Sample(1, SamplePer.WORKLOAD, 1)), fleet(pod("a"), pod("b"))).picked
    assert len(picked) == 2


def test_choices_are_spread_evenly() -> None:
    counts = Counter(sampled(Sample(1, SamplePer.ALL, seed))[0].target.pod for seed in range(800))
    assert len(counts) == 40
    assert min(counts.values()) > 4
    assert max(counts.values()) < 50


def test_the_choice_of_containers_counts_the_sample_alone() -> None:
    found = fleet(*(pod(f"a-{n}", "shop", container("app"), container("proxy")) for n in range(5)))
    assert resolved(select("*", sample=Sample(2, SamplePer.ALL, 1)), found).container_choice == (
        ("first of several", 2),
    )
