"""The rights preflight: all namespaces first, then one by one, bounded, and never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from podium.domain.errors import ClusterError
from podium.domain.rights import Rights, exec_rights
from podium.runner.fleet import About, Cluster
from podium.runner.preflight import AT_ONCE, Preflight
from support.fleets import Act, ScriptedReviews, Stage, targets
from support.virtual_time import run_virtual

Answers = Mapping[tuple[str, str, str], bool | None]


class SlowReviews(ScriptedReviews):
    """Takes `seconds` for each answer and counts how many are under way."""

    seconds = 1.0
    running = 0
    peak = 0

    async def may(self, verb: str, resource: str, namespace: str) -> bool | None:
        self.running += 1
        self.peak = max(self.peak, self.running)
        await asyncio.sleep(self.seconds)
        self.running -= 1
        return await super().may(verb, resource, namespace)


class NoReviews(ScriptedReviews):
    async def may(self, verb: str, resource: str, namespace: str) -> bool | None:
        raise ClusterError("no answer")


def cluster(reviews: ScriptedReviews, version: str = "v1.36.0") -> Cluster:
    async def about() -> About:
        return About(version, None)

    return replace(Stage(lambda _: Act(), reviews).fleet.clusters[0], about=about)


async def ask(one: Cluster, namespaces: int, names: tuple[str, ...] = (), patience: float | None = 2.0) -> Rights:
    with Preflight([one], exec_rights(), lambda _: names) as preflight:
        return await preflight.rights(targets(namespaces * 2, namespaces=namespaces), patience)


WIDE = {("get", "pods/exec", ""): False, ("create", "pods/exec", ""): False}


def test_who_may_everywhere_is_asked_once() -> None:
    reviews = ScriptedReviews()
    rights = run_virtual(ask(cluster(reviews), 40))
    assert reviews.asked == [("get", "pods/exec", ""), ("create", "pods/exec", "")]
    assert (len(rights.everywhere), rights.asked, rights.lacking) == (2, (), ())


def test_each_namespace_is_asked_where_not_all_are_allowed() -> None:
    reviews = ScriptedReviews({**WIDE, ("create", "pods/exec", "ns1"): False, ("get", "pods/exec", "ns2"): None})
    rights = run_virtual(ask(cluster(reviews), 3))
    assert [(one.namespace, one.right.verb) for one in rights.lacking] == [("ns1", "create")]
    assert [(one.namespace, one.right.verb) for one in rights.unknown] == [("ns2", "get")]
    assert len(reviews.asked) == 2 + 6


def test_only_the_verb_that_is_not_allowed_everywhere_is_asked_of_each() -> None:
    reviews = ScriptedReviews({("create", "pods/exec", ""): None})
    rights = run_virtual(ask(cluster(reviews), 2))
    assert reviews.asked[2:] == [("create", "pods/exec", "ns0"), ("create", "pods/exec", "ns1")]
    assert rights.lacking == ()


def test_namespaces_known_by_name_are_asked_at_once() -> None:
    reviews = ScriptedReviews()
    run_virtual(ask(cluster(reviews), 1, ("ns0",)))
    assert reviews.asked == [("get", "pods/exec", "ns0"), ("create", "pods/exec", "ns0")]


@pytest.mark.parametrize(("version", "lacks"), [("v1.34.9", 0), ("v1.35.0", 1), ("v2.0.0", 1), ("odd", 1), ("", 1)])
def test_create_is_needed_from_1_35(version: str, lacks: int) -> None:
    reviews = ScriptedReviews({**WIDE, ("create", "pods/exec", "ns0"): False})
    assert len(run_virtual(ask(cluster(reviews, version), 1)).lacking) == lacks


def test_a_cluster_that_does_not_answer_is_unknown() -> None:
    rights = run_virtual(ask(cluster(NoReviews()), 2))
    assert rights.lacking == ()
    assert len(rights.unknown) == 4


def test_several_at_once_and_bounded() -> None:
    reviews = SlowReviews(WIDE)
    rights = run_virtual(ask(cluster(reviews), 30, patience=None))
    assert reviews.peak == AT_ONCE
    assert len(rights.asked) == 60
    assert rights.unknown == ()


def test_a_run_does_not_wait_for_long() -> None:
    async def main() -> None:
        begun = asyncio.get_running_loop().time()
        reviews = SlowReviews(WIDE)
        reviews.seconds = 1000.0
        rights = await ask(cluster(reviews), 3)
        assert asyncio.get_running_loop().time() - begun <= 4.0
        assert rights == Rights()

    run_virtual(main())
