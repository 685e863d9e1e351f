"""The command's words with input go to a program as they are without: never to the shell that carries them."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.kube.test_loader import NONCE, SHELLS, feed
from podium.adapters.kube.loader import load
from podium.domain.commands import Command


@pytest.fixture(params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest) -> list[str]:
    return SHELLS[request.param]


@pytest.mark.parametrize("half_close", [True, False], ids=["v5", "v4"])
@pytest.mark.parametrize("argv", [("exit", "0"), ("return", "0"), ("eval", "exit 0"), ("exec",), (":",), ("no-such",)])
def test_what_is_no_program_is_not_found(shell: list[str], argv: tuple[str, ...], half_close: bool) -> None:
    loading = load(Command(argv, stdin=b"x"), NONCE, stdin_size=1, half_close=half_close)
    code, out, _, marks = feed(shell, loading, b"x")
    assert (code, out, marks.found) == (127, b"", "127")


@pytest.mark.parametrize("half_close", [True, False], ids=["v5", "v4"])
def test_a_program_gets_words_input_and_tells_its_end(shell: list[str], tmp_path: Path, half_close: bool) -> None:
    program = tmp_path / "a program"
    program.write_text('#!/bin/sh\nprintf "<%s>" "$@"; cat; exit 7\n')
    program.chmod(0o755)
    loading = load(Command((str(program), "a b", "-n"), stdin=b"in"), NONCE, stdin_size=2, half_close=half_close)
    code, out, err, marks = feed(shell, loading, b"in")
    assert (code, out, err, marks.found) == (7, b"<a b><-n>in", b"", "7")


@pytest.mark.parametrize("half_close", [True, False], ids=["v5", "v4"])
def test_a_killed_program_is_told_as_such(shell: list[str], half_close: bool) -> None:
    loading = load(Command(("sh", "-c", "kill -KILL $$"), stdin=b""), NONCE, stdin_size=0, half_close=half_close)
    code, _, _, marks = feed(shell, loading)
    assert (code, marks.found) == (137, "137")
