"""Run parsed scripts: pipelines, jobs, redirections, control flow."""

import contextlib
import errno
from collections.abc import Awaitable, Callable, Sequence

from podium.sandbox.runtime.files import FileError
from podium.sandbox.runtime.process import NotStartedError, Process, ProcessExit, Program, run_guarded
from podium.sandbox.runtime.shell.expand import Expander, ExpansionError
from podium.sandbox.runtime.shell.parser import IncompleteError, Parser, ShellSyntaxError
from podium.sandbox.runtime.shell.patterns import matches
from podium.sandbox.runtime.shell.redirects import CreateError, applied, drop
from podium.sandbox.runtime.shell.state import BreakLoop, Dialect, ReturnFunction, ShellState, Variable
from podium.sandbox.runtime.shell.syntax import (
    AndOr,
    Case,
    Command,
    Compound,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Statement,
    Subshell,
)
from podium.sandbox.runtime.streams import BrokenPipe, NullStream, Stream, pipe

Builtin = Callable[["Shell", list[str]], Awaitable[int]]
DEPTH_LIMIT = 200


class Shell:
    """One shell. `builtins` are commands that run inside it."""

    def __init__(self, state: ShellState, builtins: dict[str, Builtin], depth: int = 0) -> None:
        """Begin with a state."""
        self.state, self.builtins, self.depth = state, builtins, depth
        self.expander = Expander(state, self._capture)
        self.guarded = 0
        self.is_tail = False

    @property
    def process(self) -> Process:
        """The process the shell runs as."""
        return self.state.process

    async def say(self, message: str) -> None:
        """Write a message to standard error."""
        await self.process.err(self.state.words(message))

    # texts

    async def run_text(self, text: str) -> int:
        """Run a text command by command, as it is parsed; a later error does not undo what ran."""
        parser = Parser(text)
        while True:
            try:
                script = parser.next_statement_list()
            except ShellSyntaxError as error:
                await self.syntax_error(error)
            if script is None:
                return self.state.last
            await self.script(script)

    async def syntax_error(self, error: ShellSyntaxError) -> None:
        """Say what is wrong and leave with 2."""
        words = str(error)
        match self.state.dialect:
            case Dialect.BASH:
                await self.say(f"syntax error near unexpected token {words}")
            case Dialect.DASH:
                await self.say(f"Syntax error: {words}")
            case Dialect.ASH:
                await self.say(f"syntax error: {words}")
        raise ProcessExit(2)

    # structure

    async def script(self, script: Script) -> int:
        """Run statements in order."""
        for statement in script.statements:
            await self._statement(statement)
        return self.state.last

    async def _statement(self, statement: Statement) -> None:
        if statement.background:
            streams = self._held()
            if 0 in streams:
                streams.pop(0).drop()
            streams[0] = NullStream()
            child = self._fork(_job(statement.body), streams)
            self.state.last_job = child.pid
            self.state.jobs[child.pid] = child
            self.state.last = 0
            return
        await self.and_or(statement.body)

    async def and_or(self, body: AndOr) -> int:
        """Run pipelines joined by && and ||."""
        for at, (operator, pipeline) in enumerate((("", body.first), *body.rest)):
            if (operator == "&&" and self.state.last != 0) or (operator == "||" and self.state.last == 0):
                continue
            tested = at < len(body.rest) or pipeline.negated
            self.guarded += tested
            try:
                await self._pipeline(pipeline)
            finally:
                self.guarded -= tested
            if self.state.last != 0 and not tested and self.state.options.errexit and self.guarded == 0:
                raise ProcessExit(self.state.last)
        return self.state.last

    async def _pipeline(self, pipeline: Pipeline) -> None:
        if len(pipeline.commands) == 1:
            await self.command(pipeline.commands[0])
        else:
            self.state.last = await self._piped(pipeline.commands)
        if pipeline.negated:
            self.state.last = int(self.state.last == 0)

    async def _piped(self, commands: Sequence[Command]) -> int:
        children: list[Process] = []
        before: Stream | None = None
        for at, command in enumerate(commands):
            streams = self._held()
            if before is not None:
                _replace(streams, 0, before)
            if at < len(commands) - 1:
                before, writer = pipe()
                _replace(streams, 1, writer)
            children.append(self._fork(_runner(command), streams))
        codes = [await child.wait() for child in children]
        if self.state.options.pipefail:
            return next((code for code in reversed(codes) if code != 0), 0)
        return codes[-1]

    async def command(self, command: Command) -> int:
        """Run one command and keep its code in $?."""
        match command:
            case Function(name, body):
                self.state.functions[name] = body
                self.state.last = 0
            case Compound(body, redirects):
                await self._redirected(redirects, lambda: self._bare(body))
            case Simple():
                self.state.line = command.line
                await self._simple(command)
        return self.state.last

    async def _bare(self, body: object) -> int:
        match body:
            case Group(script):
                await self.script(script)
            case Subshell(script):
                child = self._fork(lambda shell: shell.script(script), self._held())
                self.state.last = await child.wait()
            case If(branches, otherwise):
                await self._if(branches, otherwise)
            case Loop():
                await self._loop(body)
            case For():
                await self._for(body)
            case Case():
                await self._case(body)
        return self.state.last

    async def _condition(self, script: Script) -> bool:
        self.guarded += 1
        try:
            return await self.script(script) == 0
        finally:
            self.guarded -= 1

    async def _if(self, branches: Sequence[tuple[Script, Script]], otherwise: Script | None) -> None:
        for condition, body in branches:
            if await self._condition(condition):
                self.state.last = 0
                await self.script(body)
                return
        self.state.last = 0
        if otherwise is not None:
            await self.script(otherwise)

    async def _loop(self, loop: Loop) -> None:
        last = 0
        while await self._condition(loop.condition) is not loop.until:
            if not await self._turn(loop.body):
                last = self.state.last
                break
            last = self.state.last
        self.state.last = last

    async def _for(self, loop: For) -> None:
        values = list(self.state.arguments) if loop.words is None else await self.expander.fields(loop.words)
        self.state.last = 0
        for value in values:
            self.state.assign(loop.name, value)
            if not await self._turn(loop.body):
                break

    async def _turn(self, body: Script) -> bool:
        """Run a loop's body once; False when the loop ends."""
        try:
            await self.script(body)
        except BreakLoop as leave:
            self.state.last = 0
            if leave.depth > 1:
                raise BreakLoop(leave.depth - 1, goes_on=leave.goes_on) from None
            return leave.goes_on
        return True

    async def _case(self, case: Case) -> None:
        value = await self.expander.text(case.word)
        self.state.last = 0
        for patterns, body in case.branches:
            for pattern in patterns:
                if matches(await self.expander.pattern(pattern), value):
                    await self.script(body)
                    return

    # simple commands

    async def _simple(self, command: Simple) -> None:
        state = self.state
        try:
            words = await self.expander.fields(command.words)
            values = [(name, await self.expander.text(word)) for name, word in command.assignments]
        except ExpansionError as error:
            await self.say(str(error))
            raise ProcessExit(2 if state.dialect is not Dialect.BASH else 1) from None
        if state.options.xtrace:
            await self.process.err(f"+ {' '.join([f'{name}={value}' for name, value in values] + words)}\n")
        if not words:
            await self._assign_only(command, values)
            return
        name = words[0]
        if name == "exec" and name not in state.functions:
            await self._exec(words[1:], command.redirects, values)
        elif name in state.functions or name in self.builtins:
            await self._redirected(command.redirects, lambda: self._inside(words, values))
        else:
            await self._external(words, command.redirects, values)

    async def _assign_only(self, command: Simple, values: list[tuple[str, str]]) -> None:
        code = self.state.last if any(len(word) > 0 for _, word in command.assignments) and _substitutes(command) else 0
        for name, value in values:
            await self._put(name, value)
        self.state.last = code
        if command.redirects:
            await self._redirected(command.redirects, self._nothing)

    async def _nothing(self) -> int:
        self.state.last = 0
        return 0

    async def _put(self, name: str, value: str) -> None:
        try:
            self.state.assign(name, value)
        except ExpansionError as error:
            await self.say(str(error))
            raise ProcessExit(2) from None

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

    async def _redirected(self, redirects: Sequence[Redirect], body: Callable[[], Awaitable[int]]) -> None:
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

    # children

    def _held(self) -> dict[int, Stream]:
        return {number: stream.hold() for number, stream in self.process.streams.items()}

    def _fork(self, run: Callable[["Shell"], Awaitable[int]], streams: dict[int, Stream]) -> Process:
        async def child(process: Process) -> int:
            shell = Shell(self.state.copy(process), self.builtins, self.depth + 1)
            if shell.depth > DEPTH_LIMIT:
                await shell.say("Cannot fork")
                return 2
            return await shell.finish(run)

        return self.process.container.spawn(child, self.process, list(self.process.argv), streams)

    async def finish(self, run: Callable[["Shell"], Awaitable[int]]) -> int:
        """Run something as a whole shell: loops and functions end with it, the EXIT trap runs."""
        try:
            code = await run(self)
        except (ReturnFunction, ProcessExit) as leave:
            code = leave.code
        except BreakLoop:
            code = 0
        if self.state.exit_trap is not None:
            trap, self.state.exit_trap = self.state.exit_trap, None
            self.state.last = code
            with contextlib.suppress(ProcessExit):
                await self.run_text(trap)
        return code

    async def _capture(self, script: Script) -> str:
        reader, writer = pipe()
        streams = self._held()
        _replace(streams, 1, writer)
        child = self._fork(lambda shell: shell.script(script), streams)
        parts: list[bytes] = []
        try:
            while part := await reader.read(1 << 16):
                parts.append(part)
        finally:
            reader.drop()
        self.state.last = await child.wait()
        return b"".join(parts).replace(b"\0", b"").decode("utf-8", "surrogateescape")


def _replace(streams: dict[int, Stream], number: int, stream: Stream) -> None:
    if number in streams:
        streams[number].drop()
    streams[number] = stream


def _runner(command: Command) -> Callable[[Shell], Awaitable[int]]:
    async def run(shell: Shell) -> int:
        shell.is_tail = isinstance(command, Simple)
        return await shell.command(command)

    return run


def _job(body: AndOr) -> Callable[[Shell], Awaitable[int]]:
    if not body.rest and not body.first.negated and len(body.first.commands) == 1:
        return _runner(body.first.commands[0])
    return lambda shell: shell.and_or(body)


def _restore(state: ShellState, name: str, variable: Variable | None) -> None:
    if variable is None:
        state.variables.pop(name, None)
    else:
        state.variables[name] = variable


def _substitutes(command: Simple) -> bool:
    return any(type(part).__name__ == "Substitution" for _, word in command.assignments for part in word)


def _dash_reason(error: FileError) -> str:
    if isinstance(error, CreateError) and error.errno == errno.ENOENT:
        return "Directory nonexistent"
    return "No such file" if error.errno == errno.ENOENT else str(error.strerror)


__all__ = ["BrokenPipe", "Builtin", "IncompleteError", "Shell"]
