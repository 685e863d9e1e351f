"""Folded names unfold to the same names, and read as people write them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.folding import fold, fold_short, natural, unfold
from podium.domain.widths import width


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["web"], "web"),
        (["web-6f9c-2kq8x", "web-6f9c-aab1c"], "web-6f9c-{2kq8x,aab1c}"),
        ([f"web-{n}" for n in [*range(10), 12]], "web-[0-9,12]"),
        (["n08", "n09", "n10", "n11"], "n[08-11]"),
        (["n8", "n9", "n08"], "n[8,08,9]"),
        ([f"ip-10-0-{a}-{b}.internal" for a in (1, 2) for b in (7, 8)], "ip-10-0-[1-2]-[7-8].internal"),
        (["web-6f9c-a", "web-6f9c-b", "web-7d4b-a", "web-7d4b-b"], "web-{6f9c,7d4b}-{a,b}"),
        (["web-6f9c-a", "web-6f9c-b", "web-7d4b-x"], "web-{6f9c-{a,b},7d4b-x}"),
        (["web", "web-1"], "web{,-1}"),
        (["web", "api"], "api web"),
        (["shop/web-0", "pay/web-0", "pay/web-1"], "pay/web-[0-1] shop/web-0"),
        (["arn:aws:eks:eu-1:12:cluster/a", "arn:aws:eks:eu-1:12:cluster/b"], "arn:aws:eks:eu-1:12:cluster/{a,b}"),
        (["has space", "x{y", ""], '"" "has space" "x{y"'),
        (["web-ipmq0", "web-jlgq0"], "web-{ipmq0,jlgq0}"),
        (["n1", "n2", "m1", "m2"], "m[1-2] n[1-2]"),
        (["pod-1", "pod-a", "pod-2"], "pod-{[1-2],a}"),
    ],
)
def test_names_read_as_one_pattern(names: list[str], text: str) -> None:
    assert fold(names) == text
    assert sorted(unfold(text)) == sorted(names)


POD_NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?", fullmatch=True)
ALIKE = st.builds(
    "-".join,
    st.lists(st.sampled_from(["web", "api", "6f9c", "0", "1", "2", "03", "10", "n7", "n8", "x.y", ""]), max_size=6),
)
AWKWARD = st.text(alphabet=st.sampled_from('ab019-./:@ {}[],"\\…\té٣\x1b\n'), max_size=8)


@given(st.lists(st.one_of(POD_NAMES, ALIKE, AWKWARD, st.text(max_size=12)), max_size=40))
def test_what_is_folded_unfolds(names: list[str]) -> None:
    back = unfold(fold(names))
    assert len(back) == len(set(back))
    assert set(back) == set(names)


@given(st.lists(ALIKE, max_size=60))
def test_a_fold_is_the_same_for_the_same_set(names: list[str]) -> None:
    mixed = names[:]
    random.Random(1).shuffle(mixed)
    assert fold(mixed) == fold(names)


@given(st.lists(st.integers(0, 120), max_size=60), st.integers(1, 4))
def test_numbers_keep_their_padding(numbers: list[int], digits: int) -> None:
    names = {f"n{number:0{digits}}" for number in numbers}
    assert set(unfold(fold(names))) == names


@given(st.lists(st.one_of(POD_NAMES, ALIKE, AWKWARD), max_size=40), st.integers(1, 60))
def test_a_short_fold_fits(names: list[str], columns: int) -> None:
    text = fold_short(names, columns)
    assert width(text) <= columns
    if width(fold(names)) <= columns:
        assert text == fold(names)
    else:
        assert "…" in text


def test_a_short_fold_keeps_the_shape() -> None:
    names = [f"web-6f9c-{suffix}" for suffix in ("2kq8x", "aab1c", "bbb2d", "ccc3e", "z1")]
    assert fold_short(names, 20) == "web-6f9c-{2kq8x,…}"
    assert fold_short(names, 26) == "web-6f9c-{2kq8x,aab1c,…}"
    assert fold_short([f"db-{n}" for n in range(0, 40, 2)], 14) == "db-[0,2,4,6,…]"
    assert fold_short(names, 9) == "web-6f9c…"


def test_ten_thousand_names_fold_into_little() -> None:
    names = [f"web-{n}" for n in range(10_000)]
    assert fold(names) == "web-[0-9999]"
    two = [f"{zone}-node-{n:03}.example" for zone in ("a", "b", "c") for n in range(1000)]
    assert fold(two) == "{a,b,c}-node-[000-999].example"


def test_a_name_of_very_many_parts_does_not_exhaust_the_stack() -> None:
    name = "-".join("a1" * 1 for _ in range(2000))
    assert unfold(fold([name, name + "-b"])) == [name, name + "-b"]


@pytest.mark.parametrize("text", ["web-{a", "web-a}", "web-[1-", "web-[x]", '"open', "a,b", 'a"b"', "a]", "{" * 500])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        unfold(text)


@pytest.mark.parametrize("text", ["a[0-99999999999]", "[0-9999]" * 3, "{a,b}" * 40])
def test_a_pattern_of_too_many_names_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too many names"):
        unfold(text)


def test_natural_order() -> None:
    assert sorted(["web-10", "web-2", "api-1"], key=natural) == ["api-1", "web-2", "web-10"]
