"""What one line says where there is nobody to run in."""

from __future__ import annotations

import pytest

from podium.domain.inventory import Container, ContainerState, Pod, Snapshot, Unreached, UnreachedReason
from podium.domain.resolve import resolve
from podium.domain.selection import Selection, Where
from podium.domain.targets import Target
from podium.features.exec.planning import all_unreached, nothing_matched

WEB = Pod(
    "a",
    "shop",
    "web-1",
    "u1",
    "Running",
    node="n1",
    containers=tuple(Container(name, "image:1", state=ContainerState.RUNNING) for name in ("nginx", "shipper")),
)
SHOP = Where(("shop",))


def line(selection: Selection, *pods: Pod) -> str:
    snapshot = Snapshot(pods)
    return nothing_matched(selection, resolve(selection, snapshot, 0.0, {"a": "default"}), snapshot)


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection(Where(("nosuch", "pay")), everything=True), "nothing matched in nosuch, pay"),
        (Selection(Where(everywhere=True), names=("zzz",)), "nothing matched"),
        (Selection(given=(Target("a", "shop", "gone", "nginx"),)), "nothing matched in shop"),
    ],
)
def test_where_it_looked_is_said(selection: Selection, said: str) -> None:
    assert line(selection, WEB) == said


def test_looking_in_the_own_namespace_only_is_said() -> None:
    said = line(Selection(names=("zzz",)), WEB)
    assert said == "nothing matched; looked in the context's own namespace only; -n NAMESPACE or -A say where"


@pytest.mark.parametrize("name", ["ngin", "no*"])
def test_containers_there_are_are_named(name: str) -> None:
    said = line(Selection(SHOP, everything=True, containers=(name,)), WEB)
    assert said.endswith("; no such container; there are nginx, shipper")


def test_containers_are_not_named_where_something_else_is_the_reason() -> None:
    said = line(Selection(SHOP, everything=True, nodes=("other",)), WEB)
    assert said == "no target: all 1 left out (see: podium targets --left-out)"


def test_a_forbidden_namespace_says_what_to_do() -> None:
    refused = Unreached("a", "shop", UnreachedReason.FORBIDDEN, "pods is forbidden")
    assert all_unreached([refused, refused]) == (
        "pods is forbidden; `podium doctor --role exec -n shop` prints the Role that is missing"
    )


def test_an_unreachable_cluster_is_left_in_its_own_words() -> None:
    assert all_unreached([Unreached("a", "", UnreachedReason.UNREACHABLE, "refused")]) == "refused"
