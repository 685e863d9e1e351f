"""podium sandbox: an embedded cluster, for a while or for one command."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from podium.apps.cli import render, session
from podium.apps.cli.ends import CTRL_C, Cause
from podium.apps.cli.verbs import Call
from podium.domain.errors import UsageError
from podium.sandbox import Sandbox, Settings, serve
from podium.sandbox.faults.grammar import FaultError
from podium.sandbox.world.scenario import ScenarioError

_MARK = "# Written by `podium sandbox`: gone when it stops.\n"


@dataclass(frozen=True, slots=True)
class _Wish:
    settings: Settings
    kubeconfig: Path | None
    command: tuple[str, ...] | None
    quiet: bool


def act(call: Call) -> int:
    """Act; gives the exit status."""
    flags = call.flags
    default = Settings()
    pods, nodes = flags.count("pods"), flags.count("node_count")
    if call.command == ():
        raise UsageError("nothing stands behind --: name the command to run with the sandbox")
    file = flags.text("write_kubeconfig")
    settings = Settings(
        pods=default.pods if pods is None else pods,
        node_count=default.node_count if nodes is None else nodes,
        scenario=flags.text("scenario") or default.scenario,
        faults=flags.texts("fault"),
    )
    kubeconfig = None if file is None else _own_file(Path(file))
    return session.run(partial(_run, _Wish(settings, kubeconfig, call.command, flags.is_set("quiet"))))


async def _run(wish: _Wish, interrupts: session.Interrupts) -> int:
    async with _served(wish.settings) as sandbox:
        with _kubeconfig(wish.kubeconfig, sandbox.kubeconfig_text()) as file:
            if wish.command is not None:
                return await _with_command(wish.command, file, interrupts)
            if not wish.quiet:
                nodes = wish.settings.node_count
                render.say(f"{wish.settings.pods} pods on {nodes} nodes at {sandbox.url}; Ctrl-C stops it")
            render.answer(f"export KUBECONFIG={shlex.quote(str(file))}")
            render.flush()
            return await _until_stopped(interrupts)


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[Sandbox]:
    try:
        async with serve(settings) as sandbox:
            yield sandbox
    except (ScenarioError, FaultError) as error:
        raise UsageError(str(error)) from None


async def _until_stopped(interrupts: session.Interrupts) -> int:
    stopped = asyncio.Event()
    interrupts.follow(lambda _: stopped.set(), lambda _: None)
    await stopped.wait()
    cause = interrupts.cause
    # Ctrl-C is how one ends it: that is its good end
    return 0 if cause is None or cause is CTRL_C else cause.status


async def _with_command(command: tuple[str, ...], kubeconfig: Path, interrupts: session.Interrupts) -> int:
    """Run the command with the sandbox; gives its exit status, as a shell would."""
    try:
        child = await asyncio.create_subprocess_exec(*command, env=_environ(kubeconfig))
    except OSError as error:
        raise UsageError(f"{command[0]}: {error.strerror}") from None
    interrupts.pass_on(partial(_forward, child))
    status = await child.wait()
    return 128 - status if status < 0 else status


def _forward(child: asyncio.subprocess.Process, cause: Cause) -> None:
    """A terminal's Ctrl-C reaches the command by itself; what was sent to us alone does not."""
    if cause is not CTRL_C:
        with suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM if cause.status == 143 else signal.SIGHUP)


def _environ(kubeconfig: Path) -> dict[str, str]:
    """Ours, with the sandbox's kubeconfig; this very `podium` is found last, also where it is not on the PATH."""
    ours = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "PATH": f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{ours}",
    }


def _own_file(path: Path) -> Path:
    """Refuse a file that is somebody else's; raises UsageError."""
    users = [Path("~/.kube/config").expanduser(), *map(Path, filter(None, os.environ.get("KUBECONFIG", "").split(":")))]
    text = _text_of(path)
    if any(_same(path, other) for other in users) and not text.startswith(_MARK):
        raise UsageError(f"--write-kubeconfig: {path} is your own kubeconfig; name another file")
    if text and not text.startswith(_MARK):
        raise UsageError(f"--write-kubeconfig: {path} is there and not a sandbox's; name another file")
    if not path.parent.is_dir():
        raise UsageError(f"--write-kubeconfig: there is no directory {path.parent}")
    return path


def _same(path: Path, other: Path) -> bool:
    with suppress(OSError, RuntimeError):
        return path.resolve() == other.resolve()
    return False


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"--write-kubeconfig: {path}: {error.strerror}") from None


@contextmanager
def _kubeconfig(path: Path | None, text: str) -> Iterator[Path]:
    """Write the kubeconfig for its owner's eyes only, and take it away at the end if it is still the same."""
    with ExitStack() as stack:
        file = _place(stack) / "kubeconfig" if path is None else path
        content = _MARK + text
        _write(file, content)
        try:
            yield file
        finally:
            with suppress(OSError):
                if file.read_text("utf-8") == content:
                    file.unlink()


def _place(stack: ExitStack) -> Path:
    """Make a directory that goes with the stack; raises UsageError."""
    try:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podium-sandbox-")))
    except OSError as error:
        words = error.strerror or str(error)
        raise UsageError(f"no place for the sandbox's kubeconfig: {words}; use --write-kubeconfig FILE") from None


def _write(file: Path, content: str) -> None:
    """Put it in place whole."""
    try:
        descriptor, draft = tempfile.mkstemp(prefix=".podium-", dir=file.parent)  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(content)
        Path(draft).replace(file)
    except OSError as error:
        raise UsageError(f"--write-kubeconfig: {file}: {error.strerror}") from None
