"""Run built-in programs as processes of a container: pids, streams, signals, exit codes."""

import asyncio
import errno
import posixpath
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from podium.sandbox.runtime.files import Directory, File, FileError, FileSystem, failure
from podium.sandbox.runtime.opening import open_for_reading, open_for_writing
from podium.sandbox.runtime.streams import BrokenPipe, Stream

SIGNALS: Mapping[str, int] = {"HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "USR1": 10, "USR2": 12, "PIPE": 13, "TERM": 15}
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ORPHAN_EXIT = 137
CRASH_EXIT = 139


class NotStartedError(Exception):
    """A program could not be started: `errno` as execve gives it (ENOENT, EACCES)."""

    def __init__(self, code: int, name: str, *, by_path: bool) -> None:
        """Say which name failed, and whether it was a path or was looked up in PATH."""
        super().__init__(name)
        self.errno, self.name, self.by_path = code, name, by_path


class ProcessExit(Exception):
    """A program ends its process at once with this code."""

    def __init__(self, code: int) -> None:
        """Carry the exit code."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Identity:
    """What a container knows of itself."""

    pod: str
    namespace: str
    node: str
    address: str
    container: str
    image: str
    started: float
    facts: Mapping[str, str]


@dataclass(slots=True)
class Process:
    """One process: what a program gets to see and to write to."""

    container: "Container"
    pid: int
    parent: int
    group: int
    argv: list[str]
    env: dict[str, str]
    cwd: str
    streams: dict[int, Stream]
    began: float = field(default_factory=time.time)
    user: int = 0
    code: int | None = None
    signalled: int | None = None
    task: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def files(self) -> FileSystem:
        """The container's files."""
        return self.container.files

    @property
    def name(self) -> str:
        """The program's name, as it puts it before its messages."""
        return posixpath.basename(self.argv[0])

    def path(self, name: str) -> str:
        """Return a name as an absolute path."""
        return posixpath.normpath(posixpath.join(self.cwd, name)) if name != "" else ""

    async def out(self, data: str | bytes) -> None:
        """Write to standard output."""
        await self._write(1, data)

    async def err(self, data: str | bytes) -> None:
        """Write to standard error."""
        await self._write(2, data)

    async def complain(self, words: str) -> None:
        """Write one line to standard error, the program's name before it."""
        await self.err(f"{self.name}: {words}\n")

    async def _write(self, number: int, data: str | bytes) -> None:
        stream = self.streams.get(number)
        if stream is not None:
            await stream.write(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)

    async def read(self, size: int) -> bytes:
        """Read from standard input; b"" at its end or where it is closed."""
        stream = self.streams.get(0)
        return b"" if stream is None else await stream.read(size)

    async def read_all(self) -> bytes:
        """Read standard input to its end."""
        parts = []
        while part := await self.read(1 << 16):
            parts.append(part)
        return b"".join(parts)

    def open(self, name: str) -> Stream:
        """Open a file for reading. Raises FileError."""
        return open_for_reading(self.files, self.path(name), self.streams, self.container.identity.started)

    def create(self, name: str, *, append: bool = False) -> Stream:
        """Open a file for writing. Raises FileError."""
        return open_for_writing(self.files, self.path(name), self.streams, append=append)

    def signal(self, number: int) -> None:
        """Deliver a signal; every one but 0 and CHLD-like ones ends the process."""
        if number == 0 or self.code is not None:
            return
        self.signalled = number
        if self.task is not None:
            # not at once: a task that never took a step would end without its `finally`
            asyncio.get_running_loop().call_soon(self.task.cancel)

    async def wait(self) -> int:
        """Wait for the end and return the exit code (128 + n after signal n)."""
        await self.ended.wait()
        return ORPHAN_EXIT if self.code is None else self.code


Program = Callable[[Process], Awaitable[int]]


@dataclass(slots=True)
class Container:
    """One container somebody touched: its files and its processes."""

    identity: Identity
    files: FileSystem
    programs: Mapping[str, Program]
    env: Mapping[str, str]
    workdir: str = "/"
    main: tuple[str, ...] = ("app",)
    processes: dict[int, Process] = field(default_factory=dict)
    last_pid: int = 1

    def find_program(self, name: str, path: str, cwd: str = "/") -> tuple[str, Program]:
        """Look an executable up as execvp does and return its path and program. Raises NotStartedError."""
        if name == "":
            raise NotStartedError(errno.ENOENT, name, by_path=False)
        if "/" in name:
            return self._at(posixpath.normpath(posixpath.join(cwd, name)), name)
        denied = False
        for folder in path.split(":"):
            candidate = posixpath.join(folder or cwd, name)
            try:
                return self._at(candidate, name)
            except NotStartedError as error:
                denied = denied or error.errno == errno.EACCES
        raise NotStartedError(errno.EACCES if denied else errno.ENOENT, name, by_path=False)

    def _at(self, path: str, name: str) -> tuple[str, Program]:
        try:
            entry = self.files.find(path)
        except FileError as error:
            raise NotStartedError(error.errno or errno.ENOENT, name, by_path=True) from None
        if isinstance(entry, Directory) or not isinstance(entry, File) or not entry.mode & 0o111:
            raise NotStartedError(errno.EACCES, name, by_path=True)
        if entry.program is not None:
            return path, self.programs[entry.program]
        return path, self.programs["#!"]

    def spawn(
        self, program: Program, like: Process, argv: list[str], streams: dict[int, Stream], *, leads: bool = False
    ) -> Process:
        """Start a program as a child of `like`; takes over the streams' holds."""
        self.last_pid += 1
        pid = self.last_pid
        group = pid if leads else like.group
        child = Process(self, pid, like.pid, group, argv, dict(like.env), like.cwd, streams, user=like.user)
        self.processes[pid] = child
        child.task = asyncio.ensure_future(self._live(child, program))
        return child

    def start(self, argv: list[str], streams: dict[int, Stream]) -> Process:
        """Start a command as `exec` into the container does: session leader, parent 0. Raises NotStartedError."""
        env = {"PATH": DEFAULT_PATH, "HOSTNAME": self.identity.pod, **self.env, "HOME": "/root"}
        _, program = self.find_program(argv[0], env["PATH"], self.workdir)
        root = Process(self, 0, 0, 0, [], env, self.workdir, {})
        return self.spawn(program, root, argv, streams, leads=True)

    async def _live(self, process: Process, program: Program) -> None:
        try:
            process.code = await run_guarded(process, program)
        except asyncio.CancelledError:
            process.code = 128 + (process.signalled or SIGNALS["KILL"])
        except Exception as error:  # noqa: BLE001 - a program's fault must end its process, not hang its exec
            traceback.print_exception(error)
            process.code = CRASH_EXIT
        finally:
            for stream in process.streams.values():
                stream.drop()
            process.streams = {}
            self.processes.pop(process.pid, None)
            process.ended.set()

    def signal(self, target: int, number: int) -> None:
        """Signal a process (target > 0) or a group (target < 0). Raises FileError when there is none."""
        chosen = [p for p in self.processes.values() if (p.pid == target if target > 0 else p.group == -target)]
        if not chosen and target not in (1, -1):
            raise failure(errno.ENOENT, str(target))
        for process in chosen:
            process.signal(number)

    def kill_all(self) -> list[Process]:
        """End every process as the end of a container does, and return them."""
        doomed = list(self.processes.values())
        for process in doomed:
            process.signal(SIGNALS["KILL"])
        return doomed


async def run_guarded(process: Process, program: Program) -> int:
    """Run a program in a process and return its code; what it did not catch becomes a message and a code."""
    try:
        return await program(process)
    except ProcessExit as end:
        return end.code
    except BrokenPipe:
        return 128 + SIGNALS["PIPE"]
    except RecursionError:
        return 128 + SIGNALS["KILL"]
    except FileError as error:
        where = "" if error.filename in (None, "") else f"{error.filename}: "
        try:
            await process.complain(f"{where}{error.strerror}")
        except (BrokenPipe, FileError):
            return 1
        return 1
