"""date, ps, df, free, env, which and others that tell of the system."""

import asyncio
import base64 as b64
import hashlib
import posixpath
import re
import time
from collections.abc import Mapping

from podium.sandbox.runtime.process import NotStartedError, Process, Program
from podium.sandbox.runtime.programs.flags import parse
from podium.sandbox.runtime.programs.texts import all_lines, failed, opened
from podium.sandbox.runtime.streams import CHUNK


async def date(process: Process) -> int:
    """Print the time (UTC), by +FORMAT if asked; -d @SECONDS."""
    moment = time.time()
    shape = "%a %b %e %H:%M:%S UTC %Y"
    words = [word for word in process.argv[1:] if word not in ("-u", "--utc")]
    while words:
        word = words.pop(0)
        if word.startswith("+"):
            shape = word[1:]
        elif word == "-d" and words and re.fullmatch(r"@\d+", words[0]):
            moment = float(words.pop(0)[1:])
        elif word in ("-Iseconds", "-Is"):
            shape = "%Y-%m-%dT%H:%M:%S+00:00"
        else:
            await process.complain(f"{word}: not supported in the sandbox")
            return 1
    shape = shape.replace("%s", str(int(moment))).replace("%N", f"{int(moment % 1 * 1e9):09d}")
    await process.out(time.strftime(shape, time.gmtime(moment)) + "\n")
    return 0


async def ps(process: Process) -> int:
    """List the container's processes."""
    container = process.container
    rows = [(1, 0, "root", container.identity.started, " ".join(container.main))]
    rows += [(one.pid, one.parent, "root", one.began, " ".join(one.argv)) for one in container.processes.values()]
    wide = any(letter in word for word in process.argv[1:] for letter in "fFux")
    await process.out(
        "UID          PID    PPID  C STIME TTY          TIME CMD\n" if wide else "    PID TTY          TIME CMD\n"
    )
    for pid, parent, user, began, words in sorted(rows):
        clock = time.strftime("%H:%M", time.gmtime(began))
        if wide:
            await process.out(f"{user:8} {pid:7d} {parent:7d}  0 {clock} ?        00:00:00 {words}\n")
        else:
            await process.out(f"{pid:7d} ?        00:00:00 {posixpath.basename(words.split(' ')[0])}\n")
    return 0


async def df(process: Process) -> int:
    """Show the space of the container's file system."""
    _, _ = await parse(process, "hkTPi")
    total = process.files.cap // 1024
    used = process.files.used // 1024
    share = used * 100 // total if total > 0 else 100
    await process.out("Filesystem     1K-blocks    Used Available Use% Mounted on\n")
    await process.out(f"overlay        {total:9d} {used:7d} {total - used:9d} {share:3d}% /\n")
    return 0


async def free(process: Process) -> int:
    """Show memory."""
    _, _ = await parse(process, "mhgk")
    await process.out("               total        used        free      shared  buff/cache   available\n")
    await process.out("Mem:           64000       12000       41200          12       10800       52000\n")
    await process.out("Swap:              0           0           0\n")
    return 0


async def env(process: Process) -> int:
    """Show the environment, or run a command with more of it."""
    words = process.argv[1:]
    while words and ("=" in words[0] or words[0] == "-i"):
        word = words.pop(0)
        if word == "-i":
            process.env.clear()
            continue
        name, _, value = word.partition("=")
        process.env[name] = value
    if words:
        return await become(process, words)
    await process.out("".join(f"{name}={value}\n" for name, value in process.env.items()))
    return 0


async def printenv(process: Process) -> int:
    """Show variables."""
    if len(process.argv) == 1:
        return await env(process)
    code = 0
    for name in process.argv[1:]:
        if name in process.env:
            await process.out(process.env[name] + "\n")
        else:
            code = 1
    return code


async def become(process: Process, words: list[str]) -> int:
    """Run another program in this process; 126 and 127 as env, xargs and nohup do."""
    try:
        _, program = process.container.find_program(words[0], process.env.get("PATH", ""), process.cwd)
    except NotStartedError as error:
        missing = error.errno == 2
        await process.complain(f"{words[0]}: {'No such file or directory' if missing else 'Permission denied'}")
        return 127 if missing else 126
    process.argv = words
    return await program(process)


async def xargs(process: Process) -> int:
    """Run a command with words from standard input: -n N a time."""
    words = process.argv[1:]
    size = 1 << 16
    while words and words[0].startswith("-"):
        flag = words.pop(0)
        if flag == "-n" and words:
            size = int(words.pop(0))
        elif flag != "-r":
            await process.complain(f"{flag}: not supported in the sandbox")
            return 2
    given = (await process.read_all()).decode("utf-8", "surrogateescape").split()
    command = words or ["echo"]
    code = 0
    for at in range(0, len(given), size):
        try:
            _, program = process.container.find_program(command[0], process.env.get("PATH", ""), process.cwd)
        except NotStartedError:
            await process.complain(f"{command[0]}: No such file or directory")
            return 127
        held = {number: stream.hold() for number, stream in process.streams.items() if number != 0}
        child = process.container.spawn(program, process, [*command, *given[at : at + size]], held)
        if await child.wait() != 0:
            code = 123
    return code


async def which(process: Process) -> int:
    """Show where commands are."""
    code = 0
    for name in process.argv[1:]:
        try:
            path, _ = process.container.find_program(name, process.env.get("PATH", ""), process.cwd)
            await process.out(path + "\n")
        except NotStartedError:
            code = 1
    return code


async def basename(process: Process) -> int:
    """Print a path's last part."""
    words = process.argv[1:]
    name = posixpath.basename(words[0].rstrip("/")) if words else ""
    if len(words) > 1 and name != words[1]:
        name = name.removesuffix(words[1])
    await process.out(name + "\n")
    return 0


async def dirname(process: Process) -> int:
    """Print a path without its last part."""
    for word in process.argv[1:]:
        await process.out((posixpath.dirname(word.rstrip("/")) or ("/" if word.startswith("/") else ".")) + "\n")
    return 0


async def tty(process: Process) -> int:
    """Say that standard input is no terminal."""
    await process.out("not a tty\n")
    return 1


async def stty(process: Process) -> int:
    """Say that standard input is no terminal."""
    await process.complain("'standard input': Inappropriate ioctl for device")
    return 1


def digest(name: str) -> Program:
    """Return sha256sum or md5sum."""

    async def program(process: Process) -> int:
        _, names = await parse(process, "b")
        async for shown, stream in opened(process, names):
            found = hashlib.new(name, usedforsecurity=False)
            while part := await stream.read(CHUNK):
                found.update(part)
                await asyncio.sleep(0)
            await process.out(f"{found.hexdigest()}  {shown}\n")
        return failed(process)

    return program


async def base64(process: Process) -> int:
    """Encode, or decode with -d."""
    flags, names = await parse(process, "d", "w")
    data = b""
    async for _, stream in opened(process, names):
        while part := await stream.read(CHUNK):
            data += part
    if "d" in flags:
        try:
            await process.out(b64.b64decode(data))
        except ValueError:
            await process.complain("invalid input")
            return 1
        return failed(process)
    text = b64.b64encode(data)
    width = int(flags.get("w", "76"))
    rows = [text[at : at + width] for at in range(0, len(text), width)] if width > 0 else [text]
    await process.out(b"".join(row + b"\n" for row in rows))
    return failed(process)


async def sed(process: Process) -> int:
    """Edit lines: s/RE/TEXT/[gip], and p, d, q behind a line number, $, /RE/ or a range; -n, -i, -e, -E."""
    from podium.sandbox.runtime.programs.sed import EditError, edit, parse_script

    flags, operands = await parse(process, "nEri", "e")
    script = flags.get("e") or (operands.pop(0) if operands else "")
    try:
        commands = parse_script(script, extended="E" in flags or "r" in flags)
    except EditError as error:
        await process.complain(f"-e expression #1: {error}")
        return 1
    for name in operands if "i" in flags else [""]:
        lines = await all_lines(process, [name] if "i" in flags else operands)
        text = b"".join(line + b"\n" for line in edit(lines, commands, quiet="n" in flags))
        if "i" in flags:
            await process.create(name).write(text)
        else:
            await process.out(text)
    return failed(process)


async def unsupported(process: Process) -> int:
    """Say what the sandbox does not know."""
    await process.complain("not supported in the sandbox")
    return 2


PROGRAMS: Mapping[str, Program] = {
    "date": date,
    "ps": ps,
    "df": df,
    "free": free,
    "env": env,
    "printenv": printenv,
    "xargs": xargs,
    "which": which,
    "basename": basename,
    "dirname": dirname,
    "tty": tty,
    "stty": stty,
    "sha256sum": digest("sha256"),
    "md5sum": digest("md5"),
    "base64": base64,
    "sed": sed,
    "awk": unsupported,
    "dd": unsupported,
    "expr": unsupported,
    "od": unsupported,
}
