"""Run simple commands: assignments, functions, builtins, programs, exec; with their redirections."""

import abc
import errno
from collections.abc import Awaitable, Callable, Mapping, Sequence

from podium.sandbox.runtime.files import FileError
from podium.sandbox.runtime.process import NotStartedError, Process, ProcessExit, Program, run_guarded
from podium.sandbox.runtime.shell.expand import Expander, ExpansionError
from podium.sandbox.runtime.shell.redirects import CreateError, applied, drop
from podium.sandbox.runtime.shell.state import Dialect, ReturnFunction, ShellState, Variable
from podium.sandbox.runtime.shell.syntax import Command, Redirect, Script, Simple, Substitution

DEPTH_LIMIT = 200
FATAL_WORDS: Mapping[int | None, str] = {1: "Hangup\n", 3: "Quit\n", 9: "Killed\n", 15: "Terminated\n"}
"""What a shell says of a child that a signal ended."""
Builtin = Callable[["CommandShell", list[str]], Awaitable[int]]


class CommandShell(abc.ABC):
    """A shell as far as simple commands need it."""

    def __init__(self, state: ShellState, builtins: Mapping[str, Builtin]) -> None:
        """Begin with a state and the commands that run inside."""
        self.state, self.builtins = state, builtins
        self.expander = Expander(state, self.capture)
        self.is_tail = False

    @abc.abstractmethod
    async def run_text(self, text: str) -> int:
        """Run a text command by command."""

    @abc.abstractmethod
    async def command(self, command: Command) -> int:
        """Run one command and keep its code in $?."""

    @abc.abstractmethod
    async def capture(self, script: Script) -> str:
        """Run a script in a subshell and return its output."""

    @property
    def process(self) -> Process:
        """The process the shell runs as."""
        return self.state.process

    async def say(self, message: str) -> None:
        """Write a message to standard error."""
        await self.process.err(self.state.words(message))

    async def simple(self, command: Simple) -> None:
        """Run a simple command."""
        state = self.state
        try:
            words = await self.expander.fields(command.words)
            values = await self._values(command, keeps=not words)
        except ExpansionError as error:
            await self.say(str(error))
            raise ProcessExit(2 if state.dialect is not Dialect.BASH else 1) from None
        if state.options.xtrace:
            await self.process.err(f"+ {' '.join([f'{name}={value}' for name, value in values] + words)}\n")
        if not words:
            await self._assign_only(command)
            return
        name = words[0]
        if name == "exec" and name not in state.functions:
            await self._exec(words[1:], command.redirects, values)
        elif name in state.functions or name in self.builtins:
            await self.redirected(command.redirects, lambda: self._inside(words, values))
        else:
            await self._external(words, command.redirects, values)

    async def _values(self, command: Simple, *, keeps: bool) -> list[tuple[str, str]]:
        """Expand assignments from left to right; where they stand alone each is done before the next."""
        found: list[tuple[str, str]] = []
        for name, word in command.assignments:
            found.append((name, await self.expander.text(word)))
            if keeps:
                self.state.assign(*found[-1])
        return found

    async def _assign_only(self, command: Simple) -> None:
        # the code of the last substitution is the command's
        self.state.last = self.state.last if _substitutes(command) else 0
        if command.redirects:
            await self.redirected(command.redirects, self._nothing)

    async def _nothing(self) -> int:
        self.state.last = 0
        return 0

    async def _inside(self, words: list[str], values: list[tuple[str, str]]) -> int:
        """Run a function or a builtin; assignments before it last as long as it does."""
        state = self.state
        before = {name: state.variables.get(name) for name, _ in values}
        for name, value in values:
            state.assign(name, value)
        try:
            function = state.functions.get(words[0])
            if function is not None:
                state.last = await self._call(function, words[1:])
            else:
                state.last = await self.builtins[words[0]](self, words)
        finally:
            for name, variable in before.items():
                _restore(state, name, variable)
        return state.last

    async def _call(self, body: Command, arguments: list[str]) -> int:
        if len(self.state.scopes) > DEPTH_LIMIT:
            await self.say("function nesting is too deep for the sandbox")
            raise ProcessExit(2)
        before, self.state.arguments = self.state.arguments, arguments
        self.state.scopes.append({})
        try:
            return await self.command(body)
        except ReturnFunction as leave:
            return leave.code
        finally:
            self.state.arguments = before
            self.state.leave_function()

    async def redirected(self, redirects: Sequence[Redirect], body: Callable[[], Awaitable[int]]) -> None:
        """Run something with redirections done and undone."""
        if not redirects:
            await body()
            return
        before = self.process.streams
        try:
            self.process.streams = await applied(redirects, self.process, self.expander)
        except (FileError, ExpansionError) as error:
            await self._redirect_failed(error)
            return
        try:
            await body()
        finally:
            drop(self.process.streams)
            self.process.streams = before

    async def _redirect_failed(self, error: FileError | ExpansionError) -> None:
        if isinstance(error, FileError):
            words = f"{error.filename}: {error.strerror}"
            if self.state.dialect is not Dialect.BASH:
                verb = "create" if isinstance(error, CreateError) else "open"
                words = f"cannot {verb} {error.filename}: {_dash_reason(error)}"
        else:
            words = str(error)
        await self.say(words)
        self.state.last = 1 if self.state.dialect is not Dialect.DASH else 2

    async def find(self, words: list[str], path: str | None = None) -> Program | None:
        """Look a command up; says what is wrong and sets $? to 126 or 127 when it cannot be run."""
        try:
            search = path if path is not None else self.state.is_set("PATH") or ""
            return self.process.container.find_program(words[0], search, self.process.cwd)[1]
        except NotStartedError as error:
            missing = error.errno == errno.ENOENT
            self.state.last = 127 if missing else 126
            await self.say(self._not_found(words[0], missing=missing, by_path=error.by_path))
            return None

    def _not_found(self, name: str, *, missing: bool, by_path: bool) -> str:
        if not missing:
            return f"{name}: Permission denied"
        if self.state.dialect is Dialect.BASH:
            return f"{name}: No such file or directory" if by_path else f"{name}: command not found"
        return f"{name}: not found"

    async def _external(self, words: list[str], redirects: Sequence[Redirect], values: list[tuple[str, str]]) -> None:
        try:
            streams = await applied(redirects, self.process, self.expander)
        except (FileError, ExpansionError) as error:
            await self._redirect_failed(error)
            return
        before, self.process.streams = self.process.streams, streams
        program = None
        try:
            program = await self.find(words, dict(values).get("PATH"))
        finally:
            self.process.streams = before
            if program is None:
                drop(streams)
        if program is not None and self.is_tail:
            # nothing comes after it in this process: it becomes the program, so that signals reach it
            drop(self.process.streams)
            self.process.streams = streams
            await self.become(words, dict(values))
        elif program is not None:
            child = self.process.container.spawn(program, self.process, words, streams)
            child.env = self.state.environment() | dict(values)
            self.state.last = await child.wait()
            if child.signalled in FATAL_WORDS:
                await self.process.err(FATAL_WORDS[child.signalled])

    async def _exec(self, words: list[str], redirects: Sequence[Redirect], values: list[tuple[str, str]]) -> None:
        try:
            streams = await applied(redirects, self.process, self.expander)
        except (FileError, ExpansionError) as error:
            await self._redirect_failed(error)
            raise ProcessExit(self.state.last) from None
        drop(self.process.streams)
        self.process.streams = streams
        self.state.last = 0
        if not words:
            return
        await self.become(words, dict(values))

    async def become(self, words: list[str], more: dict[str, str]) -> None:
        """Turn this process into a program (exec); never returns."""
        program = await self.find(words, more.get("PATH"))
        if program is None:
            raise ProcessExit(self.state.last)
        self.process.argv = words
        self.process.env = self.state.environment() | more
        raise ProcessExit(await run_guarded(self.process, program))


def _restore(state: ShellState, name: str, variable: Variable | None) -> None:
    if variable is None:
        state.variables.pop(name, None)
    else:
        state.variables[name] = variable


def _substitutes(command: Simple) -> bool:
    return any(isinstance(part, Substitution) for _, word in command.assignments for part in word)


def _dash_reason(error: FileError) -> str:
    if isinstance(error, CreateError) and error.errno == errno.ENOENT:
        return "Directory nonexistent"
    return "No such file" if error.errno == errno.ENOENT else str(error.strerror)
