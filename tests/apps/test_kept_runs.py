"""Runs that are kept, end to end: killed at any point, resumed once, held by one, on disks that are full or not there.

What ran is counted in the pods themselves: the command appends to a file there, and another run reads it.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from apps.test_program import PODIUM, WAIT, run, serving
from podium.adapters.store.disk import DiskRuns
from podium.adapters.store.folder import Folder
from podium.domain.outcomes import name_of
from podium.domain.runs import ends_of
from support.places import eventually

PODS = 200


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    file = tmp_path_factory.mktemp("sandbox") / "kubeconfig"
    with serving(file, "--pods", str(PODS)):
        yield {**os.environ, "KUBECONFIG": str(file)}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    file = tmp_path_factory.mktemp("large") / "kubeconfig"
    with serving(file, "--pods", "500"):
        yield {**os.environ, "KUBECONFIG": str(file)}


@pytest.fixture
def home(sandbox: dict[str, str], tmp_path: Path) -> Kept:
    return Kept(tmp_path / "state", sandbox, f"/count-{uuid.uuid4().hex}")


class Kept:
    """A sandbox with a state folder and a file of its own that counts in each pod."""

    def __init__(self, state: Path, environ: dict[str, str], counter: str, pods: int = PODS) -> None:
        self.state = state
        self.pods = pods
        self.environ = {**environ, "PODIUM_STATE_DIR": str(state)}
        self.counter = counter

    def podium(self, *argv: str, **more: object) -> subprocess.CompletedProcess[bytes]:
        return run(*PODIUM, *argv, env=self.environ, **more)

    def count_up(self, *flags: str, last: str = "") -> tuple[str, ...]:
        line = f"echo x >> {self.counter}{last}"
        return ("exec", "-A", "--all", "-y", "-q", "--max-failures", "100%", *flags, "--sh", line)

    def start(self, *argv: str, **more: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            [*PODIUM, *argv], env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
        )

    def counts(self) -> dict[str, int]:
        """How often the command ran in each pod."""
        line = f"wc -l < {self.counter}"
        ran = self.podium("exec", "-A", "--all", "-y", "-q", "--no-journal", "-o", "json", "--sh", line)
        return {
            f"{one['namespace']}/{one['pod']}": int(one["stdout"] or 0) if one["outcome"] == "succeeded" else 0
            for one in json.loads(ran.stdout)["targets"]
        }

    def outcomes(self) -> dict[str, str]:
        """How each target of the newest run stands in the journal."""
        runs = DiskRuns(Folder(self.state))
        try:
            newest = runs.heads()[0].run
            ends = ends_of(event for _, event in runs.events(newest))
            return {f"{target.namespace}/{target.pod}": name_of(end.outcome) for target, end in ends.items()}
        finally:
            runs.close()

    def events(self) -> int:
        """How many events the journal has, 0 where there is none yet."""
        path = self.state / "runs.db"
        if not path.exists():
            return 0
        with closing(sqlite3.connect(path)) as database:
            try:
                return int(database.execute("select count(*) from events").fetchone()[0])
            except sqlite3.OperationalError:
                return 0  # it is being made

    def is_exact(self) -> None:
        """Each command ran exactly once, or its target is lost and it ran once at most."""
        outcomes, counts = self.outcomes(), self.counts()
        assert len(outcomes) == len(counts) == self.pods
        assert set(outcomes.values()) <= {"succeeded", "lost"}, Counter(outcomes.values())
        wrong = {
            pod: (outcome, counts[pod])
            for pod, outcome in outcomes.items()
            if counts[pod] != 1 and not (outcome == "lost" and counts[pod] == 0)
        }
        assert wrong == {}


def kill_after(process: subprocess.Popen[bytes], home: Kept, events: int) -> bool:
    """SIGKILL a run when its journal has so many events; False where it ended before."""
    until = time.monotonic() + WAIT
    while home.events() < events and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    killed = process.poll() is None
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    _, errors = process.communicate(timeout=WAIT)
    assert killed or process.returncode in {0, 1}, errors
    return killed


def resumed(home: Kept) -> None:
    """Resume until nothing is left to do."""
    for _ in range(3):
        ran = home.podium("resume", "last", "-q", "-y")
        if b"nothing is left" in ran.stderr:
            return
        assert ran.returncode in {0, 1}, ran.stderr
    raise AssertionError("it never ends")


def chain(home: Kept, kills: int, at_once: int, chance: random.Random) -> None:
    process = home.start(*home.count_up("--concurrency", str(at_once), last="; sleep 0.1"))
    for _ in range(kills):
        later = chance.randrange(1, home.pods // kills)
        assert kill_after(process, home, home.events() + later), "it ended before its kill"
        process = home.start("resume", "last", "-q", "-y")
    kill_after(process, home, home.events() + 10)
    resumed(home)
    home.is_exact()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_at_any_point_neither_repeats_nor_forgets(home: Kept, seed: int) -> None:
    chain(home, 5, 16, random.Random(seed))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_run_of_500_targets_killed_at_fifty_points(large: dict[str, str], tmp_path: Path) -> None:
    home = Kept(tmp_path / "state", large, f"/count-{uuid.uuid4().hex}", pods=500)
    chain(home, 50, 3, random.Random(7))


def test_what_was_lost_runs_again_only_where_that_is_declared_safe(home: Kept) -> None:
    process = home.start(*home.count_up("--concurrency", "8", last="; sleep 0.2"))
    kill_after(process, home, 12)
    resumed(home)
    lost = [pod for pod, outcome in home.outcomes().items() if outcome == "lost"]
    assert lost
    ran = home.podium("resume", "last", "-q", "-y", "--idempotent")
    assert ran.returncode == 0, ran.stderr
    assert set(home.outcomes().values()) == {"succeeded"}
    assert all(count >= 1 for count in home.counts().values())


def test_two_processes_never_resume_one_run_at_once(home: Kept) -> None:
    process = home.start(*home.count_up("--concurrency", "8", last="; sleep 0.05"))
    kill_after(process, home, 40)
    both = [home.start("resume", "last", "-q", "-y") for _ in range(2)]
    statuses = sorted(one.wait(WAIT) for one in both)
    errors = b"".join(one.communicate()[1] for one in both)
    assert 6 in statuses, (statuses, errors)
    assert b"another process" in errors
    resumed(home)
    home.is_exact()


def limit_files(size: int) -> Any:
    """As a disk that takes so many bytes of a file and no more."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_disk_that_fills_up_ends_the_run_and_costs_no_honesty(home: Kept) -> None:
    run_ = home.podium(*home.count_up("--concurrency", "8"), preexec_fn=limit_files(400 * 1024))
    assert run_.returncode == 5, run_.stderr
    resumed(home)
    home.is_exact()


@pytest.mark.parametrize("state", ["/dev/null/state", "/proc/state", "{file}"])
def test_a_folder_that_cannot_hold_runs_is_one_line_and_nothing_runs(home: Kept, tmp_path: Path, state: str) -> None:
    (tmp_path / "file").write_text("in the way")
    path = state.format(file=tmp_path / "file")
    ran = home.podium(*home.count_up(), "--state-dir", path)
    assert (ran.returncode, ran.stdout) == (6, b"")
    assert ran.stderr.count(b"\n") == 1
    assert b"--state-dir" in ran.stderr
    assert set(home.counts().values()) == {0}


def test_nowhere_to_keep_runs_is_one_line(sandbox: dict[str, str]) -> None:
    environ = {"KUBECONFIG": sandbox["KUBECONFIG"], "PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = run(*PODIUM, "exec", "-n", "pay", "--all", "--", "true", env=environ)
    assert ran.returncode == 6
    assert b"--state-dir" in ran.stderr


def test_detached_followed_told_cancelled_and_selected_by(home: Kept, tmp_path: Path) -> None:
    end, each = tmp_path / "end.json", tmp_path / "each.json"
    begun = home.podium(
        "exec", "-n", "pay", "deploy/api", "-q", "--detach", "--on-end", f"cat > '{end}'", "--on-end-each",
        f"cat >> '{each}'", "--sh", "echo hello",
    )  # fmt: skip
    run_id = begun.stdout.decode().strip()
    assert (begun.returncode, len(run_id)) == (0, 26), begun.stderr
    assert home.podium("runs", "wait", run_id[:12]).returncode == 0
    shown = json.loads(home.podium("runs", "show", "last", "-o", "json").stdout)
    pods = {one["pod"]: one["stdout"] for one in shown["targets"]}
    assert set(pods.values()) == {"hello\n"}
    assert json.loads(end.read_bytes())["run"]["id"] == run_id
    assert {json.loads(line)["pod"] for line in each.read_text().splitlines()} == set(pods)

    home.podium("exec", "-n", "pay", "deploy/api", "-q", "--detach", "--sh", "touch /tmp/began; sleep 300")
    began = ("exec", "-n", "pay", "deploy/api", "-q", "--no-journal", "--", "test", "-e", "/tmp/began")
    eventually(lambda: home.podium(*began).returncode == 0)
    assert home.podium("cancel", "last", "-q").returncode == 0
    shown = json.loads(home.podium("runs", "show", "last", "-o", "json").stdout)
    assert {(one["outcome"], one["stopped"]) for one in shown["targets"]} == {("cancelled", "unconfirmed")}
    assert shown["run"]["exit"] == 5
    refused = home.podium("cancel", "last")
    assert (refused.returncode, b"not running" in refused.stderr) == (2, True)

    picked = home.podium("targets", "--from-run", "last:cancelled", "-o", "name")
    assert len(picked.stdout.splitlines()) == len(pods)
    assert home.podium("exec", "--from-run", "last:succeeded", "--", "true").returncode == 3
    again = home.podium("rerun", "last", "--only", "cancelled", "-q", "--timeout", "1ms")
    assert again.returncode == 1, again.stderr


def test_no_value_of_a_variable_secret_or_stdin_is_written_down(home: Kept, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2-file\n")
    argv = ("exec", "-n", "pay", "deploy/api", "--env", "PASS=hunter2-env", "--secret", f"PW=@{secret}", "-i")
    ran = home.podium(*argv, "--sh", 'test "$PW" = hunter2-"file" && cat > /dev/null', input=b"hunter2-stdin")
    assert ran.returncode == 0, ran.stderr
    for path in home.state.rglob("*"):
        if path.is_file():
            assert b"hunter2-env" not in path.read_bytes(), path
            assert b"hunter2-stdin" not in path.read_bytes(), path
            assert path.stat().st_mode & 0o077 == 0, path
    asked = home.podium("rerun", "last", "--only", "succeeded")
    assert (asked.returncode, b"--env PASS=" in asked.stderr) == (2, True)
    asked = home.podium("rerun", "last", "--only", "succeeded", "--env", "PASS=x")
    assert (asked.returncode, b"-i or --stdin-from" in asked.stderr) == (2, True)
    again = home.podium("rerun", "last", "--only", "succeeded", "--env", "PASS=x", "-i", "-q", input=b"y")
    assert again.returncode == 0, again.stderr
    masked = home.podium(*argv, "--sh", "echo hunter2-file", input=b"")
    assert b"echo ***" in masked.stderr
    refused = home.podium("rerun", "last", "--only", "succeeded")
    assert (refused.returncode, b"cannot be made again" in refused.stderr) == (2, True)


def test_a_detached_run_that_cannot_begin_says_so_and_gives_its_status(home: Kept) -> None:
    ran = home.podium("exec", "-n", "pay", "no-such-pod", "--detach", "--", "true")
    assert (ran.returncode, ran.stdout) == (3, b"")
    assert b"nothing matched" in ran.stderr
