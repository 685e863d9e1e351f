"""Which containers are targets, which are left out, and what happens to those that slip in."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from support.places import Place


def names(result: Any) -> list[tuple[str, str, str | None]]:
    return sorted((t["pod"], t["container"], t["outcome"]) for t in result["targets"])


def left_out(result: Any) -> dict[str, tuple[str, bool]]:
    return {one["pod"]: (one["why"], one["should_run"]) for one in result["left_out"]}


def test_the_default_container_is_the_annotations_and_kubectls(place: Place) -> None:
    write = ("sh", "-c", "echo here >/tmp/which; cat /tmp/which")
    assert names(place.exec("several", "--", *write)) == [("several", "second", "succeeded")]
    assert place.kubectl("exec", "several", "--", "cat", "/tmp/which").out == "here\n"
    assert place.kubectl("exec", "several", "-c", "first", "--", "cat", "/tmp/which").code == 1


def test_one_container_or_all(place: Place) -> None:
    assert names(place.exec("several", "-c", "first", "--", "true")) == [("several", "first", "succeeded")]
    # an init container that has ended is no target, and nothing that should run
    every = place.exec("several", "solo", "--all-containers", "--", "true")
    assert names(every) == [
        ("several", "first", "succeeded"),
        ("several", "second", "succeeded"),
        ("solo", "main", "succeeded"),
    ]
    assert (every["complete"], every["exit_status"]) == (True, 0)


@pytest.mark.on("sandbox", "real")
def test_pitfall_17_what_does_not_run_is_left_out_and_counted(place: Place) -> None:
    result = place.exec("-l", "app in (solo,done,crashing,pending)", "--", "true")
    assert names(result) == [("solo", "main", "succeeded")]
    found = left_out(result)
    assert found["done"] == ("Completed", False)
    assert found["pending"] == ("Pending", True)
    assert found["crashing"][1] is True
    assert (result["complete"], result["exit_status"]) == (False, 1)
    relaxed = place.exec("-l", "app in (solo,done,crashing,pending)", "--allow-skipped", "--", "true")
    assert relaxed["exit_status"] == 0
    by_choice = place.exec("-l", "app in (solo,done)", "--", "true")
    assert (by_choice["complete"], by_choice["exit_status"]) == (True, 0)


def test_nothing_that_runs_is_nothing_matched(place: Place) -> None:
    assert place.exec("done", "--", "true")["exit_status"] in {1, 3}
    assert place.exec("nope", "--", "true")["exit_status"] == 3


@pytest.mark.on("sandbox", "real")
def test_pitfall_32_a_node_never_has_more_than_its_share(place: Place) -> None:
    by_node: dict[str, list[tuple[float, float]]] = {}
    done = place.podium("exec", "-l", "app=web", "--max-per-node", "1", "-o", "jsonl", "--", "sleep", "0.3")
    begun: dict[str, float] = {}
    for event in map(json.loads, done.out.splitlines()):
        if event["event"] == "started":
            begun[event["pod"]] = event["at"]
        elif event["event"] == "finished":
            by_node.setdefault(event["node"], []).append((begun[event["pod"]], event["at"]))
    assert sum(map(len, by_node.values())) == 4
    for spans in by_node.values():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
