"""What credentials take from the world around them: variables, time, the terminal."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def to_stderr(line: str) -> None:
    """Write one warning to file descriptor 2, and stay silent where that is closed."""
    with contextlib.suppress(OSError):
        os.write(2, f"podium: {line}\n".encode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The world as credentials see it.

    `environ`: variables, also handed to plugins. `now`: seconds since the epoch. `terminal`: stdin is a terminal and
    free for a plugin to ask on. `stdin_taken`: why it is not free, "" where it is. `stderr`: the file descriptor on
    which plugins talk to the user. `warn`: takes one line that does not end the run.
    """

    environ: Mapping[str, str]
    now: Callable[[], float] = time.time
    terminal: bool = False
    stdin_taken: str = ""
    stderr: int = 2
    warn: Callable[[str], None] = to_stderr
    service_account: Path = SERVICE_ACCOUNT
