"""What a command writes reaches the user whole, in bounded memory, and harmless."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.places import BIN, Place

HUNDRED = 100 * 1000 * 1000
ZEROS = f"head -c {HUNDRED} /dev/zero"
PEAK_AT_MOST = 120_000  #: kB of resident memory of the client, 60,000 of which it has before its first byte


def only(result: Any) -> Any:
    (target,) = result["targets"]
    return target


def peak_of(process: subprocess.Popen[bytes], seconds: float = 100.0) -> int:
    """Read VmHWM (kB) of a process until it ends; the last value that was seen."""
    peak = 0
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        except (FileNotFoundError, ProcessLookupError):
            break
        peak = int(found.group(1)) if found else peak
        time.sleep(0.05)
    return peak


def on_terminal(place: Place, *argv: str) -> bytes:
    """Run `podium exec` on a pseudo-terminal and return what it showed there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    command = (str(BIN / "podium"), "exec", "--context", place.context, "-n", place.namespace, *argv)
    environment = {**place.environment, "TERM": "xterm-256color"}
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    shown = bytearray()
    try:
        while select.select([master], [], [], 60)[0]:
            try:
                part = os.read(master, 65536)
            except OSError:  # EIO: the last process of the terminal has gone
                break
            if not part:
                break
            shown += part
        process.wait(timeout=60)
    finally:
        process.kill()
        os.close(master)
    return bytes(shown)


def test_pitfall_8_100_mb_reach_the_disk_whole(place: Place, tmp_path: Path) -> None:
    script = (
        "i=0; while [ $i -lt 10 ]; do seq 1 1000000 | head -c 5000000; i=$((i+1)); done; head -c 50000000 /dev/zero"
    )
    done = place.podium("exec", "solo", "--out-dir", str(tmp_path / "out"), "--", "sh", "-c", script)
    assert done.code == 0, done.err
    ours = hashlib.sha256()
    numbers = "".join(f"{n}\n" for n in range(1, 1_000_001)).encode()[:5_000_000]
    for _ in range(10):
        ours.update(numbers)
    ours.update(bytes(50_000_000))
    path = tmp_path / "out" / place.context / place.namespace / "solo" / "main.out"
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == ours.digest()
    assert path.stat().st_size == HUNDRED


@pytest.mark.on("sandbox", "real")
def test_pitfall_11_a_flood_stays_in_bounded_memory(place: Place) -> None:
    process = place.start("exec", "-o", "json", "solo", "--", "sh", "-c", f"{ZEROS}; {ZEROS}; echo end >&2")
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(process.communicate, timeout=90)
        peak = peak_of(process)
        out, _ = reading.result()
    assert process.returncode == 0
    assert 0 < peak < PEAK_AT_MOST
    target = only(json.loads(out))
    assert (target["outcome"], target["truncated"], target["stderr"]) == ("succeeded", True, "end\n")


@pytest.mark.on("sandbox", "real")
def test_pitfall_10_characters_over_many_frames_stay_whole(place: Place) -> None:
    # 3-byte characters, written one byte at a time: each frame cuts one
    script = "for i in 1 2 3 4 5 6; do printf '\\342'; printf '\\202'; printf '\\254'; done; echo"
    target = only(place.exec("solo", "--", "sh", "-c", script))
    assert target["stdout"] == "€" * 6 + "\n"
    done = place.podium("exec", "solo", "-o", "jsonl", "--", "sh", "-c", script)
    events = [json.loads(line) for line in done.out.splitlines()]
    assert "".join(event["data"] for event in events if event["event"] == "output") == "€" * 6 + "\n"


@pytest.mark.on("sandbox", "real")
def test_pitfall_13_escape_sequences_never_reach_the_screen(place: Place) -> None:
    script = "printf '\\033]52;c;aGk=\\007\\033[2Jred\\rblue\\b\\n'; printf '\\033[31mx\\n' >&2; exit 3"
    argv = ("-l", "app in (web,solo)", "--", "sh", "-c", script)
    piped = place.podium("exec", *argv)
    assert piped.code == 1
    for shown in (piped.stdout + piped.stderr, on_terminal(place, *argv), on_terminal(place, "--stream", *argv)):
        assert b"red" in shown
        # our own colours are CSI ... m; the pod's bytes are none of these
        bare = re.sub(rb"\x1b\[(?:0|[0-9;]*)m|\x1b\[\??[0-9;]*[A-Zhlq]", b"", shown.replace(b"\r\n", b"\n"))
        assert b"\x1b]" not in shown
        assert b"\x1b[31mx" not in shown
        assert b"\x1b[2Jred" not in shown
        assert b"\x07" not in shown
        assert b"\b" not in bare
        assert b"red\rblue" not in bare


@pytest.mark.on("sandbox", "real")
def test_pitfall_14_lines_of_many_pods_never_mix(place: Place) -> None:
    script = (
        "i=0; while [ $i -lt 200 ]; do printf 'out-%s-' $i; printf 'whole\\n'; "
        "printf 'err-%s-' $i >&2; printf 'whole\\n' >&2; i=$((i+1)); done"
    )
    done = place.podium("exec", "-l", "app=web", "--stream", "--", "sh", "-c", script)
    assert done.code == 0, done.err
    lines = [line for line in (done.out + done.err).splitlines() if "out-" in line or "err-" in line]
    lines = [line for line in lines if "while [" not in line]
    endings = [re.fullmatch(r".*?\b((?:out|err)-\d+-whole)", line) for line in lines]
    assert all(endings), [line for line, end in zip(lines, endings, strict=True) if end is None][:3]
    assert len(lines) == 4 * 400
    per_word = {end.group(1): 0 for end in endings if end}
    for end in endings:
        per_word[end.group(1) if end else ""] += 1
    assert set(per_word.values()) == {4}


def test_outputs_are_kubectls(place: Place) -> None:
    script = "cat /etc/passwd; seq 1 300 >&2; printf 'no newline'"
    theirs = place.kubectl("exec", "solo", "--", "sh", "-c", script)
    for target in place.exec("-l", "app in (solo,web)", "--", "sh", "-c", script)["targets"]:
        if target["pod"] == "solo":
            assert (target["stdout"], target["stderr"]) == (theirs.out, theirs.err)
        assert target["stdout"].endswith("no newline")
