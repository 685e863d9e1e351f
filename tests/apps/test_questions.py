"""Questions on a terminal: asked once, answered by whoever sits there, never in the way of a script."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from apps.test_program import PODIUM, WAIT, run, serving
from podium.apps.cli.asking import Asked

EXEC = (*PODIUM, "exec", "-A", "--all", "-o", "json", "--", "hostname")
ASKED = b"(y/N)"


@pytest.fixture(scope="module")
def kubeconfigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A sandbox under its own context, and under one that looks real."""
    own = tmp_path_factory.mktemp("sandbox") / "kubeconfig"
    with serving(own, "--pods", "12"):
        real = own.with_name("real")
        real.write_text(own.read_text().replace("podium-sandbox", "staging"))
        yield own, real


@pytest.fixture
def environ(kubeconfigs: tuple[Path, Path], tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "KUBECONFIG": str(kubeconfigs[1]), "PODIUM_STATE_DIR": str(tmp_path / "state")}


class Seat:
    """Somebody at a terminal: sees what is on it, types."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.terminal = terminal
        self.seen = b""

    def until(self, words: bytes) -> None:
        while words not in self.seen:
            data = os.read(self.terminal, 65536)
            assert data, self.seen
            self.seen += data

    def type(self, keys: bytes) -> None:
        os.write(self.terminal, keys)

    def end(self) -> tuple[int, bytes]:
        with suppress(OSError):  # EIO: the other side is closed
            while data := os.read(self.terminal, 65536):
                self.seen += data
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        return self.process.wait(WAIT), out


@contextmanager
def seat(environ: dict[str, str], *argv: str) -> Iterator[Seat]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        argv or EXEC, env=environ, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        os.close(theirs)
        try:
            yield Seat(process, ours)
        finally:
            if process.poll() is None:
                process.kill()
            os.close(ours)


def test_a_yes_goes_on_and_is_remembered_for_an_hour(environ: dict[str, str]) -> None:
    with seat(environ) as here:
        here.until(ASKED)
        assert b"all pods in all namespaces" in here.seen
        assert here.seen.count(b" on node-") >= 3, "three samples"
        here.type(b"y\n")
        status, out = here.end()
        assert (status, len(json.loads(out)["targets"])) == (0, 12)
    with seat(environ) as here:
        assert here.end()[0] == 0
        assert ASKED not in here.seen
    with seat(environ, *EXEC[:-1], "date") as here:
        here.until(ASKED)  # another command is another question
    file = Path(environ["PODIUM_STATE_DIR"]) / "asked.json"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("keys", [b"n\n", b"\n", b"\x04"], ids=["n", "enter", "ctrl-d"])
def test_a_no_is_6_and_nothing_ran(environ: dict[str, str], keys: bytes) -> None:
    with seat(environ) as here:
        here.until(ASKED)
        here.type(keys)
        status, out = here.end()
    assert status == 6
    assert json.loads(out)["error"] == {"exit": 6, "text": "the answer was no: nothing ran"}
    assert not (Path(environ["PODIUM_STATE_DIR"]) / "trail.jsonl").exists(), "no act, no record"
    with seat(environ) as here:
        here.until(ASKED)  # a no is not remembered


def test_ctrl_c_at_the_question_leaves(environ: dict[str, str]) -> None:
    with seat(environ) as here:
        here.until(ASKED)
        here.process.send_signal(2)
        assert here.end()[0] == 130


def test_a_terminal_that_goes_away_is_a_no(environ: dict[str, str]) -> None:
    with seat(environ) as here:
        here.until(ASKED)
        os.close(here.terminal)
        here.terminal = os.open(os.devnull, os.O_RDONLY)
        assert here.process.wait(WAIT) in {6, 129}
        os.dup(here.terminal)


def test_yes_and_the_sandbox_are_not_asked(environ: dict[str, str], kubeconfigs: tuple[Path, Path]) -> None:
    with seat(environ, *EXEC[:4], "-y", *EXEC[4:]) as here:
        assert here.end()[0] == 0
        assert ASKED not in here.seen
    with seat({**environ, "KUBECONFIG": str(kubeconfigs[0])}) as here:
        assert here.end()[0] == 0
        assert ASKED not in here.seen


@pytest.mark.parametrize("stdin", ["</dev/null", "<&-", "</dev/zero"])
def test_without_a_terminal_nothing_is_asked(environ: dict[str, str], stdin: str) -> None:
    ran = run("sh", "-c", f'exec "$0" -m podium exec -A --all -- hostname {stdin}', sys.executable, env=environ)
    assert ran.returncode == 0, ran.stderr
    assert ASKED not in ran.stderr


def test_a_dry_run_says_what_would_be_asked(environ: dict[str, str]) -> None:
    with seat(environ, *EXEC[:4], "--dry-run", *EXEC[4:]) as here:
        status, out = here.end()
    assert status == 0
    assert "all pods in all namespaces" in json.loads(out)["plan"]["question"]
    assert ASKED not in here.seen
    assert not Path(environ["PODIUM_STATE_DIR"], "trail.jsonl").exists()


def test_the_hour_ends_and_a_broken_file_is_one_question_more(tmp_path: Path) -> None:
    now = [1000.0]
    asked = Asked(str(tmp_path / "state"), {}, lambda: now[0])
    assert not asked.has("a")
    asked.remember("a")
    now[0] = 4599.0
    asked.remember("b")
    assert asked.has("a")
    now[0] = 4600.0
    assert (asked.has("a"), asked.has("b")) == (False, True)
    now[0] = 500.0
    assert not asked.has("b"), "a clock that was set back"
    file = tmp_path / "state" / "asked.json"
    for text in ("{", "[]", '{"a": "x"}', "\xff"):
        file.write_text(text, "latin-1")
        assert not asked.has("a")
    assert not Asked(None, {}).has("a"), "nowhere to keep it"
    Asked(None, {}).remember("a")
