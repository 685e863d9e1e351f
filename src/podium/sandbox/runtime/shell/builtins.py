"""Commands that run inside the shell."""

from podium.sandbox.runtime.files import FileError
from podium.sandbox.runtime.process import NotStartedError, ProcessExit
from podium.sandbox.runtime.programs import basic, printing, testing
from podium.sandbox.runtime.shell.simple import Builtin, CommandShell
from podium.sandbox.runtime.shell.state import BreakLoop, Dialect, ReturnFunction
from podium.sandbox.runtime.shell.variables import export, local, number_of, read, set_, shift, unset


async def colon(shell: CommandShell, words: list[str]) -> int:
    """Do nothing."""
    del shell, words
    return 0


async def false(shell: CommandShell, words: list[str]) -> int:
    """Fail."""
    del shell, words
    return 1


async def break_(shell: CommandShell, words: list[str]) -> int:
    """Leave n loops, or go on with the next turn."""
    del shell
    depth = int(words[1]) if len(words) > 1 and words[1].isdigit() else 1
    raise BreakLoop(depth, goes_on=words[0] == "continue")


async def cd(shell: CommandShell, words: list[str]) -> int:
    """Change the working directory."""
    where = words[1] if len(words) > 1 else shell.state.is_set("HOME") or "/"
    if where == "-":
        where = shell.state.is_set("OLDPWD") or shell.process.cwd
    path = shell.process.path(where)
    if not shell.process.files.is_directory(path):
        exists = shell.process.files.exists(path)
        reason = "Not a directory" if exists else "No such file or directory"
        match shell.state.dialect:
            case Dialect.DASH:
                await shell.say(f"cd: can't cd to {where}")
            case Dialect.ASH:
                await shell.say(f"cd: can't cd to {where}: {reason}")
            case Dialect.BASH:
                await shell.say(f"cd: {where}: {reason}")
        return 2 if shell.state.dialect is Dialect.DASH else 1
    shell.state.assign("OLDPWD", shell.process.cwd)
    shell.process.cwd = path
    return 0


async def command(shell: CommandShell, words: list[str]) -> int:
    """Tell where a command is (-v), or run it past functions."""
    if words[1:2] in (["-v"], ["-V"]):
        return await _where(shell, words[2:], full=words[1] == "-V")
    rest = words[2:] if words[1:2] == ["-p"] else words[1:]
    if not rest:
        return 0
    if rest[0] in shell.builtins:
        return await shell.builtins[rest[0]](shell, rest)
    held = {number: stream.hold() for number, stream in shell.process.streams.items()}
    program = await shell.find(rest)
    if program is None:
        for stream in held.values():
            stream.drop()
        return shell.state.last
    child = shell.process.container.spawn(program, shell.process, rest, held)
    child.env = shell.state.environment()
    return await child.wait()


async def _where(shell: CommandShell, names: list[str], *, full: bool) -> int:
    code = 0
    for name in names:
        if name in shell.state.functions or name in shell.builtins:
            await shell.process.out(f"{name} is a shell builtin\n" if full else f"{name}\n")
            continue
        try:
            path, _ = shell.process.container.find_program(name, shell.state.is_set("PATH") or "", shell.process.cwd)
        except NotStartedError:
            if full:
                await shell.process.err(f"{name}: not found\n")
            code = 127 if shell.state.dialect is not Dialect.BASH else 1
            continue
        await shell.process.out(f"{name} is {path}\n" if full else f"{path}\n")
    return code


async def type_(shell: CommandShell, words: list[str]) -> int:
    """Tell what a command is."""
    return await _where(shell, words[1:], full=True)


async def eval_(shell: CommandShell, words: list[str]) -> int:
    """Run its arguments as a script."""
    shell.state.last = 0
    return await shell.run_text(" ".join(words[1:]))


async def source(shell: CommandShell, words: list[str]) -> int:
    """Run a file in this shell."""
    if len(words) < 2:
        await shell.say(f"{words[0]}: filename argument required")
        return 2
    try:
        stream = shell.process.open(words[1])
    except FileError as error:
        await shell.say(f"{words[0]}: {words[1]}: {error.strerror}")
        raise ProcessExit(2) from None
    parts = []
    while part := await stream.read(1 << 16):
        parts.append(part)
    try:
        return await shell.run_text(b"".join(parts).decode("utf-8", "surrogateescape"))
    except ReturnFunction as leave:
        return leave.code


async def exit_(shell: CommandShell, words: list[str]) -> int:
    """Leave the shell."""
    raise ProcessExit(await number_of(shell, words, shell.state.last))


async def return_(shell: CommandShell, words: list[str]) -> int:
    """Leave a function."""
    raise ReturnFunction(await number_of(shell, words, shell.state.last))


async def trap(shell: CommandShell, words: list[str]) -> int:
    """Keep what runs at the exit; other signals' traps are not supported in the sandbox."""
    rest = [word for word in words[1:] if word != "--"]
    if not rest:
        return 0
    action = None if rest[0] in ("-", "0", "EXIT") else rest[0]
    for name in rest[1:] or ["EXIT"]:
        if name not in ("EXIT", "0"):
            await shell.say(f"trap: {name}: only EXIT is supported in the sandbox")
            return 1
    shell.state.exit_trap = action
    return 0


async def wait(shell: CommandShell, words: list[str]) -> int:
    """Wait for jobs."""
    if len(words) == 1:
        for child in shell.state.jobs.values():
            await child.wait()
        return 0
    code = 0
    for word in words[1:]:
        job = shell.state.jobs.get(int(word)) if word.isdigit() else None
        code = 127 if job is None else await job.wait()
    return code


async def pwd(shell: CommandShell, words: list[str]) -> int:
    """Print the working directory."""
    del words
    await shell.process.out(shell.process.cwd + "\n")
    return 0


async def echo(shell: CommandShell, words: list[str]) -> int:
    """Print its arguments."""
    await shell.process.out(printing.echo_text(words[1:], escapes=shell.state.dialect is Dialect.DASH))
    return 0


async def printf(shell: CommandShell, words: list[str]) -> int:
    """Print by a format."""
    text, problem = printing.format_text(words[1:])
    await shell.process.out(text)
    if problem is not None:
        await shell.say(f"printf: {problem}")
        return 1
    return 0


async def test(shell: CommandShell, words: list[str]) -> int:
    """Test a condition."""
    try:
        return 0 if testing.holds(words, shell.process) else 1
    except testing.TestError as error:
        await shell.say(f"{words[0]}: {error}")
        return 2


async def kill(shell: CommandShell, words: list[str]) -> int:
    """Send a signal."""
    before = shell.process.argv
    shell.process.argv = [shell.state.zeroth, *words[1:]]
    try:
        return await basic.kill(shell.process)
    finally:
        shell.process.argv = before


async def umask(shell: CommandShell, words: list[str]) -> int:
    """Print the mask; setting it does nothing."""
    if len(words) == 1:
        await shell.process.out("0022\n")
    return 0


async def unsupported(shell: CommandShell, words: list[str]) -> int:
    """Say what the sandbox's shell does not know."""
    await shell.say(f"{words[0]}: not supported in the sandbox")
    return 2


BUILTINS: dict[str, Builtin] = {
    ":": colon,
    "true": colon,
    "false": false,
    ".": source,
    "break": break_,
    "continue": break_,
    "cd": cd,
    "command": command,
    "echo": echo,
    "eval": eval_,
    "exit": exit_,
    "export": export,
    "readonly": export,
    "kill": kill,
    "local": local,
    "printf": printf,
    "pwd": pwd,
    "read": read,
    "return": return_,
    "set": set_,
    "shift": shift,
    "test": test,
    "[": test,
    "trap": trap,
    "type": type_,
    "umask": umask,
    "unset": unset,
    "wait": wait,
    "hash": colon,
    "getopts": unsupported,
    "alias": unsupported,
    "fg": unsupported,
    "bg": unsupported,
    "jobs": unsupported,
    "ulimit": unsupported,
    "times": unsupported,
}
BASH_BUILTINS: dict[str, Builtin] = BUILTINS | {"source": source, "declare": unsupported, "shopt": colon}
