"""Tables on narrow screens: what tells rows apart stays."""

from __future__ import annotations

import pytest

from podium.apps.cli.tables import fit, table

HEADS = ("CLUSTER", "POD", "READY", "AGE")
ROWS = [["prod-eu", "web-1", "yes", "1d"], ["prod-eu", "web-22", "yes", "2d"]]


@pytest.mark.parametrize(
    ("columns", "left", "same"),
    [
        (None, "CLUSTER POD READY AGE", ()),
        (30, "CLUSTER POD READY AGE", ()),
        (29, "POD READY AGE", ("CLUSTER",)),
        (19, "POD AGE", ("CLUSTER", "READY")),
        (5, "POD AGE", ("CLUSTER", "READY")),
    ],
)
def test_what_is_equal_in_all_rows_goes_first(columns: int | None, left: str, same: tuple[str, ...]) -> None:
    fitted = fit(HEADS, ROWS, columns, "POD")
    assert " ".join(fitted.heads) == left
    assert tuple(head for head, _ in fitted.same) == same
    assert {"CLUSTER": "prod-eu", "READY": "yes"}.items() >= dict(fitted.same).items()
    lines = list(table(fitted.heads, fitted.rows, columns))
    assert columns is None or all(len(line) <= columns for line in lines)


def test_the_names_stay_where_all_is_equal() -> None:
    fitted = fit(HEADS, ROWS[:1], 10, "POD")
    assert tuple(fitted.heads) == ("POD",)
    assert list(table(fitted.heads, fitted.rows, 10)) == ["POD", "web-1"]


def test_a_table_without_rows_keeps_its_heads() -> None:
    assert fit(HEADS, [], 5, "POD").heads == list(HEADS)
