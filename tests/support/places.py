"""Clusters under test: each a kubeconfig, a namespace of its own with the same pods, kubectl and podium."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SANDBOX, REAL = "sandbox", "real"
WIRES = {"sandbox": SANDBOX, "real-a": REAL, "real-b": REAL}  #: each place, and which kind of cluster it is


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        return self.stdout.decode("utf-8", "replace")

    @property
    def err(self) -> str:
        return self.stderr.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Place:
    """One cluster, seen as a user sees it."""

    name: str
    kubeconfig: Path
    context: str
    namespace: str
    home: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_real(self) -> bool:
        return WIRES[self.name] == REAL

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key in {"PATH", "LANG", "TMPDIR"}}
        return {**kept, "HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig), **self.extra}

    def kubectl(self, *argv: str, stdin: bytes | None = None, timeout: float = 60) -> Done:
        """Run the real kubectl in the place's own namespace."""
        program = (str(BIN / "kubectl"), "--context", self.context, "-n", self.namespace)
        return self.run((*program, *argv), stdin, timeout)

    def podium(self, *argv: str, stdin: bytes | None = None, timeout: float = 90) -> Done:
        """Run podium in the place's own namespace: argv[0] is the verb."""
        where = () if "-n" in argv or "-A" in argv else ("-n", self.namespace)
        chosen = () if "--context" in argv else ("--context", self.context)
        return self.run((str(BIN / "podium"), argv[0], *chosen, *where, *argv[1:]), stdin, timeout)

    def exec(self, *argv: str, stdin: bytes | None = None, timeout: float = 90) -> Any:
        """Run `podium exec ... -o json` and return the object, with the exit status as `exit_status`."""
        done = self.podium("exec", "-o", "json", *argv, stdin=stdin, timeout=timeout)
        assert done.stdout, done.err
        return {**done.json, "exit_status": done.code}

    def run(self, argv: Sequence[str], stdin: bytes | None = None, timeout: float = 60) -> Done:
        """Run a program to its end in the place's environment."""
        done = subprocess.run(
            argv, input=stdin if stdin is not None else b"", capture_output=True, env=self.environment, timeout=timeout,
            check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start podium and leave it running; the caller waits for it."""
        command = (str(BIN / "podium"), argv[0], "--context", self.context, "-n", self.namespace, *argv[1:])
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=self.environment)

    def get(self, *argv: str) -> Any:
        """`kubectl get ARGV -o json`."""
        done = self.kubectl("get", *argv, "-o", "json")
        assert done.code == 0, done.err
        return done.json


def eventually(condition: Callable[[], object], seconds: float = 60.0, pause: float = 0.2) -> None:
    """Wait until `condition` is truthy; fail with its last value when the time is over."""
    deadline = time.monotonic() + seconds
    value = condition()
    while not value:
        assert time.monotonic() < deadline, f"still {value!r} after {seconds:g} s"
        time.sleep(pause)
        value = condition()
