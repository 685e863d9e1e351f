"""The loader against real shells: what a pod's shell would do with what we send."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.adapters.kube.loader import BAD_CWD, Loading, MarkFilter, load
from podium.domain.commands import Command, CommandKind

NONCE = "podium-0123456789abcdef"
SHELLS = {
    name: argv
    for name, argv in {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}.items()
    if shutil.which(argv[0])
}


@pytest.fixture(params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest) -> list[str]:
    return SHELLS[request.param]


def feed(
    shell: list[str], loading: Loading, stdin: bytes = b"", cwd: Path | None = None
) -> tuple[int, bytes, bytes, MarkFilter]:
    argv = [*shell, *loading.argv[1:]]
    done = subprocess.run(argv, check=False, input=loading.program + stdin, capture_output=True, timeout=30, cwd=cwd)
    marks = MarkFilter(loading.mark)
    stderr = marks.feed(done.stderr) + marks.flush()
    return done.returncode, done.stdout, stderr, marks


def v4(command: Command) -> Loading:
    return load(command, NONCE, stdin_size=None, half_close=True)


def v5(command: Command) -> Loading:
    assert command.stdin is not None
    return load(command, NONCE, stdin_size=len(command.stdin), half_close=True)


def test_there_is_a_shell_to_test_with() -> None:
    assert {"dash", "bash"} & SHELLS.keys()


def test_environment_stays_out_of_argv_and_arrives_whole(shell: list[str]) -> None:
    value = 'it\'s $HOME `x` \\ "q"\nsecond line'
    loading = v4(Command(("sh", "-c", 'printf %s "$A"'), env=(("A", value),)))
    assert value not in " ".join(loading.argv)
    assert value not in repr(loading)
    assert feed(shell, loading)[1] == value.encode()


def test_folder(shell: list[str], tmp_path: Path) -> None:
    code, out, _, marks = feed(shell, v4(Command(("pwd",), cwd=str(tmp_path))))
    assert (code, out.decode().strip(), marks.found) == (0, str(tmp_path), None)
    code, _, _, marks = feed(shell, v4(Command(("pwd",), cwd="/no/where")))
    assert (code, marks.found) == (126, BAD_CWD)


@pytest.mark.parametrize("code", [0, 1, 3, 126, 255])
def test_the_end_mark_says_the_exit_code(shell: list[str], code: int) -> None:
    loading = v5(Command(("sh", "-c", f"echo own >&2; exit {code}"), stdin=b""))
    got, _, stderr, marks = feed(shell, loading)
    assert (got, stderr, marks.found, marks.goes) == (code, b"own\n", str(code), True)


def test_the_commands_input_is_what_follows_the_program(shell: list[str]) -> None:
    text = b"first\nsecond " + bytes(range(1, 256)) + b" no newline"
    loading = v5(Command(("cat",), stdin=text))
    assert feed(shell, loading, text)[1] == text


def test_without_half_close_the_input_is_counted(shell: list[str]) -> None:
    loading = load(Command(("cat",), stdin=b"12345"), NONCE, stdin_size=5, half_close=False)
    _, out, _, marks = feed(shell, loading, b"12345 and more that v4 cannot end")
    assert (out, marks.found) == (b"12345", "0")


def script(text: bytes, *args: str, stdin: bytes | None = None) -> Command:
    return Command(args, CommandKind.SCRIPT, script=text, stdin=stdin)


def test_a_script_gets_its_arguments_and_keeps_its_exit_code(shell: list[str]) -> None:
    code, out, _, _ = feed(shell, v4(script(b'#!/bin/sh\necho "$#|$1|$2"\nexit 9\n', "a b", "it's")))
    assert (code, out) == (9, b"2|a b|it's\n")


def test_a_script_that_reads_stdin_gets_the_users_input(shell: list[str]) -> None:
    text = b'while read -r line; do echo "<$line>"; done\nexit 6'
    code, out, _, marks = feed(shell, v5(script(text, stdin=b"a\nb\n")), b"a\nb\n")
    assert (code, out, marks.found) == (6, b"<a>\n<b>\n", "6")


def test_a_script_without_input_reads_the_end_not_itself(shell: list[str]) -> None:
    code, out, _, _ = feed(shell, v4(script(b"cat\necho after\n")))
    assert (code, out) == (0, b"after\n")


def test_a_script_is_parsed_whole_before_any_of_it_runs(shell: list[str]) -> None:
    code, out, stderr, _ = feed(shell, v4(script(b"echo began\nif true; then\n")))
    assert code != 0
    assert out == b""
    assert stderr


@pytest.mark.parametrize("text", [b"", b"# only a comment", b"#!/bin/sh\n# comments\n\n"])
def test_a_script_of_nothing_succeeds(shell: list[str], text: bytes) -> None:
    assert feed(shell, v4(script(text)))[:2] == (0, b"")


def test_the_first_line_chooses_the_interpreter(shell: list[str]) -> None:
    text = b'#!/usr/bin/env bash\nx=(a b)\necho "${x[1]} $1"; exit 4\n'
    code, out, _, _ = feed(shell, v4(script(text, "it's")))
    assert (code, out) == (4, b"b it's\n")


def test_an_interpreter_that_is_no_shell_gets_a_file_and_leaves_none(shell: list[str], tmp_path: Path) -> None:
    text = b"#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:], sys.stdin.read())\nsys.exit(3)\n"
    command = Command(("x y",), CommandKind.SCRIPT, script=text, stdin=b"in", env=(("TMPDIR", str(tmp_path)),))
    code, out, _, marks = feed(shell, v5(command), b"in")
    assert (code, out, marks.found) == (3, b"['x y'] in\n", "3")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_interpreter_is_said(shell: list[str]) -> None:
    code, _, stderr, _ = feed(shell, v4(script(b"#!/opt/nope\nx\n")))
    assert code == 127
    assert b"/opt/nope" in stderr


def test_a_command_that_is_not_there_is_127(shell: list[str]) -> None:
    assert feed(shell, v4(Command(("nope-nope",), env=(("A", "b"),))))[0] == 127


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=20), st.integers(0, 255))
def test_the_mark_is_found_in_any_pieces(own: bytes, sizes: list[int], code: int) -> None:
    mark = f"\n{NONCE} ".encode()
    if mark in own:
        return
    whole = own + mark + f"{code}\n".encode() + b"after"
    marks, out = MarkFilter(mark), b""
    for size in [*sizes, len(whole)]:
        out += marks.feed(whole[:size])
        whole = whole[size:]
    assert out + marks.flush() == own + b"after"
    assert marks.found == str(code)


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_without_a_mark_every_byte_passes(pieces: list[bytes]) -> None:
    marks = MarkFilter(f"\n{NONCE} ".encode())
    out = b"".join(marks.feed(piece) for piece in pieces) + marks.flush()
    assert out == b"".join(pieces)
    assert marks.found is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
def test_any_value_survives_every_shell(shell: list[str], value: str) -> None:
    loading = v4(Command(("sh", "-c", 'printf %s "$A"; printf "|%s" "$1"', "x", value), env=(("A", value),)))
    assert feed(shell, loading)[1] == value.encode() + b"|" + value.encode()
