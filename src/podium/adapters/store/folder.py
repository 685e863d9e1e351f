"""The folder of kept runs: made for its owner alone, locks in it, and whether SQLite may use its WAL there."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from podium.adapters.store import tables
from podium.domain.errors import JournalError, RunHeldError

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs", "gpfs", "fuse.sshfs",
     "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "virtiofs", "ocfs2", "gfs2"}
)  # fmt: skip
BUSY = 20.0  #: seconds to wait for another process that writes
PATIENCE = 0.5  #: seconds to wait for a lock that somebody may only be looking at


class Folder:
    """Where a user's runs are kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Make it, for its owner alone; raises JournalError, in one line, for a folder that cannot hold runs."""
        path = self.path
        try:
            for folder in (path, path / "locks", path / "outputs"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if folder.stat().st_uid == os.getuid():
                    folder.chmod(0o700)
            self._make_database()
        except OSError as error:
            raise _unfit(path, error.strerror or str(error)) from None

    @property
    def database(self) -> Path:
        """The file of the tables."""
        return self.path / "runs.db"

    def _make_database(self) -> None:
        """SQLite gives its other files the rights of this one.

        A file that is there is never opened here: closing it would drop the locks that SQLite holds on it in this
        process (fcntl(2)), and another process would take its WAL away.
        """
        with suppress(FileExistsError):
            os.close(os.open(self.database, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def connect(self) -> sqlite3.Connection:
        """Open the tables, made where they are not there yet; raises JournalError."""
        self.prepare()
        try:
            database = sqlite3.connect(self.database, timeout=BUSY, isolation_level=None)
            mode = "delete" if is_network(filesystem_of(self.path)) else "wal"
            database.execute(f"pragma journal_mode = {mode}")
            database.execute("pragma synchronous = full")
            tables.make(database)
        except sqlite3.Error as error:
            raise _unfit(self.path, str(error)) from None
        return database

    def output(self, digest: bytes) -> Path:
        """The file of a large output."""
        name = digest.hex()
        return self.path / "outputs" / name[:2] / name[2:]

    def cancel_file(self, run: str) -> Path:
        """It stands there when somebody asked the run to end."""
        return self.path / "locks" / f"{run}.cancel"

    def hold(self, run: str) -> int:
        """Hold a run for this process, until the descriptor is closed or the process ends; raises RunHeldError."""
        until = time.monotonic() + PATIENCE
        while True:
            held = _lock(self._lock_file(run))
            if held is not None:
                return held
            if time.monotonic() > until:
                raise RunHeldError(f"run {run} is running in another process (podium runs wait {run}, podium cancel)")
            time.sleep(0.02)

    def is_held(self, run: str) -> bool:
        """Whether a process holds the run."""
        path = self._lock_file(run)
        if not path.exists():
            return False
        held = _lock(path)
        if held is None:
            return True
        os.close(held)
        return False

    def held(self, runs: Iterable[str]) -> set[str]:
        """Those of the runs that a process holds."""
        with suppress(OSError):
            present = {name.removesuffix(".lock") for name in os.listdir(self.path / "locks")}  # noqa: PTH208
            return {run for run in runs if run in present and self.is_held(run)}
        return set()

    def forget(self, run: str) -> None:
        """Remove what stands beside the tables for a run."""
        self._lock_file(run).unlink(missing_ok=True)
        self.cancel_file(run).unlink(missing_ok=True)

    def _lock_file(self, run: str) -> Path:
        return self.path / "locks" / f"{run}.lock"


def is_network(filesystem: str) -> bool:
    """Whether SQLite's WAL, which needs shared memory between its users, may not be trusted there."""
    return filesystem in NETWORK


def filesystem_of(path: Path, mounts: str | None = None) -> str:
    """The type of the file system that holds `path`, "" where the machine does not say (proc(5), mountinfo)."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
        except OSError:
            return ""
    place = path.absolute()
    best, found = -1, ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        words = left.split()
        if len(words) < 5 or not right:
            continue
        point = Path(words[4].replace("\\040", " "))
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), right.split()[0]
    return found


def _lock(path: Path) -> int | None:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unfit(path.parent.parent, error.strerror or str(error)) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except OSError as error:
        os.close(file)
        raise _unfit(path.parent.parent, error.strerror or str(error)) from None
    return file


def _unfit(path: Path, why: str) -> JournalError:
    return JournalError(f"runs cannot be kept in {path}: {why}; name another folder with --state-dir, or --no-journal")
