"""How commands end, told alike on the sandbox and on a real Kubernetes; kubectl is the oracle where it has a word."""

from __future__ import annotations

import hashlib

import pytest

from support.places import Place


def only(result: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    (target,) = result["targets"]
    return target


@pytest.mark.parametrize("code", [0, 1, 2, 3, 42, 126, 127, 128, 137, 254, 255])
def test_exit_codes_are_kubectls(place: Place, code: int) -> None:
    ours = only(place.exec("solo", "--", "sh", "-c", f"exit {code}"))
    assert ours["exit_code"] == place.kubectl("exec", "solo", "--", "sh", "-c", f"exit {code}").code == code
    assert ours["outcome"] == ("succeeded" if code == 0 else "failed")
    assert ours["proof"] == "runtime"


def test_stdout_and_stderr_stay_apart(place: Place) -> None:
    script = "echo one; echo two >&2; printf three; printf four >&2"
    ours = only(place.exec("solo", "--", "sh", "-c", script))
    theirs = place.kubectl("exec", "solo", "--", "sh", "-c", script)
    assert (ours["stdout"], ours["stderr"]) == (theirs.out, theirs.err) == ("one\nthree", "two\nfour")


def test_no_such_executable_is_rejected(place: Place) -> None:
    ours = only(place.exec("solo", "--", "nope", "hunter2"))
    assert (ours["outcome"], ours["reason"], ours["detail"]) == ("rejected", "no such executable", '"nope"')


@pytest.mark.on("sandbox", "real")
def test_pitfall_24_argv_above_4_kb_is_refused(place: Place) -> None:
    done = place.podium("exec", "solo", "--", "echo", "x" * 5000)
    assert done.code == 2
    assert "--script" in done.err
    assert "x" * 100 not in done.err


def test_bytes_stay_bytes(place: Place) -> None:
    octal = "".join(f"\\{n:03o}" for n in range(256))
    done = place.podium("exec", "solo", "--stream", "--color", "never", "--", "printf", octal)
    assert done.code == 0
    import base64

    ours = only(place.exec("solo", "--", "printf", octal))
    assert base64.b64decode(str(ours["stdout_base64"])) == bytes(range(256))


def test_ten_thousand_lines_in_a_burst(place: Place) -> None:
    ours = only(place.exec("solo", "--", "seq", "1", "10000"))
    text = "".join(f"{n}\n" for n in range(1, 10001))
    assert hashlib.sha256(str(ours["stdout"]).encode()).digest() == hashlib.sha256(text.encode()).digest()
