"""Scripts, environment and folder where there is a shell, and what is told where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.places import Place

#: argv of a program that copies stdin, in the image without a shell
CAT = {"sandbox": ("cat",), "real-a": ("/static", "cat"), "real-b": ("/static", "cat")}


def only(result: Any) -> Any:
    (target,) = result["targets"]
    return target


def test_env_and_folder_reach_the_command_and_nobody_else(place: Place) -> None:
    secret = 'it\'s "secret" $HOME `x` ü'
    place_with = type(place)(**{**_fields(place), "extra": {"FROM_HERE": secret}})
    argv = ("--env", "FROM_HERE", "--env", "B=2", "--cwd", "/etc", "--")
    target = only(place_with.exec("solo", *argv, "sh", "-c", 'printf "%s|" "$FROM_HERE" "$B" "$(pwd)"; cat /proc/1/x'))
    assert target["stdout"] == f"{secret}|2|/etc|"
    assert target["outcome"] == "failed"
    seen = only(place_with.exec("solo", *argv, "sh", "-c", "tr '\\000' ' ' </proc/self/cmdline; echo"))
    assert "secret" not in seen["stdout"]
    done = place_with.podium("exec", "solo", "--dry-run", *argv, "true")
    assert "secret" not in done.out + done.err


def test_a_folder_that_is_missing_rejects(place: Place) -> None:
    target = only(place.exec("solo", "--cwd", "/no/such", "--", "touch", "/tmp/never"))
    assert (target["outcome"], target["reason"], target["detail"]) == (
        "rejected",
        "no such working directory",
        "/no/such",
    )
    assert target["stderr"] == "" or "no/such" in target["stderr"]
    assert only(place.exec("solo", "--", "test", "-e", "/tmp/never"))["exit_code"] == 1


SCRIPT = """\
#!/bin/sh
# a comment with 'quotes'
count=0
while read -r line; do count=$((count + 1)); last=$line; done
printf '%s %s %s\\n' "$#" "$1" "$count:$last"
exit 7
"""


def test_a_script_has_arguments_and_reads_the_users_input_alone(place: Place, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    result = place.exec("-l", "app in (web,solo)", "--script", str(script), "--", "a b", "c")
    assert {(t["outcome"], t["proof"], t["exit_code"], t["stdout"], t["stderr"]) for t in result["targets"]} == {
        ("failed", "runtime", 7, "2 a b 0:\n", "")
    }
    assert len(result["targets"]) == 5
    piped = tmp_path / "piped"
    piped.write_text("seq 1 500 | while read -r line; do last=$line; echo $last; done | tail -n 1\nexit 8\n")
    bare = only(place.exec("solo", "--script", str(piped)))
    assert (bare["exit_code"], bare["stdout"]) == (8, "500\n")
    fed = only(place.exec("solo", "--script", str(script), "-i", "--", "a", stdin=b"first\nlast\n"))
    assert (fed["exit_code"], fed["stdout"], fed["proof"]) == (7, "1 a 2:last\n", "mark")
    assert place.podium("exec", "solo", "--script", "-", "-i", stdin=b"x").code == 2


def test_a_script_of_100_kb_and_a_line(place: Place, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f": {'x' * 48}\n" * 2_000 + "echo end\n")
    assert only(place.exec("solo", "--script", str(script)))["stdout"] == "end\n"
    line = only(place.exec("solo", "--sh", "echo a b | tr a-z A-Z; exit 4"))
    assert (line["stdout"], line["exit_code"]) == ("A B\n", 4)
    missing = only(place.exec("solo", "--sh", "no-such-program"))
    assert (missing["outcome"], missing["exit_code"], missing["reason"]) == ("failed", 127, "command not found")


@pytest.mark.on("sandbox", "real")
def test_pitfall_23_an_image_without_a_shell(place: Place, tmp_path: Path) -> None:
    plain = only(place.exec("less", "--", "/static", "print", "hi"))
    assert (plain["outcome"], plain["proof"], plain["stdout"]) == ("succeeded", "runtime", "hi\n")
    assert only(place.exec("less", "--", "/static", "exit", "3"))["exit_code"] == 3
    script = tmp_path / "script"
    script.write_text("echo hi\n")
    for flags in (("--sh", "echo hi"), ("--script", str(script)), ("--env", "A=1", "--", "/static", "print", "hi")):
        target = only(place.exec("less", *flags))
        assert (target["outcome"], target["reason"]) == ("rejected", "no shell")


def test_stdin_without_a_shell_is_a_translated_success_and_said_so(place: Place) -> None:
    data = "".join(f"{n}\n" for n in range(20_000)).encode()
    result = place.exec("less", "-i", "--", *CAT[place.name], stdin=data)
    target = only(result)
    assert (target["outcome"], target["proof"], target["stdout"].encode()) == ("succeeded", "translated", data)
    assert result["exit_status"] == 0
    done = place.podium("exec", "-l", "app in (less,solo)", "-i", "--", *CAT[place.name], stdin=b"hi\n")
    last = done.err.strip().splitlines()[-1]
    assert "translated" in last
    assert "1" in last


def _fields(place: Place) -> dict[str, Any]:
    return {name: getattr(place, name) for name in place.__dataclass_fields__}
