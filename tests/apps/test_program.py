"""The program as a process: start-up, closed streams, a reader that goes away, completion, the sandbox end to end."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PODIUM = (sys.executable, "-m", "podium")
WAIT = 60.0


def run(*argv: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(argv, capture_output=True, timeout=WAIT, check=False, **more)  # type: ignore[call-overload, no-any-return]


@contextmanager
def serving(file: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """A sandbox that writes its kubeconfig to `file`, up when the block begins."""
    argv = (*PODIUM, "sandbox", "--write-kubeconfig", str(file), *flags)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"export KUBECONFIG={file}\n".encode()
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=WAIT)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a command with a sandbox."""
    file = tmp_path_factory.mktemp("sandbox") / "kubeconfig"
    with serving(file, "--pods", "30"):
        yield {**os.environ, "KUBECONFIG": str(file)}


def test_help_imports_nothing_heavy() -> None:
    check = """
import sys
from podium.apps.cli.main import main
for argv in (["--help"], ["exec", "--help"], ["version"]):
    assert main(argv) == 0
heavy = {"asyncio", "ssl", "yaml", "msgspec", "uvloop", "podium.apps.bootstrap"} & set(sys.modules)
assert not heavy, heavy
"""
    ran = run(sys.executable, "-c", check)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("argv", [("--help",), ("-h",), ("exec", "-h"), ("targets", "--help"), ()])
def test_help_goes_to_stdout(argv: tuple[str, ...]) -> None:
    ran = run(*PODIUM, *argv)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.startswith(b"Usage: podium ")


def test_version_three_ways() -> None:
    outs = {run(*PODIUM, argv).stdout for argv in ("version", "--version")}
    assert len(outs) == 1
    assert outs.pop().startswith(b"podium ")


def test_completion_by_kubectls_protocol() -> None:
    ask = (sys.executable, "-c", "from podium.apps.cli.completion import kubectl_entry; kubectl_entry()")
    assert b"targets\tShow what" in run(*ask, "").stdout
    assert run(*ask, "").stdout.endswith(b":4\n")
    assert run(*ask, "exec", "-o", "j").stdout.splitlines() == [b"json", b"jsonl", b"junit", b":4"]
    assert b"--stream\t" in run(*ask, "exec", "--str").stdout
    assert run(*ask, "exec", "--kubeconfig", "").stdout == b":0\n", "files are the shell's"
    assert run(*ask, "exec", "--", "").stdout == b":0\n"
    assert run(*ask, "fly", "").stdout.endswith(b":4\n")


def test_completion_offers_what_the_kubeconfig_names(tmp_path: Path) -> None:
    entry = "{name: %s, context: {cluster: c, user: u, namespace: %s}}"
    pairs = (("prod-eu", "shop"), ("prod-us", "pay"), ("test", "shop"), ("lone", "''"))
    content = "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n"
    file = tmp_path / "config"
    file.write_text(content + f"contexts: [{', '.join(entry % pair for pair in pairs)}]\n")
    environ = {**os.environ, "KUBECONFIG": str(file)}
    ask = (sys.executable, "-c", "from podium.apps.cli.completion import kubectl_entry; kubectl_entry()")

    def offered(*words: str, **more: object) -> list[bytes]:
        return run(*ask, *words, **{"env": environ, **more}).stdout.splitlines()

    assert offered("exec", "--context", "") == [b"prod-eu", b"prod-us", b"test", b"lone", b":4"]
    assert offered("targets", "--context", "prod") == [b"prod-eu", b"prod-us", b":4"]
    assert offered("exec", "-n", "") == [b"shop", b"pay", b"default", b":4"]
    assert offered("exec", "--context", "prod-us", "-n", "") == [b"pay", b":4"]
    assert offered("exec", "-n", "pay,s") == [b"pay,shop", b":4"]
    nowhere = {"env": {**environ, "KUBECONFIG": str(tmp_path / "none")}}
    assert offered("exec", "--context", "", **nowhere) == [b":4"]
    by_flag = ("exec", "--kubeconfig", str(file), "--context", "t")
    assert offered(*by_flag, **nowhere) == [b"test", b":4"]
    file.write_text("contexts: [")
    assert offered("exec", "-n", "") == [b":4"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    ran = run(*PODIUM, "completion", shell)
    assert ran.returncode == 0
    assert b"_PODIUM_COMPLETE" in ran.stdout
    asked = run(
        *PODIUM, env={**os.environ, "_PODIUM_COMPLETE": "bash_complete", "COMP_WORDS": "podium ex", "COMP_CWORD": "1"}
    )
    assert asked.stdout == b"plain,exec\n"


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_standard_stream_is_no_crash(closed: int, cluster: dict[str, str]) -> None:
    argv = f'exec "$0" -m podium exec -A deploy/web --normalize -- hostname {closed}>&-'
    ran = run("sh", "-c", argv, sys.executable, env=cluster)
    assert ran.returncode == 0, ran.stderr
    if closed != 1:
        assert b"<name>" in ran.stdout


@pytest.mark.parametrize("argv", [("version",), ("--help",)])
def test_a_full_disk_is_one_line(argv: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run([*PODIUM, *argv], stdout=full, stderr=subprocess.PIPE, timeout=WAIT, check=False)
    assert ran.returncode == 1
    assert ran.stderr == b"podium: error: cannot write to stdout: No space left on device\n"


def test_nothing_of_a_home_or_a_locale_is_needed(cluster: dict[str, str], tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    environ = {"KUBECONFIG": cluster["KUBECONFIG"], "LANG": "C", "PATH": os.defpath, "PODIUM_STATE_DIR": state}
    ran = run(*PODIUM, "exec", "-n", "shop", "deploy/web", "-q", "--", "echo", "ünï", env=environ)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert "ünï\n" in ran.stdout.decode()


def test_every_pod_answers_with_its_own_name(cluster: dict[str, str]) -> None:
    ran = run(*PODIUM, "exec", "-A", "--all", "-o", "json", "--", "hostname", env=cluster)
    whole = json.loads(ran.stdout)
    assert (ran.returncode, whole["counts"]["succeeded"]) == (0, 30)
    assert all(target["stdout"] == f"{target['pod']}\n" for target in whole["targets"])


def test_stdin_script_and_env_reach_the_pods(cluster: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text('echo "$WORD $1"\n')
    argv = ("exec", "-n", "shop", "deploy/web", "-q", "--env", "WORD=hello", "--script", str(script), "--", "you")
    assert b"hello you" in run(*PODIUM, *argv, env=cluster).stdout
    counted = run(
        *PODIUM, "exec", "-n", "shop", "deploy/web", "-q", "-i", "--", "wc", "-c", env=cluster, input=b"12345"
    )
    assert b"\n5\n" in counted.stdout


def test_a_reader_that_goes_away_counts_as_ctrl_c(cluster: dict[str, str]) -> None:
    argv = (*PODIUM, "exec", "-A", "--all", "--stream", "--", "seq", "20000")
    with subprocess.Popen(argv, env=cluster, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait(WAIT) == 130
    assert "Traceback" not in said
    assert "stopped by a closed stdout" in said


def test_a_reader_that_goes_away_is_noticed_while_nothing_is_written(cluster: dict[str, str]) -> None:
    where = ("-n", "shop", "deploy/web", "--sample", "2", "--run-timeout", "30s")
    argv = (*PODIUM, "exec", *where, "--sh", "sleep 600")
    with subprocess.Popen(argv, env=cluster, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(WAIT) == 130
    assert "stopped by a closed stdout" in said


@pytest.mark.on("sandbox", why="decided between our stdout and the flow of a session, whatever sends the bytes")
def test_pitfall_9_a_slow_reader_gets_all_of_it(cluster: dict[str, str]) -> None:
    """While we wait for our reader, pods are held back and the loop goes on."""
    argv = (*PODIUM, "exec", "-n", "shop", "deploy/web", "--stream", "-q", "--", "seq", "30000")
    with subprocess.Popen(argv, env=cluster, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        time.sleep(1.0)  # a pipe holds 64 KB: everything behind it waits
        lines = process.stdout.read().splitlines()
        assert process.wait(WAIT) == 0
    by_pod: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, _, text = line.partition(b" | ")
        by_pod.setdefault(name, []).append(text)
    expected = [b"%d" % n for n in range(1, 30001)]
    assert len(by_pod) > 1
    assert all(texts == expected for texts in by_pod.values())


@pytest.mark.parametrize("form", [("-o", "jsonl"), ("--stream",)])
def test_the_second_ctrl_c_leaves_a_reader_that_is_stuck(cluster: dict[str, str], form: tuple[str, ...]) -> None:
    argv = (*PODIUM, "exec", "-n", "shop", "deploy/web", *form, "--", "seq", "200000")
    with subprocess.Popen(argv, env=cluster, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()  # it is under way, and from now on nobody reads
        process.send_signal(signal.SIGINT)
        while b"again: leave at once" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT) == 130


def test_ctrl_c_ends_what_waits(cluster: dict[str, str]) -> None:
    argv = (*PODIUM, "exec", "-n", "shop", "deploy/web", "-o", "jsonl", "--", "sleep", "600")
    with subprocess.Popen(argv, env=cluster, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        while b"again: leave at once" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        lines = [json.loads(line) for line in process.stdout.read().splitlines()]
        assert process.wait(WAIT) == 130
    assert lines[-1]["event"] == "summary"
    assert lines[-1]["run"]["exit"] == 130
    assert lines[-1]["counts"]["succeeded"] == 0
    assert lines[-1]["counts"]["lost"] >= 1


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_terminal_gets_a_live_line_no_wider_than_it_is(cluster: dict[str, str], term: str) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    argv = (*PODIUM, "exec", "-n", "shop", "deploy/web", "--", "sh", "-c", "printf '\\033[31mred\\r'; sleep 1")
    environ = {**cluster, "TERM": term, "NO_COLOR": "1"}
    with subprocess.Popen(argv, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # EIO: the other side is closed
            while data := os.read(ours, 65536):
                seen += data
        assert process.wait(WAIT) == 0
    os.close(ours)
    header, _, rest = seen.decode().partition("\r\n")
    assert "· run " in header, "the terminal wraps it, nothing is cut away"
    shown = rest.replace("\x1b[K", "")
    assert "\x1b" not in shown, "neither colours nor what a pod wrote"
    assert "^[[31mred^M" in shown
    assert all(len(part) <= 60 for part in re.split("[\r\n]+", shown))
    assert (b" running" in seen) == (term == "xterm")


def test_the_sandbox_passes_the_status_of_its_command() -> None:
    script = 'test -r "$KUBECONFIG" && test "$(stat -c %a "$KUBECONFIG")" = 600 && exit 7'
    ran = run(*PODIUM, "sandbox", "--pods", "2", "--", "sh", "-c", script)
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, b"", b"")
    assert run(*PODIUM, "sandbox", "--pods", "2", "--", "sh", "-c", "kill -9 $$").returncode == 137
    assert run(*PODIUM, "sandbox", "--pods", "2", "--", "/nonexistent/x").returncode == 2


def test_the_sandbox_needs_no_place_for_temporary_files_but_for_its_kubeconfig(tmp_path: Path) -> None:
    lines = (
        "import sys, tempfile, podium.apps.cli.main as program",
        "def nowhere(): raise FileNotFoundError(2, 'No usable temporary directory found')",
        "tempfile._get_default_tempdir = nowhere",
        "sys.exit(program.main(sys.argv[1:]))",
    )
    podium = (sys.executable, "-c", "\n".join(lines), "sandbox", "--pods", "2")
    ran = run(*podium, "--", "true")
    assert ran.returncode == 2
    (line,) = ran.stderr.decode().splitlines()
    assert "No usable temporary directory" in line
    assert line.endswith("use --write-kubeconfig FILE")
    ran = run(*podium, "--write-kubeconfig", str(tmp_path / "file"), "--", "sh", "-c", "exit 7")
    assert (ran.returncode, ran.stderr) == (7, b"")


def test_the_sandbox_touches_no_kubeconfig_of_others(tmp_path: Path) -> None:
    mine = tmp_path / "config"
    mine.write_text("apiVersion: v1\n")
    ran = run(*PODIUM, "sandbox", "--write-kubeconfig", str(mine), "--", "true")
    assert ran.returncode == 2
    assert b"name another file" in ran.stderr
    assert mine.read_text() == "apiVersion: v1\n"
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    environ = {**os.environ, "HOME": str(home)}
    ran = run(*PODIUM, "sandbox", "--write-kubeconfig", str(home / ".kube" / "config"), "--", "true", env=environ)
    assert ran.returncode == 2
    assert not list((home / ".kube").iterdir())


def test_the_sandboxs_own_file_is_private_and_goes_with_it(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.yaml"
    for ending, status in ((signal.SIGINT, 0), (signal.SIGTERM, 143)):
        with serving(file, "--pods", "2") as process:
            assert file.stat().st_mode & 0o777 == 0o600
            process.send_signal(ending)
            assert process.wait(WAIT) == status
        assert not file.exists()
