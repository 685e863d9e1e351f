"""Text takes the columns a terminal gives it, and is cut to fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.domain.widths import cut, pad, width


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", 0), ("web", 3), ("日本", 4), ("e\u0301", 1), ("a\tb", 9), ("ｆｕｌｌ", 8), ("café", 4), ("🚀", 2)],
)
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


def test_a_tab_goes_to_the_next_stop() -> None:
    assert width("\t", 7) == 1


@pytest.mark.parametrize(
    ("text", "columns", "short"),
    [
        ("web-1", 5, "web-1"),
        ("web-10", 5, "web-…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u0301e\u0301e", 2, "e\u0301…"),
        ("ab", 1, "…"),
        ("ab", 0, ""),
    ],
)
def test_cut(text: str, columns: int, short: str) -> None:
    assert cut(text, columns) == short


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"])), st.integers(0, 40))
def test_a_cut_always_fits(text: str, columns: int) -> None:
    assert width(cut(text, columns)) <= columns


def test_pad() -> None:
    assert pad("日本", 6) == "日本  "
    assert pad("long", 2) == "long"
