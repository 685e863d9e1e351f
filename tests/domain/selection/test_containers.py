"""Which containers of a pod: -c, --all-containers, --image, and the default rule of kubectl."""

from __future__ import annotations

from domain.selection.fleet import container, fleet, left, picks, pod, resolved, select
from podium.domain.inventory import ContainerKind
from podium.domain.selection import LeftOutWhy as Why
from podium.domain.targets import Target

INIT = container("migrate", "terminated", "init", exit_code=0)
MESH = container("proxy", "running", "sidecar")
DEBUG = container("debugger", "running", "ephemeral")
OLD_DEBUG = container("debugger-0", "terminated", "ephemeral", exit_code=0)
FULL = pod("web-1", "shop", INIT, MESH, container("app"), container("logger"), DEBUG, OLD_DEBUG)


def test_the_default_is_the_annotated_container_else_the_first_regular_one_and_that_is_counted() -> None:
    annotated = pod("web-2", "shop", container("app"), container("logger"), default_container="logger")
    wrong = pod("web-3", "shop", container("app"), container("logger"), default_container="gone")
    alone = pod("web-4")
    found = resolved(select("web-*"), fleet(FULL, annotated, wrong, alone))
    assert [one.target.container for one in found.picked] == ["app", "logger", "app", "app"]
    assert found.container_choice == (("by annotation", 1), ("first of several", 2))


def test_only_picked_targets_are_counted() -> None:
    waiting = pod("web-1", "shop", container("app", "waiting", reason="CrashLoopBackOff"), container("logger"))
    assert resolved(select("web-1"), fleet(waiting)).container_choice == ()


def test_all_containers_are_the_regular_ones_sidecars_and_what_else_runs_now() -> None:
    assert picks(select("web-1", all_containers=True), fleet(FULL)) == [
        "web-1/proxy",
        "web-1/app",
        "web-1/logger",
        "web-1/debugger",
    ]
    assert left(select("web-1", all_containers=True), fleet(FULL)) == []


def test_one_bad_container_of_several_is_left_out_alone() -> None:
    half = pod("web-1", "shop", container("app"), container("logger", "waiting", reason="CrashLoopBackOff"))
    assert picks(select("web-1", all_containers=True), fleet(half)) == ["web-1/app"]
    assert [(one.container, one.should_run) for one in left(select("web-1", all_containers=True), fleet(half))] == [
        ("logger", True)
    ]


def test_names_and_globs_of_containers_unite_and_pick_each_once() -> None:
    assert picks(select("web-1", containers=("l*", "app", "logger")), fleet(FULL)) == ["web-1/app", "web-1/logger"]
    assert picks(select("web-1", containers=("*", "app")), fleet(FULL)) == [
        "web-1/app",
        "web-1/proxy",
        "web-1/logger",
        "web-1/debugger",
    ]


def test_an_exact_container_that_is_not_there_counts_and_one_by_glob_does_not() -> None:
    [named] = left(select("web-1", containers=("nginx",)), fleet(FULL))
    assert (named.why, named.should_run, named.container) == (Why.NO_SUCH_CONTAINER, True, "nginx")
    [wild] = left(select("web-1", containers=("ngin*",)), fleet(FULL))
    assert (wild.why, wild.should_run, wild.container) == (Why.NO_SUCH_CONTAINER, False, "")
    mixed = select("web-1", containers=("nginx", "ap*"))
    assert picks(mixed, fleet(FULL)) == ["web-1/app"]
    assert [one.should_run for one in left(mixed, fleet(FULL))] == [True]


def test_a_missing_container_of_a_pod_that_is_over_is_not_held_against_it() -> None:
    over = pod("web-1", phase="Succeeded")
    assert [one.why for one in left(select("web-1", containers=("nginx",)), fleet(over))] == [Why.COMPLETED]


def test_images_pick_containers_whole_or_short_with_tag_or_without() -> None:
    for image in ("reg.example/shop/proxy:1", "proxy:1", "proxy", "reg.example/shop/proxy", "prox*", "*/proxy:*"):
        assert picks(select("web-1", images=(image,)), fleet(FULL)) == ["web-1/proxy"], image
    digest = pod("web-2", "shop", container(image="reg.example:5000/shop/web:2@sha256:ab"))
    for image in ("web:2", "web", "reg.example:5000/shop/web", "*@sha256:ab"):
        assert picks(select("web-2", images=(image,)), fleet(digest)) == ["web-2/app"], image
    assert picks(select("web-1", images=("proxy", "logger")), fleet(FULL)) == ["web-1/logger"]


def test_images_narrow_every_way_to_choose() -> None:
    assert picks(select("web-1", images=("*",), all_containers=True), fleet(FULL)) == picks(
        select("web-1", all_containers=True), fleet(FULL)
    )
    assert picks(select("web-1", images=("proxy",), all_containers=True), fleet(FULL)) == ["web-1/proxy"]
    assert picks(select("web-1", images=("proxy",), containers=("*",)), fleet(FULL)) == ["web-1/proxy"]
    for selection in (select("web-1", images=("nginx",)), select("web-1", images=("proxy",), containers=("app",))):
        assert picks(selection, fleet(FULL)) == []
        assert [(one.why, one.should_run) for one in left(selection, fleet(FULL))] == [(Why.FILTERED, False)]


def test_a_pending_pod_of_another_image_does_not_count() -> None:
    pending = pod("web-1", "shop", container(state="unknown"), phase="Pending", node="")
    assert [one.should_run for one in left(select("web-1", images=("nginx",)), fleet(pending))] == [False]
    assert [one.should_run for one in left(select("web-1", images=("app",)), fleet(pending))] == [True]


def test_given_targets_name_their_containers() -> None:
    whole = Target("east", "shop", "web-1", "logger")
    assert picks(select(given=(whole,)), fleet(FULL)) == ["web-1/logger"]
    assert picks(select(given=(whole, Target("", "", "web-1", ""))), fleet(FULL)) == ["web-1/logger", "web-1/app"]
    assert picks(select(given=(whole, Target("", "", "web-1", "app"))), fleet(FULL)) == ["web-1/logger", "web-1/app"]
    assert picks(select(given=(whole,), containers=("log*",)), fleet(FULL)) == ["web-1/logger"]
    assert picks(select(given=(whole,), containers=("app",)), fleet(FULL)) == []
    [gone] = left(select(given=(Target("east", "shop", "web-1", "nginx"),)), fleet(FULL))
    assert (gone.container, gone.should_run) == ("nginx", True)


def test_a_pod_of_sidecars_alone_has_a_default_all_the_same() -> None:
    odd = pod("web-1", "shop", MESH)
    assert odd.containers[0].kind is ContainerKind.SIDECAR
    assert picks(select("web-1"), fleet(odd)) == ["web-1/proxy"]
