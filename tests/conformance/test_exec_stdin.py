"""Stdin: all of it arrives, it ends, and a command that does not read it still has an end that is true."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from support.places import Place

MIB = 1 << 20


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 100 MiB that holds every byte and no pattern."""
    path = tmp_path_factory.mktemp("stdin") / "hundred"
    noise = random.Random(7).randbytes(MIB)
    with path.open("wb") as file:
        for part in range(100):
            file.write(part.to_bytes(8, "big") + noise[8:])
    return path


def only(result: Any) -> Any:
    (target,) = result["targets"]
    return target


def ends(target: Any) -> tuple[str, str | None, int | None]:
    return target["outcome"], target["proof"], target["exit_code"]


def test_stdin_ends_and_is_whole_in_every_target(place: Place) -> None:
    data = bytes(range(256)) * 500
    for argv, expected in (
        (("sha256sum",), f"{hashlib.sha256(data).hexdigest()}  -\n"),
        (("wc", "-c"), "128000"),
    ):
        result = place.exec("-l", "app=web", "-i", "--", *argv, stdin=data)
        assert {(*ends(target), target["stdout"].strip()) for target in result["targets"]} == {
            ("succeeded", "mark", 0, expected.strip())
        }
        assert len(result["targets"]) == 4
    theirs = place.kubectl("exec", "-i", "solo", "--", "sha256sum", stdin=data)
    assert theirs.out == f"{hashlib.sha256(data).hexdigest()}  -\n"


def test_stdin_keeps_bytes_and_the_exit_code(place: Place) -> None:
    import base64

    data = bytes(range(256)) + b"\r\n\x00" + "…€".encode()
    echoed = only(place.exec("solo", "-i", "--", "cat", stdin=data))
    assert base64.b64decode(echoed["stdout_base64"]) == data
    assert echoed["stderr"] == ""
    coded = only(place.exec("solo", "-i", "--", "sh", "-c", "cat >/dev/null; exit 42", stdin=data))
    assert ends(coded) == ("failed", "mark", 42)
    assert coded["exit_code"] == place.kubectl("exec", "-i", "solo", "--", "sh", "-c", "exit 42", stdin=b"").code


def test_empty_stdin_ends_at_once(place: Place) -> None:
    assert ends(only(place.exec("solo", "-i", "--", "cat", stdin=b""))) == ("succeeded", "mark", 0)


def test_pitfall_7_100_mb_by_stdin_arrive_whole(place: Place, hundred: Path) -> None:
    with hundred.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    target = only(place.exec("solo", "--stdin-from", str(hundred), "--", "sha256sum"))
    assert (*ends(target), target["stdout"]) == ("succeeded", "mark", 0, f"{digest}  -\n")


@pytest.mark.parametrize("size", [10 * 1024, MIB, 100 * MIB], ids=["10k", "1m", "100m"])
def test_a_command_that_leaves_stdin_unread_ends_in_time_and_says_its_code(
    place: Place, hundred: Path, tmp_path: Path, size: int
) -> None:
    part = tmp_path / "part"
    with hundred.open("rb") as file:
        part.write_bytes(file.read(size))
    told = []
    for argv, out, code in (
        (("true",), "", 0),
        (("head", "-c", "3"), "\0\0\0", 0),
        (("sh", "-c", "sleep 1; exit 9"), "", 9),
    ):
        # that it comes back before the timeout of the target is the bound
        target = only(place.exec("solo", "--timeout", "40s", "--stdin-from", str(part), "--", *argv))
        if place.is_real and size > 64 * 1024 and target["reason"] == "connection broken":
            # the node's reset can reach us before the command's last words: lost, and never a guess
            assert (target["outcome"], target["proof"]) == ("lost", None)
            continue
        told.append(argv)
        assert (*ends(target), target["stdout"]) == ("succeeded" if code == 0 else "failed", "mark", code, out)
    assert told
