"""Start, record, recognise and end the rig's own processes.

A process is known by boot id, pid and start time (`/proc/PID/stat`, field 22), so a recycled pid is never ended.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .failure import RigError
from .topology import Layout, Node

MARK = "PODIUM_RIG_PROCESS"


@dataclass(frozen=True, slots=True)
class Record:
    """A process as it was when the rig started it."""

    name: str
    pid: int
    started: int
    boot: str


def boot_id() -> str:
    """Read the identity of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """Read when a process started, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):
        return None
    return int(fields[19])


def is_alive(record: Record) -> bool:
    """Tell whether this very process still runs."""
    return record.boot == boot_id() and start_time(record.pid) == record.started


def run(argv: Sequence[str], *, timeout: float = 60.0, stdin: bytes | None = None) -> str:
    """Run a program to its end and return its stdout; raise RigError with its stderr when it fails."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise RigError(f"{argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise RigError(f"`{' '.join(argv)}` did not end within {timeout:.0f} s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or done.stdout.decode(errors="replace").strip()
        raise RigError(f"`{' '.join(argv)}` ended with {done.returncode}: {said}")
    return done.stdout.decode(errors="replace")


def in_netns(node: Node, argv: Sequence[str]) -> list[str]:
    """Wrap argv so that it runs in the node's network namespace and in everybody's mount namespace.

    `ip netns exec` would make a mount namespace of its own: kubelet and containerd must share one.
    """
    return ["nsenter", f"--net=/run/netns/{node.netns}", *argv]


def start(layout: Layout, name: str, argv: Sequence[str]) -> Record:
    """Start a daemon in a session of its own, with a log file, and record it.

    Its environment names the rig's home: so it is known even if the record was never written.
    """
    layout.logs.mkdir(parents=True, exist_ok=True)
    layout.records.mkdir(parents=True, exist_ok=True)
    with (layout.logs / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**os.environ, MARK: str(layout.home)},
            start_new_session=True,
        )
    started = start_time(child.pid)
    if started is None:
        raise RigError(f"{name} ended at once: {last_lines(layout, name)}")
    record = Record(name, child.pid, started, boot_id())
    target = layout.records / f"{name}.json"
    fresh = target.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(record)))
    fresh.replace(target)
    return record


def last_lines(layout: Layout, name: str, count: int = 3) -> str:
    """Give the last lines of a process's log, for an error message."""
    try:
        lines = (layout.logs / f"{name}.log").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "(no log)"
    return " | ".join(lines[-count:])


def recorded(layout: Layout) -> list[Record]:
    """List every process on record, dead or alive, in order of name."""
    found = []
    for path in sorted(layout.records.glob("*.json")):
        try:
            found.append(Record(**json.loads(path.read_text())))
        except (json.JSONDecodeError, TypeError):
            path.unlink(missing_ok=True)
    return found


def find(layout: Layout, name: str) -> Record | None:
    """Find the record of one process by name."""
    return next((record for record in recorded(layout) if record.name == name), None)


def send(record: Record, number: signal.Signals) -> bool:
    """Send a signal to this very process; False when it is gone."""
    try:
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return False
    try:
        if not is_alive(record):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def wait_until(condition: Callable[[], bool], seconds: float, interval: float = 0.05) -> bool:
    """Wait until a condition holds; False when the time is over first."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(interval)
    return True


def stop(layout: Layout, records: Sequence[Record], grace: float) -> None:
    """End processes: TERM to all, KILL after `grace` seconds to those left; forget their records."""
    for record in records:
        send(record, signal.SIGTERM)
    if not wait_until(lambda: not any(is_alive(record) for record in records), grace):
        for record in records:
            send(record, signal.SIGKILL)
    if not wait_until(lambda: not any(is_alive(record) for record in records), 10.0):
        left = ", ".join(f"{r.name} ({r.pid})" for r in records if is_alive(r))
        raise RigError(f"still running 10 s after SIGKILL: {left}")
    for record in records:
        (layout.records / f"{record.name}.json").unlink(missing_ok=True)
