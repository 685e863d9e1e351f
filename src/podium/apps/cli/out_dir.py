"""--out-dir: each target's output, uncut, in CLUSTER/NAMESPACE/POD/CONTAINER.out and .err, and an index.json.

Names become file names that parse back and stay apart on disks that do not tell upper from lower case.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import ParamSpec

from podium.apps.cli.wire_json import Shape, encode, end_record
from podium.domain.errors import UsageError
from podium.domain.events import Channel, Event, Finished
from podium.domain.outcomes import Skipped
from podium.domain.targets import Target
from podium.features.exec.report import Report
from podium.ports import Flow

P = ParamSpec("P")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_LONGEST = 200  #: bytes of a file name, below every file system's 255 with the suffix
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))})
_SUFFIXES = {Channel.STDOUT: ".out", Channel.STDERR: ".err"}
_CUT = "%~"  #: no percent-encoding holds it


def file_name(name: str) -> str:
    """Write a name of the fleet as a file name: all but a-z 0-9 - _ . as %xx of its UTF-8.

    A name too long for a file system is cut and ends in its hash; index.json tells the whole of it.
    """
    if name == "":
        return "%"
    encoded = "".join(_encode(character) for character in name)
    if encoded[:1] == "." or encoded.partition(".")[0] in _DEVICES:
        encoded = f"%{ord(encoded[0]):02x}{encoded[1:]}"
    if encoded.endswith("."):
        encoded = f"{encoded[:-1]}%2e"
    if len(encoded) > _LONGEST:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{encoded[: _LONGEST - 40]}{_CUT}{digest[:32]}"
    return encoded


def name_of_file(text: str) -> str:
    """Read what `file_name` wrote; raises ValueError for a name that was cut, and for anything else."""
    if text == "%":
        return ""
    out = bytearray()
    position = 0
    while position < len(text):
        if text[position] == "%":
            out += bytes.fromhex(text[position + 1 : position + 3])
            position += 3
        elif text[position] in _PLAIN:
            out += text[position].encode("ascii")
            position += 1
        else:
            raise ValueError(f"not a file name of ours: {text!r}")
    name = out.decode("utf-8", "surrogatepass")
    if file_name(name) != text:
        raise ValueError(f"not a file name of ours: {text!r}")
    return name


def path_of(target: Target, channel: Channel) -> str:
    """Where a target's stream goes, below the directory."""
    folders = (target.cluster, target.namespace, target.pod)
    return "/".join([*map(file_name, folders), file_name(target.container) + _SUFFIXES[channel]])


def prepare_folder(text: str) -> Path:
    """Make the directory, or take an empty one; raises UsageError."""
    folder = Path(text)
    try:
        _make_private(folder)
        if any(folder.iterdir()):
            raise UsageError(f"--out-dir: {text} is not empty; name a new directory")
    except OSError as error:
        raise UsageError(f"--out-dir: {text}: {error.strerror}") from None
    return folder


class OutDir:
    """A view that writes outputs to files as they come; whole, also where memory keeps a part.

    `error` says what went wrong with the disk first; from then on nothing more is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[tuple[Target, Channel], FileIO] = {}
        self.error: str | None = None

    def attach(self, target: Target, flow: Flow) -> None:  # noqa: ARG002 - disks keep up: nothing is held back
        """Begin the files of an attempt anew."""
        self._close(target)
        self._guard(self._open, target)

    def write(self, target: Target, channel: Channel, data: memoryview) -> None:
        """Append to the target's file."""
        if self.error is None:
            self._guard(self._append, target, channel, data)

    def take(self, event: Event) -> None:
        """Close the files of an attempt; one that never came to a stream has empty ones."""
        match event:
            case Finished(target=target, outcome=outcome) if not isinstance(outcome, Skipped):
                if (target, Channel.STDOUT) not in self._files:
                    self._guard(self._open, target)
                self._close(target)
            case _:
                pass

    async def close(self) -> None:
        """Close what is open."""
        for target in {target for target, _ in self._files}:
            self._close(target)

    def write_index(self, report: Report) -> None:
        """Write index.json: each target with its outcome and its files, below the directory."""
        entries = []
        for end in report.ends.values():
            has_files = not isinstance(end.outcome, Skipped)
            paths = {channel: path_of(end.target, channel) if has_files else None for channel in Channel}
            files: Shape = {"stdout_file": paths[Channel.STDOUT], "stderr_file": paths[Channel.STDERR]}
            entries.append({**end_record(end), **files})
        index = encode({"run": report.plan.run, "complete": report.complete, "targets": entries})
        try:
            file = _open_new(self._folder / "index.json")
            with file:
                file.write(index + b"\n")
        except OSError as error:
            self.error = self.error or f"index.json: {error.strerror}"

    def _guard(self, act: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            act(*args, **kwargs)
        except OSError as error:
            self.error = self.error or f"{self._folder}: {error.strerror}"

    def _open(self, target: Target) -> None:
        for channel in Channel:
            path = self._folder / path_of(target, channel)
            _make_private(path.parent)
            self._files[target, channel] = _open_new(path)

    def _append(self, target: Target, channel: Channel, data: memoryview) -> None:
        file = self._files[target, channel]
        rest = data
        while rest:
            rest = rest[file.write(rest) or 0 :]

    def _close(self, target: Target) -> None:
        for channel in Channel:
            file = self._files.pop((target, channel), None)
            if file is not None:
                file.close()


def _make_private(folder: Path) -> None:
    """Make a directory and all above it that are not there, each for its owner only; mkdir's mode is the last one's."""
    for part in (*reversed(folder.parents), folder):
        if not part.exists():
            part.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(exist_ok=True)  # what is there may be no directory


def _open_new(path: Path) -> FileIO:
    return FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w")


def _encode(character: str) -> str:
    if character in _PLAIN:
        return character
    return "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
