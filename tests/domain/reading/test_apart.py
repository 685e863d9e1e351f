"""What separates is named, what does not is not, and accidents are no findings."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.apart import Population
from podium.domain.errors import UsageError
from podium.domain.inventory import Container, Node, Owner, Pod
from podium.domain.traits import Trait, TraitKind, parse_key, traits_of, value_for

NOW = 1_760_000_000.0
DAY = 86_400.0


def pod(name: str, **changes: object) -> Pod:
    plain = Pod(
        "prod-eu",
        "shop",
        name,
        f"uid-{name}",
        node="n1",
        created=NOW - 30 * DAY,
        workload=Owner("Deployment", "web"),
        revision="42",
        containers=(Container("app", "registry.example/shop/web:4.2.1"),),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def image(name: str) -> tuple[Container, ...]:
    return (Container("app", f"registry.example/shop/{name}"),)


def judge(pods: list[Pod], odd: list[int], nodes: dict[str, Node] | None = None) -> str:
    nodes = nodes or {}
    members = [traits_of(each, "app", nodes.get(each.node), NOW) for each in pods]
    apart = Population(members).sets_apart([members[index] for index in odd])
    return str(apart) if apart else ""


def test_a_revision_is_named_as_on_the_model_screen() -> None:
    pods = [pod(f"a{n}", revision="41" if n < 20 else "42", node=f"n{n % 40}") for n in range(1163)]
    assert judge(pods, list(range(20))) == "revision 41: 20/20, elsewhere 0/1,143"


def test_an_image_is_named_without_its_registry() -> None:
    pods = [
        pod(f"a{n}", containers=image("web:4.2.1-slim" if n < 2 else "web:4.2.1"), node=f"n{n % 40}")
        for n in range(1163)
    ]
    assert judge(pods, [0, 1]) == "image web:4.2.1-slim: 2/2, elsewhere 0/1,161"


def test_a_pool_is_named_by_its_label() -> None:
    nodes = {f"n{n}": Node("prod-eu", f"n{n}", labels={"pool": "c" if n == 3 else "a"}) for n in range(40)}
    nodes["n4"] = replace(nodes["n4"], labels={"pool": "c"})
    pods = [pod(f"a{n}", node=f"n{n % 40}") for n in range(1200)]
    odd = [n for n in range(1200) if n % 40 in (3, 4)]
    assert judge(pods, odd, nodes) == "pool=c: 60/60, elsewhere 0/1,140"


def test_some_strays_are_borne() -> None:
    pods = [pod(f"a{n}", node="bad" if n < 10 else f"n{n % 20}") for n in range(100)]
    assert judge(pods, [*range(10), 50, 60]) == "node bad: 10/10, elsewhere 2/90"
    assert judge(pods, [*range(9), 50, 60]) == "node bad: 9/10, elsewhere 2/90"
    assert judge(pods, [*range(10), 50, 60, 61, 62]) == "", "too many of the odd are elsewhere"
    assert judge(pods, list(range(5))) == "node bad: 5/10, elsewhere 0/90", "the others may be odd in another way"
    assert judge(pods, list(range(3))) == "", "most of the node is well"
    assert judge(pods, [*range(5), 50]) == "", "half of the node is well, and one elsewhere is not"


def test_a_single_odd_target_is_not_explained_by_its_own_node() -> None:
    assert judge([pod(f"a{n}", node=f"n{n}") for n in range(30)], [7]) == ""
    two_nodes = [pod(f"a{n}", node="alone" if n == 0 else "n1") for n in range(30)]
    assert judge(two_nodes, [0]) == "", "where it happens to be"


def test_a_node_whose_targets_are_all_odd_is_named() -> None:
    pods = [pod(f"a{n}", node=f"n{n // 4}") for n in range(60)]
    assert judge(pods, [8, 9, 10, 11]) == "node n2: 4/4, elsewhere 0/56"


def test_a_single_canary_is_explained_by_its_revision() -> None:
    pods = [pod(f"a{n}", revision="43" if n == 0 else "42", node=f"n{n % 5}") for n in range(20)]
    assert judge(pods, [0]) == "revision 43: 1/1, elsewhere 0/19"
    assert judge(pods, [1]) == ""


def test_what_each_has_of_its_own_explains_nothing() -> None:
    pods = [pod(f"a{n}", revision=f"hash{n}", containers=image(f"web:{n}")) for n in range(50)]
    assert judge(pods, [3]) == ""


def test_a_small_fleet_is_not_overread() -> None:
    pods = [pod(f"a{n}", node="n1" if n < 2 else "n2") for n in range(4)]
    assert judge(pods, [0, 1]) == "", "one split of four in three falls so by chance"
    twelve = [pod(f"a{n}", node=f"n{n // 4}") for n in range(12)]
    assert judge(twelve, [0, 1]) == "", "two of twelve share one of three nodes in one of four cases"
    ten = [pod(f"a{n}", revision="41" if n < 2 else "42", node=f"n{n}") for n in range(10)]
    assert judge(ten, [0, 1]) == "revision 41: 2/2, elsewhere 0/8"


def test_of_equal_traits_the_rollout_comes_first() -> None:
    changed = {"revision": "41", "containers": image("web:4.2.0"), "node": "old", "created": NOW - 60}
    pods = [pod(f"a{n}", **(changed if n < 12 else {})) for n in range(60)]
    assert judge(pods, list(range(12))) == "revision 41: 12/12, elsewhere 0/48"
    del changed["revision"], changed["containers"]
    pods = [pod(f"a{n}", **(changed if n < 12 else {})) for n in range(60)]
    assert judge(pods, list(range(12))) == "node old: 12/12, elsewhere 0/48"
    del changed["node"]
    pods = [pod(f"a{n}", **(changed if n < 12 else {})) for n in range(60)]
    assert judge(pods, list(range(12))) == "younger than 1h: 12/12, elsewhere 0/48"


def test_a_revision_of_one_workload_is_not_that_of_another() -> None:
    pods = [
        pod(f"a{n}", workload=Owner("Deployment", "api" if n < 8 else "web"), revision="7" if n % 2 else "6")
        for n in range(40)
    ]
    odd = [1, 3, 5, 7]
    assert judge(pods, odd) == "deploy/api revision 7: 4/4, elsewhere 0/36"


def test_equal_namespaces_of_two_clusters_are_told_apart() -> None:
    pods = [
        pod(f"a{n}", cluster=f"c{n % 2}", namespace=f"ns{n % 4 // 2}", workload=None, revision="") for n in range(40)
    ]
    odd = [n for n in range(40) if n % 2 == 0 and n % 4 // 2 == 0]
    assert judge(pods, odd) == "namespace ns0 of c0: 10/10, elsewhere 0/30"


def test_a_whole_workload_is_named_by_its_name() -> None:
    pods = [
        pod(
            f"a{n}",
            workload=Owner("StatefulSet", "db") if n < 6 else Owner("Deployment", "web"),
            revision="5" if n < 6 else "42",
            containers=image("postgres:16" if n < 6 else "web:4.2.1"),
        )
        for n in range(40)
    ]
    assert judge(pods, list(range(6))) == "sts/db: 6/6, elsewhere 0/34"


def test_a_workload_goes_before_its_namespace_only_where_its_name_is_its_own() -> None:
    here, there = {"namespace": "pay"}, {"namespace": "shop"}
    same = [pod(f"a{n}", **(here if n < 6 else there)) for n in range(40)]
    assert judge(same, list(range(6))) == "namespace pay: 6/6, elsewhere 0/34"
    own = [pod(f"a{n}", **(here | {"workload": Owner("Deployment", "api")} if n < 6 else there)) for n in range(40)]
    assert judge(own, list(range(6))) == "deploy/api: 6/6, elsewhere 0/34"


def test_a_revision_that_is_no_number_comes_after_the_image() -> None:
    old = {"revision": "6f9c", "containers": image("web:4.2.0")}
    pods = [pod(f"a{n}", **(old if n < 6 else {})) for n in range(40)]
    assert judge(pods, list(range(6))) == "image web:4.2.0: 6/6, elsewhere 0/34"


def test_restarts_are_named() -> None:
    pods = [pod(f"a{n}", containers=(Container("app", "web:1", restarts=3 if n < 5 else 0),)) for n in range(40)]
    assert judge(pods, list(range(5))) == "restarted: 5/5, elsewhere 0/35"


def test_all_or_none_are_not_apart() -> None:
    pods = [pod(f"a{n}") for n in range(10)]
    assert judge(pods, list(range(10))) == ""
    assert judge(pods, []) == ""


def test_random_oddities_are_rarely_explained() -> None:
    dice = random.Random(11)
    false_findings = 0
    for _ in range(200):
        pods = [pod(f"a{n}", node=f"n{dice.randrange(12)}", revision=str(dice.randrange(3))) for n in range(40)]
        false_findings += judge(pods, dice.sample(range(40), 3)) != ""
    assert false_findings <= 4


@given(st.data())
def test_the_numbers_are_true(data: st.DataObject) -> None:
    pods = [
        pod(
            f"a{n}",
            node=data.draw(st.sampled_from(["n1", "n2", "n3"])),
            revision=data.draw(st.sampled_from(["1", "2"])),
        )
        for n in range(data.draw(st.integers(2, 25)))
    ]
    members = [traits_of(each, "app", None, NOW) for each in pods]
    odd = data.draw(st.sets(st.integers(0, len(pods) - 1)))
    for apart in Population(members).all_apart([members[n] for n in odd]):
        having = {n for n, traits in enumerate(members) if apart.trait in traits}
        assert (apart.inside, apart.size) == (len(having & odd), len(having))
        assert (apart.strays, apart.others) == (len(odd - having), len(pods) - len(having))
        assert apart.is_exact == (having == odd)


def test_what_is_unknown_is_no_trait() -> None:
    bare = Pod("c", "ns", "p", "u")
    assert traits_of(bare, "", None, NOW) == (
        Trait(TraitKind.CLUSTER, "c"),
        Trait(TraitKind.NAMESPACE, "ns", "c"),
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image", "image registry.example/shop/web:4.2.1"),
        ("node", "node n1"),
        ("revision", "revision 42"),
        ("namespace", "namespace shop"),
        ("cluster", "cluster prod-eu"),
        ("workload", "deploy/web"),
        ("zone", "zone eu-1a"),
        ("tier", "tier=front"),
        ("rack", "rack=7"),
        ("team", "no team"),
    ],
)
def test_groups_split_by_one_key(key: str, value: str) -> None:
    node = Node("prod-eu", "n1", labels={"topology.kubernetes.io/zone": "eu-1a", "rack": "7", "tier": "of the node"})
    assert value_for(parse_key(key), pod("a", labels={"tier": "front"}), "app", node, NOW) == value


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(UsageError, match="--group-by"):
        parse_key("")
