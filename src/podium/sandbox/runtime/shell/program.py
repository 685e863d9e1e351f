"""sh, bash and busybox ash as programs."""

from podium.sandbox.runtime.files import FileError
from podium.sandbox.runtime.process import Process, Program
from podium.sandbox.runtime.shell.builtins import BASH_BUILTINS, BUILTINS
from podium.sandbox.runtime.shell.interpreter import Shell
from podium.sandbox.runtime.shell.parser import IncompleteError, Parser, ShellSyntaxError
from podium.sandbox.runtime.shell.reading import read_line
from podium.sandbox.runtime.shell.state import Dialect, ShellState, Variable
from podium.sandbox.runtime.shell.variables import set_flag

Source = tuple[str, str | None]
"""How the script comes: "text" and it, "file" and its path, or "stdin"."""


def shell(dialect: Dialect) -> Program:
    """Return a shell as a program."""

    async def program(process: Process) -> int:
        state = ShellState(process, dialect, process.argv[0], shell_pid=process.pid)
        state.variables = {name: Variable(value, exported=True) for name, value in process.env.items()}
        state.variables["IFS"] = Variable(" \t\n")
        made = Shell(state, BASH_BUILTINS if dialect is Dialect.BASH else BUILTINS)
        rest = process.argv[1:]
        text: str | None = None
        while rest and rest[0][:1] in ("-", "+") and len(rest[0]) > 1:
            flag = rest.pop(0)
            if flag == "--":
                break
            if "c" in flag[1:] and not flag.startswith("--"):
                text = ""
            others = flag[0] + "".join(letter for letter in flag[1:] if letter not in "csil")
            if not flag.startswith("--") and len(others) > 1 and not set_flag(made, others, rest):
                await process.err(f"{state.zeroth}: 0: Illegal option {flag}\n")
                return 2
        if text is not None:
            if not rest:
                await process.err(f"{state.zeroth}: 0: -c requires an argument\n")
                return 2
            text = rest.pop(0)
            if rest:
                state.zeroth = rest.pop(0)
            state.arguments = rest
            script = text
            return await made.finish(lambda one: one.run_text(script))
        if rest:
            return await _run_file(made, rest)
        return await made.finish(_run_stdin)

    return program


async def _run_file(made: Shell, rest: list[str]) -> int:
    state = made.state
    try:
        stream = state.process.open(rest[0])
    except FileError as error:
        await state.process.err(f"{state.zeroth}: 0: cannot open {rest[0]}: {error.strerror}\n")
        return 127
    parts = []
    while part := await stream.read(1 << 16):
        parts.append(part)
    state.zeroth, state.arguments = rest[0], rest[1:]
    text = b"".join(parts).decode("utf-8", "surrogateescape")
    return await made.finish(lambda one: one.run_text(text))


async def _run_stdin(made: Shell) -> int:
    """Read commands from standard input, a line at a time: what follows a command is its to read."""
    text = ""
    while True:
        line, whole = await read_line(made.process.streams.get(0), raw=True)
        text += line + "\n" if whole else line
        try:
            parser = Parser(text)
            while (script := parser.next_statement_list()) is not None:
                text = text[parser.at :]
                await made.script(script)
                parser = Parser(text)
            text = ""
        except IncompleteError as error:
            if not whole:
                await made.syntax_error(error)
        except ShellSyntaxError as error:
            await made.syntax_error(error)
        if not whole:
            return made.state.last


async def script_file(process: Process) -> int:
    """Run an executable text file: by its #! line, else as sh does."""
    path = process.path(process.argv[0]) if "/" in process.argv[0] else None
    if path is None:
        path, _ = process.container.find_program(process.argv[0], process.env.get("PATH", ""), process.cwd)
    stream = process.open(path)
    first = (await stream.read(256)).split(b"\n", 1)[0].decode("utf-8", "replace")
    words = first[2:].split(None, 1) if first.startswith("#!") else ["/bin/sh"]
    _, program = process.container.find_program(words[0], process.env.get("PATH", ""), process.cwd)
    process.argv = [*words, path, *process.argv[1:]]
    return await program(process)
