"""A selection in words."""

from __future__ import annotations

import pytest

from domain.selection.fleet import EVERYWHERE, select
from podium.domain.describe import describe
from podium.domain.inventory import Owner
from podium.domain.selection import Age, Exclude, Readiness, Sample, SamplePer, Selection, Where
from podium.domain.targets import Target


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (select("deploy/web"), "all pods of deploy/web"),
        (select("deploy/web", where=Where(("shop",))), "all pods of deploy/web"),
        (select(labels=("app=web",), where=EVERYWHERE), "-l app=web in all namespaces"),
        (select(labels=("app=web", "app=api")), "-l app=web or -l app=api"),
        (select(labels=("app in (a, b)",), where=Where(("pay-*", "shop"))), "-l app in (a, b) in pay-*, shop"),
        (select("web-1"), "pod web-1"),
        (select("web-1", where=Where(("pay", "shop"))), "pod web-1 in pay, shop"),
        (select("web-*"), "pods web-*"),
        (select("a", "b", "c", "d", "e"), "pods a, b, c and 2 more"),
        (select("pod/a", "deploy/web"), "pods a or all pods of deploy/web"),
        (select("web-*", "deploy/web", labels=("a",)), "pods web-* of deploy/web with -l a"),
        (select("a", "pod/b"), "pods a of pod/b"),
        (select("pod/a"), "pod a"),
        (select(everything=True, where=EVERYWHERE), "all pods in all namespaces"),
        (Selection(), "all pods"),
        (select(given=(Target("", "", "a", ""),)), "1 given target"),
        (select(field_selectors=("spec.nodeName=n1",)), "--field-selector spec.nodeName=n1"),
        (select("x", containers=("app", "log*"), all_containers=True), "pod x, -c app, -c log*, --all-containers"),
        (select("x", ready=Readiness.NO, revision=Age.OLD), "pod x, --ready no, --revision old"),
        (
            select("x", newer_than=5400.0, older_than=90061.0, restarts_over=0),
            "pod x, --newer-than 1h30m, --older-than 1d1h1m1s, --restarts-over 0",
        ),
        (select("x", sample=Sample(3, SamplePer.NODE, 7)), "pod x, --sample 3/node --seed 7"),
        (select("x", sample=Sample(3, SamplePer.ALL, 7)), "pod x, --sample 3 --seed 7"),
        (
            select("x", excludes=(Exclude(name="a*"), Exclude(label=("k", "v")), Exclude(owner=Owner("Job", "j")))),
            "pod x, -x a*, -x k=v, -x job/j",
        ),
        (select("x", nodes=("n\x1b[2J",), images=("a\nb",)), "pod x, --node 'n\\x1b[2J', --image a b"),
    ],
)
def test_a_selection_in_one_line(selection: Selection, words: str) -> None:
    assert describe(selection) == words
