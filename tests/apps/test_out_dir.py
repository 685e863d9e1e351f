"""--out-dir: uncut bytes, names that read back, an index."""

from __future__ import annotations

import errno
import json
import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.stages import Act, Stage, Terminal, pod
from podium.apps.cli.out_dir import OutDir, file_name, name_of_file, path_of
from podium.domain.events import Channel
from podium.domain.outcomes import Failed, Proof, Succeeded
from podium.domain.targets import Target
from support.fleets import NoFlow

NAMES = st.text(st.characters(codec="utf-8"), max_size=16)


@given(NAMES)
@example("arn:aws:eks:eu-west-1:1234:cluster/Prod@x")
@example("..")
@example(".")
@example("")
@example("CON")
@example("nul.txt")
@example("a.")
@example("%41")
def test_names_read_back(name: str) -> None:
    assert name_of_file(file_name(name)) == name


@given(NAMES, NAMES)
@example("prod", "Prod")
@example("a/b", "a%2fb")
def test_names_stay_apart_where_case_is_not_told(one: str, other: str) -> None:
    assert (file_name(one).casefold() == file_name(other).casefold()) == (one == other)


@given(st.text(max_size=300))
def test_a_name_is_one_harmless_part_of_a_path(name: str) -> None:
    written = file_name(name)
    assert set(written) <= set(string.ascii_lowercase + string.digits + "-_.%~")
    assert 0 < len(written) <= 220
    assert not written.startswith(".")
    assert not written.endswith(".")
    assert written.partition(".")[0] not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


@pytest.mark.parametrize("text", ["A", "%4", "%zz", "%61", "a/b", "..", "%~", " "])
def test_what_is_no_file_name_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        name_of_file(text)


def test_long_names_are_cut_and_stay_apart() -> None:
    one, other = file_name("x" * 300 + "a"), file_name("x" * 300 + "b")
    assert one != other
    assert len(one) < 255 - len(".out")


def test_the_layout() -> None:
    target = Target("Prod/eu", "shop", "web-1", "app")
    assert path_of(target, Channel.STDERR) == "%50rod%2feu/shop/web-1/app.err"


def test_files_hold_every_byte_whatever_is_shown(podium: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    raw = bytes(range(256)) * 40

    def act(target: Target) -> Act:
        if target.pod == "web-2":
            return Act(Failed(2), stdout=b"", stderr=b"no\n")
        return Act(Succeeded(Proof.RUNTIME), stdout=[raw[:7], raw[7:]])

    stage = Stage([pod("web-1"), pod("web-2")], act)
    ran = podium(stage, "exec", "--all", "--out-dir", str(folder), "--max-output", "1Ki", "-o", "json", "--", "x")
    assert ran.json["targets"][0]["truncated"] is True
    own = folder / "prod%2feu" / "shop"
    assert (own / "web-1" / "app.out").read_bytes() == raw
    assert (own / "web-1" / "app.err").read_bytes() == b""
    assert (own / "web-2" / "app.err").read_bytes() == b"no\n"
    assert (own / "web-1" / "app.out").stat().st_mode & 0o777 == 0o600
    for part in (folder.parent, folder, own.parent, own, own / "web-1"):
        assert part.stat().st_mode & 0o777 == 0o700, part
    index = json.loads((folder / "index.json").read_text())
    assert [(one["pod"], one["outcome"]) for one in index["targets"]] == [("web-1", "succeeded"), ("web-2", "failed")]
    for one in index["targets"]:
        assert (folder / one["stdout_file"]).is_file()
        assert (folder / one["stderr_file"]).is_file()


def test_a_disk_that_fails_is_told_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file where a folder must be made")
    target = Target("c", "shop", "web-1", "app")
    view = OutDir(tmp_path)
    view.attach(target, NoFlow())
    view.write(target, Channel.STDOUT, memoryview(b"x"))
    assert view.error is not None


def test_a_run_whose_files_could_not_be_written_is_not_a_success(
    podium: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: OutDir, target: Target, channel: Channel, data: memoryview) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(OutDir, "_append", refuse)
    ran = podium(Stage([pod("web-1")]), "exec", "--all", "--out-dir", str(tmp_path / "out"), "--", "x")
    assert ran.status == 1
    assert "No space left" in ran.err


async def test_a_second_attempt_begins_its_files_anew(tmp_path: Path) -> None:
    target = Target("c", "shop", "web-1", "app")
    view = OutDir(tmp_path)
    for text in (b"first, long", b"second"):
        view.attach(target, NoFlow())
        view.write(target, Channel.STDOUT, memoryview(text))
    await view.close()
    assert (tmp_path / "c" / "shop" / "web-1" / "app.out").read_bytes() == b"second"
