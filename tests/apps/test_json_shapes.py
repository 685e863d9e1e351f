"""docs/reference/json.md is the promise; what is written has its keys, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from apps.stages import Act, Stage, Terminal, crashing, pod
from podium.domain.inventory import Unreached, UnreachedReason
from podium.domain.outcomes import Failed, Lost, Outcome, Proof, Reason, Rejected, Stopped, Succeeded, TimedOut, Why
from podium.domain.targets import Target

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
OUTCOMES: dict[str, Outcome] = {
    "a-good": Succeeded(Proof.RUNTIME),
    "b-told": Succeeded(Proof.TRANSLATED),
    "c-failed": Failed(7),
    "d-late": TimedOut(Reason(Why.TIMEOUT, "after a while"), Stopped.UNCONFIRMED),
    "e-never": Rejected(Reason(Why.NO_EXECUTABLE, '"hostname"')),
    "f-lost": Lost(Reason(Why.NO_STATUS)),
}


def documented() -> dict[str, set[str]]:
    """Section -> keys of the first column of its table."""
    sections: dict[str, set[str]] = {}
    title = ""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("### "):
            title = line[4:].strip()
        elif title and (key := re.match(r"\| `(\w+)` \|", line)):
            sections.setdefault(title, set()).add(key[1])
    return sections


@pytest.fixture
def stage() -> Stage:
    def act(target: Target) -> Act:
        raw = b"\xff\xfe" if target.pod == "c-failed" else b"a\xc3\xa4\n"
        return Act(OUTCOMES[target.pod], stdout=raw, stderr=b"said\n")

    pods = [*(pod(name) for name in OUTCOMES), crashing("g-crashing")]
    unreached = (Unreached("prod/eu", "pay", UnreachedReason.FORBIDDEN, "pods is forbidden"),)
    return Stage(pods, act, unreached)


def keys(shape: dict[str, Any]) -> set[str]:
    """The keys, with base64 under its documented name."""
    return {key.removesuffix("_base64") for key in shape}


SELECTED = ("exec", *OUTCOMES, "g-crashing", "absent-1")


def test_json_has_the_documented_keys_and_tells_every_outcome_apart(podium: Terminal, stage: Stage) -> None:
    page = documented()
    whole = podium(stage, *SELECTED, "-o", "json", "--", "hostname", "-f").json
    assert keys(whole) == page["object"]
    assert keys(whole["run"]) == page["run"]
    for section, shapes in {
        "targets[]": whole["targets"],
        "left_out[]": whole["left_out"],
        "missing[]": whole["missing"],
        "unreached[]": whole["unreached"],
    }.items():
        assert shapes, section
        for shape in shapes:
            assert keys(shape) == page[section], section
    ends = {target["pod"]: target for target in whole["targets"]}
    assert {name: end["outcome"] for name, end in ends.items()} == {
        "a-good": "succeeded",
        "b-told": "succeeded",
        "c-failed": "failed",
        "d-late": "timed_out",
        "e-never": "rejected",
        "f-lost": "lost",
    }
    assert [ends[name]["proof"] for name in ("a-good", "b-told", "f-lost")] == ["runtime", "translated", None]
    assert [ends[name]["exit_code"] for name in ("a-good", "c-failed", "f-lost")] == [0, 7, None]
    assert ends["e-never"]["reason"] == "no such executable"
    assert ends["e-never"]["detail"] == '"hostname"'
    assert ends["d-late"]["stopped"] == "unconfirmed"
    assert ends["a-good"]["stdout"] == "aä\n"
    assert ends["c-failed"]["stdout_base64"] == "//4="
    assert "stdout" not in ends["c-failed"]
    assert whole["run"]["command"] == ["hostname", "-f"]
    assert whole["complete"] is False


def test_json_counts_add_up(podium: Terminal, stage: Stage) -> None:
    whole = podium(stage, *SELECTED, "-o", "json", "--", "hostname").json
    assert sum(whole["counts"].values()) == len(whole["targets"])
    assert set(whole["counts"]) == {"succeeded", "failed", "timed_out", "rejected", "lost", "cancelled", "skipped"}


def test_a_failure_has_the_same_keys(podium: Terminal) -> None:
    page = documented()
    whole = podium(Stage([]), "exec", "--all", "-o", "json", "--", "ls").json
    assert keys(whole) == page["object"]
    assert keys(whole["error"]) == page["error"]
    line = podium(Stage([]), "exec", "--all", "-o", "jsonl", "--", "ls").lines[-1]
    assert keys(line) == page["summary"]


NONE_ENDED = dict.fromkeys(("succeeded", "failed", "timed_out", "rejected", "lost", "cancelled", "skipped"), 0)
AWAY = Unreached("prod/eu", "", UnreachedReason.UNREACHABLE, "connection refused")


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_failure_tells_who_was_left_out_missing_and_not_reached(podium: Terminal, form: str) -> None:
    nobody = podium(Stage([crashing("web-x")]), "exec", "nosuch", "web-x", "-o", form, "--", "ls")
    whole = nobody.lines[-1]
    assert (nobody.status, whole["counts"]) == (3, NONE_ENDED)
    assert [one["name"] for one in whole["missing"]] == ["nosuch"]
    assert [one["pod"] for one in whole["left_out"]] == ["web-x"]
    few = podium(
        Stage([pod("web-1"), crashing("web-x")]), "exec", "--all", "-o", form, "--min-targets", "2", "--", "ls"
    )
    assert (few.status, [one["pod"] for one in few.lines[-1]["left_out"]]) == (3, ["web-x"])
    away = podium(Stage([], unreached=(AWAY,)), "exec", "--all", "-o", form, "--", "ls")
    whole = away.lines[-1]
    assert (away.status, whole["counts"]) == (4, NONE_ENDED)
    assert [(one["cluster"], one["detail"]) for one in whole["unreached"]] == [("prod/eu", "connection refused")]


def test_jsonl_has_the_documented_keys_in_their_order(podium: Terminal, stage: Stage) -> None:
    page = documented()
    stage.notes = ("nodes may not be listed",)
    lines = podium(stage, *SELECTED, "-o", "jsonl", "--", "hostname").lines
    for line in lines:
        assert keys(line) == page[line["event"]], line["event"]
    assert [line["event"] for line in lines].count("summary") == 1
    assert lines[-1]["event"] == "summary"
    for name in OUTCOMES:
        own = [line["event"] for line in lines if line.get("pod") == name]
        assert own == ["started", "output", "output", "finished"]


@pytest.mark.on(why="decided where JSON is written, whatever sent the bytes")
def test_pitfall_10_a_character_split_over_two_frames_is_whole_in_jsonl(podium: Terminal) -> None:
    """Bytes are not text, and frames split characters."""
    pieces = [b"x\xe2", b"\x82", b"\xacy", b"\xff", b"\xe2"]
    lines = podium(Stage([pod("web-1")], lambda _: Act(stdout=pieces)), "exec", "--all", "-o", "jsonl", "--", "x").lines
    outputs = [line for line in lines if line["event"] == "output"]
    assert [line.get("data") or line["data_base64"] for line in outputs] == ["x", "€y", "/w==", "4g=="]


def test_output_beyond_the_limit_is_cut_and_said(podium: Terminal) -> None:
    stage = Stage([pod("web-1")], lambda _: Act(stdout=b"x" * 5000))
    target = podium(stage, "exec", "--all", "-o", "json", "--max-output", "1Ki", "--", "x").json["targets"][0]
    assert (len(target["stdout"]), target["truncated"]) == (1024, True)
    target = podium(stage, "exec", "--all", "-o", "json", "--", "x").json["targets"][0]
    assert (len(target["stdout"]), target["truncated"]) == (5000, False)


def test_secrets_of_env_and_script_are_nowhere(podium: Terminal, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo s3cret-script")
    argv = ("--env", "KEY=s3cret-env", "--script", str(script), "--", "arg")
    ran = podium(Stage([pod("web-1")]), "exec", "--all", "-o", "json", "-v", *argv)
    assert b"s3cret" not in ran.out
    assert "s3cret" not in ran.err
    ran = podium(Stage([pod("web-1"), pod("web-2")], lambda target: Act(Failed(int(target.pod[-1])))),
                 "exec", "--all", "-v", *argv)  # fmt: skip
    assert b"s3cret" not in ran.out
    assert "s3cret" not in ran.err


def test_targets_json_has_the_documented_keys(podium: Terminal, stage: Stage) -> None:
    page = documented()
    whole = podium(stage, "targets", *SELECTED[1:], "-o", "json").json
    assert keys(whole) == page["targets"]
    assert whole["left_out"][0]["pod"] == "g-crashing"
    words = re.search(r"\| `targets` \| each with (.*) \|", PAGE.read_text("utf-8"))
    assert words is not None
    assert keys(whole["targets"][0]) == set(re.findall(r"`(\w+)`", words[1]))


def test_argv_that_is_no_text_is_written_as_text(podium: Terminal) -> None:
    ran = podium(Stage([pod("web-1")]), "exec", "--all", "-o", "json", "--", "echo", "\udcff")
    assert ran.json["run"]["command"] == ["echo", "\ufffd"]
