"""Run parsed scripts: pipelines, jobs, control flow."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

from podium.sandbox.runtime.process import Process, ProcessExit
from podium.sandbox.runtime.shell.parser import Parser, ShellSyntaxError
from podium.sandbox.runtime.shell.patterns import matches
from podium.sandbox.runtime.shell.simple import DEPTH_LIMIT, Builtin, CommandShell
from podium.sandbox.runtime.shell.state import BreakLoop, Dialect, ReturnFunction, ShellState
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
    Script,
    Simple,
    Statement,
    Subshell,
)
from podium.sandbox.runtime.streams import NullStream, Stream, pipe


class Shell(CommandShell):
    """One shell; subshells are shells of their own, one deeper."""

    def __init__(self, state: ShellState, builtins: Mapping[str, Builtin], depth: int = 0) -> None:
        """Begin with a state; `builtins` are commands that run inside it."""
        super().__init__(state, builtins)
        self.depth = depth
        self.guarded = 0

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
                await self.redirected(redirects, lambda: self._bare(body))
            case Simple():
                self.state.line = command.line
                await self.simple(command)
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

    async def capture(self, script: Script) -> str:
        """Run a script in a subshell and return its output."""
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
