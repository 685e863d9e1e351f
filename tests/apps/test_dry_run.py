"""--dry-run and the rights preflight from the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apps.stages import Stage, Terminal, crashing, pod
from apps.test_json_shapes import documented, keys
from podium.domain.errors import ClusterError
from support.fleets import ScriptedReviews

NO = {("get", "pods/exec", "shop"): False}
DRY = ("exec", "--all", "--dry-run")
COMMAND = ("--", "hostname", "-f")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"


def test_a_dry_run_shows_the_plan_and_runs_nothing(podium: Terminal) -> None:
    stage = Stage([pod("web-1"), pod("web-2"), pod("done", phase="Succeeded")])
    ran = podium(stage, *DRY, "--max-failures", "1", "--waves", "1,100%", *COMMAND)
    assert ran.status == 0
    assert stage.exec.seen == []
    assert stage.trail.records == []
    for words in (
        "hostname -f", "2 targets", "prod/eu", "as tester", "2 deploy/web", "2 n1", "1 Completed", "2: 1, 1",
        "more than 1 ended badly", "worst case: 2", "5m", "get pods/exec: yes, in shop", "question   none",
    ):  # fmt: skip
        assert words in ran.text, words


def test_a_no_prints_the_whole_plan_and_ends_with_6(podium: Terminal) -> None:
    stage = Stage([pod("web-1")], reviews=ScriptedReviews(NO))
    ran = podium(stage, *DRY, *COMMAND)
    assert ran.status == 6
    assert "get pods/exec: NO, in shop" in ran.text
    assert "question" in ran.text
    assert 'verbs: ["get"]' in ran.err
    assert ran.err.rstrip().splitlines()[-1].startswith("podium: error: not allowed")
    assert stage.exec.seen == []


def test_a_review_that_is_forbidden_is_unknown(podium: Terminal) -> None:
    answers = {("get", "pods/exec", "shop"): None, ("create", "pods/exec", "shop"): None}
    ran = podium(Stage([pod("web-1")], reviews=ScriptedReviews(answers)), *DRY, *COMMAND)
    assert ran.status == 0
    assert "get pods/exec: not told, in shop" in ran.text


def test_a_no_warns_and_the_run_goes_on(podium: Terminal) -> None:
    stage = Stage([pod("web-1")], reviews=ScriptedReviews(NO))
    ran = podium(stage, "exec", "--all", *COMMAND)
    assert (ran.status, len(stage.exec.seen)) == (0, 1)
    assert "rights: prod/eu does not allow get pods/exec in namespace shop" in ran.err
    assert 'name: "tester"' in ran.err
    noted = podium(stage, "exec", "--all", "-o", "json", "-q", *COMMAND)
    assert noted.err == ""
    assert "does not allow get pods/exec" in noted.json["run"]["notes"][0]


def test_create_is_not_missed_before_1_35(podium: Terminal) -> None:
    stage = Stage([pod("web-1")], reviews=ScriptedReviews({("create", "pods/exec", "shop"): False}))
    assert podium(stage, *DRY, *COMMAND).status == 6
    stage.version = "v1.34.2"
    assert podium(stage, *DRY, *COMMAND).status == 0


@pytest.mark.parametrize(
    ("stage", "status"),
    [
        (Stage([pod("web-1"), crashing("web-2")]), 1),
        (Stage([pod("web-1"), crashing("web-2")], reviews=ScriptedReviews(NO)), 6),
        (Stage([]), 3),
        (Stage([], error=ClusterError("away")), 4),
    ],
)
def test_exit_status(podium: Terminal, stage: Stage, status: int) -> None:
    assert podium(stage, *DRY, *COMMAND).status == status


def test_json_has_the_documented_keys(podium: Terminal) -> None:
    page = documented()
    stage = Stage([pod("web-1"), pod("web-2"), crashing("web-3")], reviews=ScriptedReviews(NO))
    ran = podium(stage, *DRY, "-o", "json", "--max-failures", "0", "--strict", *COMMAND)
    whole = ran.json
    assert keys(whole) == page["dry run"]
    assert keys(whole["plan"]) == page["plan"]
    for section in ("workloads", "budget", "retries", "timeouts", "pace", "rights"):
        shape = whole["plan"][section]
        shape = shape[0] if isinstance(shape, list) else shape
        row = re.search(rf"^\| `{section}` \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
        assert row is not None
        assert keys(shape) <= set(re.findall(r"`(\w+)`", row[1])), section
    assert [target["wave"] for target in whole["targets"]] == [1, 1]
    assert whole["plan"]["budget"]["worst_case"] == 1
    assert whole["plan"]["exit"] == ran.status == whole["error"]["exit"] == 6
    assert whole["complete"] is False


def test_names_and_other_forms(podium: Terminal) -> None:
    stage = Stage([pod("web-1"), pod("web-2")])
    assert podium(stage, *DRY, "-o", "name", *COMMAND).text == "prod%2Feu/shop/web-1/app\nprod%2Feu/shop/web-2/app\n"
    for form in ("jsonl", "junit"):
        ran = podium(stage, *DRY, "-o", form, *COMMAND)
        assert ran.status == 2
        assert "--dry-run shows a plan" in ran.err


def test_the_reason_stands_in_both_records(podium: Terminal) -> None:
    stage = Stage([pod("web-1")])
    assert podium(stage, "exec", "--all", "--reason", "INC-7:\n look ", *COMMAND).status == 0
    assert [record.reason for record in stage.trail.records] == ["INC-7: look"] * 2
    assert podium(stage, "exec", "--all", "--reason", " ", *COMMAND).status == 2


def test_the_command_after_substitution_is_shown_and_run(podium: Terminal) -> None:
    stage = Stage([pod("web-1", labels={"v": "it's"}), pod("web-2", labels={"v": "2"})])
    line = ("--sh", "echo {pod} {label:v} {{ip}} $NF")
    ran = podium(stage, *DRY, *line)
    assert "command    echo {pod} {label:v} {{ip}} $NF" in ran.text
    assert "would run  web-1: echo web-1 'it'\"'\"'s' {ip} $NF" in ran.text
    assert "           web-2: echo web-2 2 {ip} $NF" in ran.text
    whole = podium(stage, *DRY, "-o", "json", *line).json
    assert whole["targets"][1]["command"] == ["echo web-2 2 {ip} $NF"]
    assert podium(stage, "exec", "--all", *line).status == 0
    assert [command.argv[0] for _, command in stage.exec.seen][1] == "echo web-2 2 {ip} $NF"
    refused = podium(stage, "exec", "--all", "--", "echo", "{label:tier}")
    assert (refused.status, refused.out) == (2, b"")
    assert "shop/web-1 has no label tier" in refused.err


def test_one_role_in_a_run_and_how_to_get_the_others(podium: Terminal) -> None:
    spaces = ("a", "b", "c", "d", "e")
    reviews = ScriptedReviews({("get", "pods/exec", space): False for space in ("", *spaces)})
    stage = Stage([pod("web-1", namespace=space) for space in spaces], reviews=reviews)
    ran = podium(stage, "exec", "-A", "--all", *COMMAND)
    assert ran.err.count("kind: RoleBinding") == 1
    assert "podium doctor --context prod/eu --role exec -n b prints that Role (4 such)" in ran.err
    assert "in 5 namespaces" in ran.err
    dry = podium(stage, "exec", "-A", "--all", "--dry-run", *COMMAND)
    assert dry.err.count("kind: RoleBinding") == 3
    assert "-n d prints that Role (2 such)" in dry.err
