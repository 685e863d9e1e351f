"""The reference names everything there is."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from podium.sandbox.faults.grammar import GLOBS, OPERATIONS, Kind, parse
from podium.sandbox.runtime.images import BIN, USR_BIN
from podium.sandbox.runtime.programs.registry import PROGRAMS
from podium.sandbox.world.pods import ContainerSpec, State
from podium.sandbox.world.scenario import Image, Odd, OddNode, Pool, Workload, WorkloadKind
from podium.sandbox.world.scenario import parse as parse_scenario

PAGE = (Path(__file__).parents[2] / "docs/reference/sandbox.md").read_text()


def test_every_fault_is_in_the_table_and_every_row_is_one() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE.split("## Faults")[1].split("## The admin")[0], re.MULTILINE)
    named = {re.sub(r"\[?=.*", "", word) for row in rows for word in re.findall(r"`([^`]+)`", row)}
    assert named == {kind.value for kind in Kind}
    for name in GLOBS:
        assert f"{name}=" in PAGE
    assert "on=" + "|".join(OPERATIONS) in PAGE


def test_every_word_of_a_scenario_is_there() -> None:
    for kind in (Pool, OddNode, Image, Workload, Odd, ContainerSpec):
        for one in dataclasses.fields(kind):
            assert re.search(rf"\b{one.name}\b", PAGE), f"{kind.__name__}.{one.name}"
    for word in (*State, *WorkloadKind):
        assert re.search(rf"\b{word.value}\b", PAGE), word


def test_the_example_scenario_is_one() -> None:
    text = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert text is not None
    scenario = parse_scenario(text[1])
    assert scenario.workloads[0].name == "web"
    assert all(parse(spec) for spec in scenario.faults)


def test_every_program_is_listed_and_every_image_has_what_it_lists() -> None:
    listed = re.search(r"Programs: `(.*?)`, and", PAGE, re.DOTALL)
    unsupported = re.search(r"^`(awk .*?)` and flags", PAGE, re.MULTILINE)
    assert listed is not None
    assert unsupported is not None
    assert set(listed[1].split()) | set(unsupported[1].split()) == set(BIN) | set(USR_BIN)
    assert set(BIN) | set(USR_BIN) <= set(PROGRAMS)
