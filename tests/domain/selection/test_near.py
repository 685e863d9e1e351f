"""Names that look like one that was not found, also in a big fleet."""

from __future__ import annotations

from podium.domain.near import near

MANY = [f"web{n % 400}-abc-{n}" for n in range(5000)]


def test_the_closest_first_and_three_at_most() -> None:
    assert near("wbe", ["db", "web", "webs"]) == ("web",)
    assert len(near("web", [f"web-{n}" for n in range(9)])) == 3
    assert near("zzz", ["db", "web"]) == ()
    assert near("web", []) == ()


def test_in_a_big_fleet_too() -> None:
    assert "web399-abc-4399" in near("web399-abc-439", MANY)
    assert "web399-abc-4399" in near("wbe399-abc-4399", MANY)
    assert near("zzz", MANY) == ()
