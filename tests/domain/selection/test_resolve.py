"""Which pods a selection speaks of, and what is said of those it leaves out or does not find."""

from __future__ import annotations

from typing import Any

import pytest

from domain.selection.fleet import EVERYWHERE, NOW, container, fleet, left, owned, picks, pod, resolved, select
from podium.domain.inventory import Owner
from podium.domain.labels import parse
from podium.domain.selection import Age, Exclude, LeftOutWhy, Missing, Readiness, Selection, Where
from podium.domain.targets import Target

WEB = [owned(f"web-{n}", "web", labels={"app": "web", "pool": "c" if n > 2 else "d"}) for n in (1, 2, 3)]
DB = pod("db-0", labels={"app": "db"}, controller=Owner("StatefulSet", "db"), workload=Owner("StatefulSet", "db"))
JOB = pod("tidy-9-x", controller=Owner("Job", "tidy-9"), workload=Owner("CronJob", "tidy"))
DNS = pod("dns-1", "kube-system", labels={"app": "dns"})
PAY = pod("pay-1", "pay", labels={"app": "web"})
FLEET = fleet(*WEB, DB, JOB, DNS, PAY)
ALL_WEB = ["web-1/app", "web-2/app", "web-3/app"]


def test_names_and_globs_unite() -> None:
    assert picks(select("web-1", "db-*"), FLEET) == ["web-1/app", "db-0/app"]
    assert picks(select("web-?"), FLEET) == ALL_WEB
    assert picks(select("web-[13]"), FLEET) == ["web-1/app", "web-3/app"]
    for part in ("eb-?", "web-", "?-1", "WEB-*"):
        assert picks(Selection(names=(part,)), FLEET) == []


@pytest.mark.parametrize(
    "word", ["deploy/web", "deployment/web", "Deployments.apps/web", "rs/web-1", "deployments.v1.apps/w*"]
)
def test_owners_by_any_spelling(word: str) -> None:
    assert picks(select(word), FLEET) == ALL_WEB


def test_owners_unite_and_a_pod_may_be_named_as_one() -> None:
    assert picks(select("sts/db", "pod/web-2", "cj/tidy", "job/tidy-9"), FLEET) == [
        "web-2/app",
        "db-0/app",
        "tidy-9-x/app",
    ]


def test_a_service_stands_for_the_pods_behind_its_selector() -> None:
    snapshot = fleet(
        *WEB, DB, services={("east", "shop", "front"): {"app": "web", "pool": "d"}, ("east", "shop", "bare"): {}}
    )
    assert picks(select("svc/front"), snapshot) == ["web-1/app", "web-2/app"]
    assert picks(select("svc/bare"), snapshot) == []
    elsewhere = fleet(
        *WEB, services={("east", "pay", "front"): {"app": "web"}, ("west", "shop", "front"): {"app": "web"}}
    )
    assert picks(select("svc/front"), elsewhere) == []


def test_a_cron_job_stands_for_the_pods_of_its_jobs() -> None:
    plain = pod("tidy-9-x", controller=Owner("Job", "tidy-9"), workload=Owner("Job", "tidy-9"))
    snapshot = fleet(plain, cron_jobs={("east", "shop", "tidy"): frozenset({"tidy-9"})})
    assert picks(select("cronjob/tidy"), snapshot) == ["tidy-9-x/app"]
    assert picks(select("cronjob/tidy"), fleet(plain)) == []


def test_different_kinds_intersect() -> None:
    assert picks(select("web-*", "deploy/web", labels=("pool=c",)), FLEET) == ["web-3/app"]
    assert picks(select("db-0", "deploy/web"), FLEET) == []
    given = (Target("", "", "web-1", ""), Target("", "", "db-0", ""))
    assert picks(select("web-*", given=given), FLEET) == ["web-1/app"]
    assert picks(select("web-*", everything=True), FLEET) == ALL_WEB


def test_label_selectors_unite() -> None:
    assert picks(select(labels=("pool=c", "app=db")), FLEET) == ["web-3/app", "db-0/app"]


def test_where_is_the_own_namespace_of_each_cluster_unless_said() -> None:
    west = pod("web-1", "pay", cluster="west")
    assert picks(select("*"), fleet(west)) == []
    assert [
        one.target.cluster for one in resolved(select("*"), fleet(west, PAY), {"west": "pay", "east": "shop"}).picked
    ] == ["west"]
    assert picks(select("pay-1", where=Where(("pay",))), FLEET) == ["pay/pay-1/app"]
    assert picks(select(labels=("app=web",), where=Where(("p*", "shop"))), FLEET) == [*ALL_WEB, "pay/pay-1/app"]
    assert picks(select(labels=("app=web",), where=EVERYWHERE), FLEET) == [*ALL_WEB, "pay/pay-1/app"]


def test_protected_namespaces_are_spared_unless_named_or_read() -> None:
    for where in (EVERYWHERE, Where(("kube-*",)), Where(("*", "shop"))):
        assert picks(select("dns-1", where=where), FLEET) == []
        [only] = left(select("dns-1", where=where), FLEET)
        assert (only.why, only.should_run) == (LeftOutWhy.PROTECTED, False)
        assert picks(select("dns-1", where=where, spare_protected=False), FLEET) == ["kube-system/dns-1/app"]
    for where in (Where(("kube-system",)), Where(("kube-system", "p*"))):
        assert picks(select("dns-1", where=where), FLEET) == ["kube-system/dns-1/app"]
    router = pod("router-1", "openshift-ingress")
    assert [one.why for one in left(select("*", where=EVERYWHERE), fleet(router))] == [LeftOutWhy.PROTECTED]
    own = resolved(select("dns-1"), FLEET, {"east": "kube-system"})
    assert len(own.picked) == 1


@pytest.mark.parametrize(
    "exclude", [Exclude(name="web-[12]"), Exclude(label=("pool", "d")), Exclude(owner=Owner("Pod", "web-[12]"))]
)
def test_excluded_pods_are_left_out_by_choice(exclude: Exclude) -> None:
    selection = select("deploy/web", excludes=(exclude,))
    assert picks(selection, FLEET) == ["web-3/app"]
    assert [(one.pod.name, one.why, one.should_run) for one in left(selection, FLEET)] == [
        ("web-1", LeftOutWhy.EXCLUDED, False),
        ("web-2", LeftOutWhy.EXCLUDED, False),
    ]


def test_an_excluded_workload_and_several_excludes_unite() -> None:
    selection = select("*", excludes=(Exclude(owner=Owner("Deployment", "web")), Exclude(name="tidy-*")))
    assert picks(selection, FLEET) == ["db-0/app"]


OLD = pod("a", created=NOW - 7200, node="n1", ready=False)
YOUNG = pod(
    "b",
    "shop",
    container("migrate", "terminated", "init", exit_code=0, restarts=9),
    container(restarts=2),
    container("proxy", "running", "sidecar", restarts=2),
    created=NOW - 60,
    node="m1",
)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"ready": Readiness.YES}, ["b"]),
        ({"ready": Readiness.NO}, ["a"]),
        ({"nodes": ("n*",)}, ["a"]),
        ({"nodes": ("n1", "m1")}, ["a", "b"]),
        ({"newer_than": 3600.0}, ["b"]),
        ({"older_than": 3600.0}, ["a"]),
        ({"older_than": 30.0, "newer_than": 3600.0}, ["b"]),
        ({"restarts_over": 3}, ["b"]),
        ({"restarts_over": 4}, []),
        ({"restarts_over": 0}, ["b"]),
        ({"newer_than": 0.0}, []),
    ],
)
def test_filters_narrow_by_choice(flags: dict[str, Any], expected: list[str]) -> None:
    found = resolved(select("*", **flags), fleet(OLD, YOUNG))
    assert [one.target.pod for one in found.picked] == expected
    assert len(found.picked) + len(found.left_out) == 2
    assert all(one.why is LeftOutWhy.FILTERED and not one.should_run for one in found.left_out)


def test_a_pending_pod_that_is_filtered_out_does_not_count() -> None:
    pending = pod("a", "shop", container(state="unknown"), phase="Pending", node="", ready=False)
    assert [one.should_run for one in left(select("*", ready=Readiness.YES), fleet(pending))] == [False]
    assert [one.should_run for one in left(select("*", nodes=("n1",)), fleet(pending))] == [False]
    assert [one.should_run for one in left(select("*", ready=Readiness.NO), fleet(pending))] == [True]


def test_revisions_by_what_the_workload_rolls_out_else_by_its_youngest_pod() -> None:
    rollout = [
        owned("web-1", "web", revision="41", created=NOW - 900),
        owned("web-2", "web", revision="42", created=NOW - 60),
        owned("api-1", "api", revision="7", created=NOW - 900),
        pod("bare"),
    ]
    assert picks(select("*", revision=Age.NEW), fleet(*rollout)) == ["web-2/app", "api-1/app"]
    assert picks(select("*", revision=Age.OLD), fleet(*rollout)) == ["web-1/app"]
    undone = fleet(*rollout, current_revisions={("east", "shop", Owner("Deployment", "web")): "41"})
    assert picks(select("*", revision=Age.NEW), undone) == ["web-1/app", "api-1/app"]
    assert picks(select("*", revision=Age.OLD), undone) == ["web-2/app"]


def test_the_youngest_pod_counts_even_where_it_is_not_selected() -> None:
    rollout = fleet(
        owned("web-1", "web", revision="41", created=NOW - 900), owned("web-2", "web", revision="42", created=NOW)
    )
    assert picks(select("web-1", revision=Age.NEW), rollout) == []


def test_what_was_named_exactly_and_is_not_there_is_missing() -> None:
    found = resolved(select("web-1", "web-11", "zzz", "nope-*"), FLEET)
    assert [one.target.pod for one in found.picked] == ["web-1"]
    assert [one.name for one in found.missing] == ["web-11", "zzz"]
    assert found.missing[0].near[0] == "web-1"
    assert found.missing[1].near == ()
    assert found.near_misses == ()
    assert resolved(select("deploy/wbe", "pod/web-1"), FLEET).missing == (Missing("deploy/wbe", ("deploy/web",)),)


def test_a_name_that_exists_and_is_filtered_or_excluded_is_not_missing() -> None:
    assert resolved(select("web-1", excludes=(Exclude(name="web-1"),)), FLEET).missing == ()
    assert resolved(select("dns-1", where=EVERYWHERE), FLEET).missing == ()
    assert [one.name for one in resolved(select("web-1", labels=("pool=c",)), FLEET).missing] == ["web-1"]


def test_given_targets_that_are_gone_are_missing() -> None:
    given = (
        Target("east", "shop", "web-1", "app"),
        Target("east", "shop", "web-9", "app"),
        Target("", "shop", "web-8", ""),
        Target("east", "shop", "web-2", "app", uid="another life"),
        Target("east", "shop", "web-3", "app", uid="uid-shop-web-3"),
    )
    found = resolved(select(given=given), FLEET)
    assert [one.target.pod for one in found.picked] == ["web-1", "web-3"]
    assert [one.name for one in found.missing] == ["east/shop/web-9/app", "shop/web-8", "east/shop/web-2/app"]


def test_given_targets_bring_their_namespaces_unless_said_otherwise() -> None:
    given = (Target("east", "pay", "pay-1", "app"), Target("east", "shop", "web-1", "app"))
    assert picks(select(given=given), FLEET) == ["web-1/app", "pay/pay-1/app"]
    assert select(given=given).effective_where == Where(("pay", "shop"))
    assert picks(select(given=given, where=Where(("pay",))), FLEET) == ["pay/pay-1/app"]
    assert select(given=(*given, Target("", "", "x", ""))).effective_where == Where()
    assert picks(select(given=(Target("west", "pay", "pay-1", "app"),)), FLEET) == []


def test_when_nothing_matched_near_names_are_told() -> None:
    assert resolved(select("wbe-1"), FLEET).near_misses == ("web-1",)
    assert resolved(select("deploy/wbe"), FLEET).near_misses == ("deploy/web",)
    assert "web-1" in resolved(select("wbe-*"), FLEET).near_misses
    assert resolved(select("web"), FLEET).near_misses[0] == "deploy/web"
    assert resolved(select("wbe"), FLEET).near_misses[-1] == "deploy/web"
    assert resolved(select("tidy"), FLEET).near_misses[0] == "cronjob/tidy"
    assert resolved(select(labels=("app=wbe",)), FLEET).near_misses == ("app=web",)
    assert resolved(select(labels=("ap=web",)), FLEET).near_misses == ("app",)
    assert resolved(select("web-1"), FLEET).near_misses == ()


def test_a_selection_says_what_only_where_it_asks_something() -> None:
    assert not select(where=EVERYWHERE).says_what
    assert not Selection(labels=(parse(" "),)).says_what
    assert not select(given=()).says_what
    for selection in (select("a"), select("pod/a"), select(labels=("a",)), select(everything=True)):
        assert selection.says_what


def test_a_selection_tells_what_else_must_be_listed() -> None:
    assert select("svc/a", "cj/b", "sts/c").kinds == {"service", "cronjob"}
    assert select("deploy/a").kinds == frozenset()
    assert select("x", revision=Age.OLD).kinds == {"replicaset"}
    assert select("x", excludes=(Exclude(owner=Owner("Service", "a")),)).kinds == {"service"}
    assert select("x").kinds == frozenset()
