"""CLI.md, "Exit status": one row a promise."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.stages import Act, Stage, Terminal, crashing, pod
from podium.apps.cli.ends import Cause
from podium.apps.cli.session import Interrupts
from podium.domain.errors import ClusterError, JournalError, UsageError
from podium.domain.inventory import Container, ContainerState, Unreached, UnreachedReason
from podium.domain.outcomes import Failed, Lost, Outcome, Reason, Rejected, TimedOut, Why
from podium.features.exec.report import Stop

EXEC = ("exec", "--all")
COMMAND = ("--", "hostname")
DONE = Container("app", "app:1", state=ContainerState.TERMINATED, exit_code=0, reason="Completed")


def one_ends(outcome: Outcome) -> Stage:
    return Stage([pod("web-1"), pod("web-2")], lambda target: Act(outcome) if target.pod == "web-2" else Act())


@pytest.mark.parametrize(
    ("stage", "argv", "status"),
    [
        (Stage([pod("web-1"), pod("web-2")]), EXEC, 0),
        (one_ends(Failed(3)), EXEC, 1),
        (one_ends(Lost(Reason(Why.NO_STATUS))), EXEC, 1),
        (one_ends(Rejected(Reason(Why.NO_EXECUTABLE, '"hostname"'))), EXEC, 1),
        (one_ends(TimedOut(Reason(Why.TIMEOUT))), EXEC, 1),
        (Stage([pod("web-1"), crashing("web-2")]), EXEC, 1),
        (Stage([pod("web-1"), crashing("web-2")]), (*EXEC, "--allow-skipped"), 0),
        (Stage([pod("web-1"), pod("done", DONE, phase="Succeeded")]), EXEC, 0),
        (Stage([pod("web-1"), pod("web-2")]), (*EXEC, "-x", "web-2"), 0),
        (Stage([pod("web-1")]), ("exec", "web-1", "web-9"), 1),
        (Stage([pod("web-1")], unreached=(Unreached("c", "pay", UnreachedReason.FORBIDDEN, "no"),)), EXEC, 1),
        (Stage([crashing("web-1")]), EXEC, 3),
        (Stage([]), EXEC, 3),
        (Stage([pod("web-1")]), (*EXEC, "--min-targets", "2"), 3),
        (Stage([pod("web-1"), pod("web-2")]), (*EXEC, "--min-targets", "2"), 0),
        (Stage([], error=ClusterError("cannot reach it")), EXEC, 4),
        (Stage([], error=UsageError("broken kubeconfig")), EXEC, 2),
        (Stage([pod("web-1")], journal_error=JournalError("disk full")), EXEC, 6),
    ],
)
def test_exit_status(podium: Terminal, stage: Stage, argv: tuple[str, ...], status: int) -> None:
    assert podium(stage, *argv, *COMMAND).status == status


@pytest.mark.parametrize(
    ("stage", "argv", "status"),
    [
        (Stage([pod("web-1")]), (), 0),
        (Stage([pod("web-1"), crashing("web-2")]), (), 1),
        (Stage([pod("web-1"), crashing("web-2")]), ("--allow-skipped",), 0),
        (Stage([crashing("web-2")]), (), 3),
        (Stage([crashing("web-2")]), ("--left-out",), 1),
        (Stage([pod("web-1")]), ("web-1", "web-9"), 1),
        (Stage([pod("web-1")], unreached=(Unreached("c", "pay", UnreachedReason.FORBIDDEN, "no"),)), (), 1),
        (Stage([]), (), 3),
        (Stage([], error=ClusterError("away")), (), 4),
    ],
)
def test_exit_status_of_targets(podium: Terminal, stage: Stage, argv: tuple[str, ...], status: int) -> None:
    assert podium(stage, "targets", *argv).status == status


def test_exit_status_of_doctor(podium: Terminal) -> None:
    stage = Stage([pod("web-1")])
    assert podium(stage, "doctor").status == 0
    stage.reviews.answers = {("get", "pods/exec", "shop"): False}
    ran = podium(stage, "doctor")
    assert ran.status == 1
    assert "get pods/exec NO" in ran.text
    role = podium(stage, "doctor", "--role", "exec")
    assert role.status == 0
    assert 'resources: ["pods/exec"]' in role.text
    assert 'name: "tester"' in role.text
    stage.reviews.answers = {("watch", "pods", "shop"): False}
    assert podium(stage, "doctor").status == 0, "without it less is known, and all works"
    assert podium(Stage([], error=ClusterError("away")), "doctor").status == 4


async def test_the_grace_ends_by_itself() -> None:
    stops: list[Stop] = []
    noticed: list[Cause] = []
    interrupts = Interrupts(None)
    cause = Cause("a test", 143, 0.01)
    interrupts.follow(stops.append, noticed.append)
    interrupts.take(cause)
    assert stops == [Stop("stopped by a test", 143)]
    async with asyncio.timeout(20):
        while len(stops) < 2:
            await asyncio.sleep(0.005)
    assert noticed == [cause]


USAGE: tuple[tuple[tuple[str, ...], str], ...] = (
    (("exec", "web-1", "hostname"), "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND]"),
    (("exec", "web-1"), "at least one command for the container"),
    (("exec", "web-1", "--"), "at least one command for the container"),
    (("exec", "web-1", "--", ""), "at least one command for the container"),
    (("exec", "-A", "--", "ls"), "nothing says which pods"),
    (("exec", "-l", "", "--", "ls"), "empty selector"),
    (("exec", "-l", "a in (", "--", "ls"), "a in ("),
    (("exec", "web_1", "--", "ls"), "web_1"),
    (("exec", "nope/web", "--", "ls"), "unknown type"),
    (("exec", "--targets-from", "/dev/null", "--", "ls"), "names no target"),
    (("exec", "--targets-from", "/nonexistent/x", "--", "ls"), "--targets-from: /nonexistent/x: No such file"),
    (("exec", "--all", "--", "ls", "x" * 4096), "--script"),
    (("exec", "--all", "-t", "--", "ls"), "leave it out"),
    (("exec", "--all", "-it", "--", "ls"), "leave it out"),
    (("exec", "--all", "--token", "secret", "--", "ls"), "--token-file"),
    (("exec", "--all", "--contxt", "a", "--", "ls"), "did you mean --context"),
    (("exec", "--all", "--timeout", "5", "--", "ls"), "a unit is missing"),
    (("exec", "--all", "--concurrency", "0", "--", "ls"), "at least 1"),
    (("exec", "--all", "--max-output", "lots", "--", "ls"), "not a size"),
    (("exec", "--all", "--deadline", "2001-01-01T00:00:00Z", "--", "ls"), "has passed"),
    (("exec", "--all", "-o", "yaml", "--", "ls"), "yaml"),
    (("exec", "--all", "--stream", "-o", "name", "--", "ls"), "contradicts"),
    (("exec", "--all", "--sh", "ls", "--", "ls"), "contradict"),
    (("exec", "--all", "--sh", " "), "empty"),
    (("exec", "--all", "--script", "/dev/null"), "empty"),
    (("exec", "--all", "--stdin-from", "/nonexistent/x", "--", "ls"), "/nonexistent/x"),
    (("exec", "--all", "--env", "1X=2", "--", "ls"), "name of a variable"),
    (("exec", "--all", "--env", "PODIUM_TEST_UNSET", "--", "ls"), "is not set here"),
    (("exec", "--all", "-A", "-n", "shop", "--", "ls"), "contradict"),
    (("exec", "--all", "--sample", "0", "--", "ls"), "--sample"),
    (("exec", "--all", "--seed", "1", "--", "ls"), "belongs to --sample"),
    (("exec", "--all", "--normalize=(", "--", "ls"), "not a pattern"),
    (("targets", "--", "ls"), "runs no command"),
    (("doctor", "--role", "fly"), "fly"),
    (("doctor", "-n", "a*"), "by name"),
    (("fly",), "no such verb"),
    (("exek",), "did you mean exec"),
    (("--fly", "exec"), "no such flag"),
    (("sandbox", "--"), "nothing stands behind --"),
)


@pytest.mark.parametrize(("argv", "said"), USAGE, ids=[" ".join(argv)[:40] for argv, _ in USAGE])
def test_wrong_usage_is_2_and_one_line_that_says_what(podium: Terminal, argv: tuple[str, ...], said: str) -> None:
    ran = podium(Stage([pod("web-1")]), *argv)
    assert ran.status == 2
    assert ran.out == b""
    assert ran.err.startswith("podium: error: ")
    assert ran.err.count("\n") == 1
    assert said in ran.err


def test_groups_go_with_whom_the_kubeconfig_names(podium: Terminal) -> None:
    """Whether anybody is named is known where the kubeconfig is read."""
    stage = Stage([pod("web-1")])
    assert podium(stage, "exec", "--all", "--as-group", "ops", "--", "ls").status == 0
    assert (stage.settings[-1].as_user, stage.settings[-1].as_groups) == (None, ("ops",))


def test_argv_is_split_at_its_first_dashes_only(podium: Terminal) -> None:
    stage = Stage([pod("web-1")])
    assert podium(stage, "exec", "web-1", "-q", "--", "sh", "-c", "--", "--all", "--help").status == 0
    assert stage.exec.seen[0][1].argv == ("sh", "-c", "--", "--all", "--help")


def test_a_secret_that_was_refused_is_not_said_again(podium: Terminal) -> None:
    assert "s3cret" not in podium(None, "exec", "--all", "--token", "s3cret", "--", "ls").err


@pytest.mark.on(why="refused before any cluster is asked")
def test_pitfall_24_a_long_argv_is_refused_with_a_hint_to_script(podium: Terminal) -> None:
    stage = Stage([pod("web-1")])
    assert podium(stage, *EXEC, "--", "echo", "x" * 4000).status == 0
    ran = podium(stage, *EXEC, "--", "echo", "x" * 4092)
    assert ran.status == 2
    assert "--script FILE" in ran.err
    assert len(stage.exec.seen) == 1


def sends(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_ends_the_run_and_decides_the_status(podium: Terminal, number: signal.Signals, status: int) -> None:
    stage = Stage([pod(f"web-{n}") for n in range(30)])
    sent = [sends(number)]

    def act(target: object) -> Act:
        return Act(work=0.05, then=sent.pop() if sent else None)

    stage.act_of = act
    ran = podium(stage, *EXEC, "--concurrency", "1", "-o", "json", *COMMAND)
    assert ran.status == status == ran.json["run"]["exit"]
    assert ran.json["counts"]["succeeded"] >= 1, "what was in flight may end"
    assert ran.json["counts"]["skipped"] >= 1, "nothing more was started"
    assert "may still run" in ran.err


def test_the_second_ctrl_c_leaves_at_once(podium: Terminal) -> None:
    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    stage = Stage([pod("web-1")], lambda _: Act(work=3600.0, then=twice))
    ran = podium(stage, *EXEC, "-o", "json", *COMMAND)
    assert ran.status == 130, "the first signal decides"
    assert ran.json["counts"]["lost"] == 1


def test_a_signal_before_the_run_says_that_nothing_ran(podium: Terminal) -> None:
    stage = Stage([pod("web-1")])
    connect = stage.connect

    def interrupted(settings: object) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return connect(settings)  # type: ignore[arg-type]

    stage.connect = interrupted  # type: ignore[method-assign, assignment]
    ran = podium(stage, *EXEC, "-o", "json", *COMMAND)
    assert ran.status == 130
    assert "nothing ran" in ran.err
    assert not stage.exec.seen
    assert ran.json["error"]["exit"] == 130


@pytest.mark.parametrize(
    ("stage", "argv", "status"),
    [
        (Stage([]), ("exec", "-A", "--", "ls"), 2),
        (Stage([]), ("exec", "--all", "--fly", "--", "ls"), 2),
        (Stage([]), ("exec", "--all", "--", "ls"), 3),
        (Stage([], error=ClusterError("away")), ("exec", "--all", "--", "ls"), 4),
        (Stage([pod("web-1")], journal_error=JournalError("disk full")), ("exec", "--all", "--", "ls"), 6),
    ],
)
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_the_object_comes_with_an_error_too(
    podium: Terminal, stage: Stage, argv: tuple[str, ...], status: int, form: str
) -> None:
    ran = podium(stage, argv[0], "-o", form, *argv[1:])
    assert ran.status == status
    whole = ran.lines[-1]
    assert whole["error"]["exit"] == status
    assert whole["error"]["text"] in ran.err
    assert whole["complete"] is False
    assert len(ran.lines) == 1 or form == "jsonl"
    assert sum(line.get("event") == "summary" for line in ran.lines) == (form == "jsonl")


def test_a_bug_is_one_line_and_v_shows_where(podium: Terminal) -> None:
    stage = Stage([], error=RuntimeError("planted"))
    quiet = podium(stage, *EXEC, *COMMAND)
    assert quiet.status == 1
    assert quiet.err == "podium: error: a bug: RuntimeError: planted (run with -v for the traceback)\n"
    assert "Traceback" in podium(stage, *EXEC, "-v", *COMMAND).err


def test_an_expected_error_has_its_traceback_with_v_only(podium: Terminal) -> None:
    stage = Stage([], error=ClusterError("away"))
    assert "Traceback" not in podium(stage, *EXEC, *COMMAND).err
    assert "Traceback" in podium(stage, *EXEC, "-v", *COMMAND).err


def test_out_dir_must_be_empty(podium: Terminal, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    ran = podium(Stage([pod("web-1")]), *EXEC, "--out-dir", str(tmp_path), *COMMAND)
    assert (ran.status, ran.out) == (2, b"")
    assert "is not empty" in ran.err
