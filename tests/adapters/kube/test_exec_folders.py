"""Working directories whose names a shell's `cd` would take for something else, in real shells."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.kube.test_loader import SHELLS, feed, v4
from podium.adapters.kube.loader import BAD_CWD
from podium.domain.commands import Command

ANYWHERE = ("sh", "-c", "pwd -P")


@pytest.fixture(params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest) -> list[str]:
    return SHELLS[request.param]


@pytest.mark.parametrize("name", ["-", "-P", "--", "a b", "~", "$HOME", "it's"])
def test_a_folder_is_its_name_and_nothing_else(shell: list[str], tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    code, out, err, _ = feed(shell, v4(Command(ANYWHERE, cwd=name)), cwd=tmp_path)
    assert (code, out.decode(), err) == (0, f"{tmp_path / name}\n", b"")


def test_a_relative_folder_is_the_containers_own(shell: list[str], tmp_path: Path) -> None:
    """CDPATH in a container's environment would lead elsewhere, and add a line to the command's stdout."""
    (tmp_path / "here" / "bin").mkdir(parents=True)
    (tmp_path / "there" / "bin").mkdir(parents=True)
    env = (("CDPATH", str(tmp_path / "there")),)
    code, out, _, _ = feed(shell, v4(Command(ANYWHERE, env=env, cwd="bin")), cwd=tmp_path / "here")
    assert (code, out.decode()) == (0, f"{tmp_path / 'here' / 'bin'}\n")


def test_no_such_folder_says_so(shell: list[str], tmp_path: Path) -> None:
    code, out, _, marks = feed(shell, v4(Command(ANYWHERE, cwd="-")), cwd=tmp_path)
    assert (code, out, marks.found) == (126, b"", BAD_CWD)
