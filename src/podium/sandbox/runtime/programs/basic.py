"""hostname, true, false, sleep, echo, pwd, whoami and others that read nothing."""

import asyncio
import re
import time

from podium.sandbox.runtime.process import SIGNALS, Process
from podium.sandbox.runtime.streams import CHUNK

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


async def true(process: Process) -> int:
    """Succeed."""
    del process
    return 0


async def false(process: Process) -> int:
    """Fail."""
    del process
    return 1


async def hostname(process: Process) -> int:
    """Print the pod's name, or with -i its address."""
    identity = process.container.identity
    match process.argv[1:]:
        case []:
            await process.out(identity.pod + "\n")
        case ["-i"] | ["-I"]:
            await process.out(identity.address + "\n")
        case ["-s"]:
            await process.out(identity.pod.partition(".")[0] + "\n")
        case ["-f"]:
            await process.out(identity.pod + "\n")
        case _:
            await process.complain("you must be root to change the host name")
            return 1
    return 0


async def sleep(process: Process) -> int:
    """Wait for the sum of its arguments."""
    total = 0.0
    if len(process.argv) < 2:
        await process.complain("missing operand")
        return 1
    for word in process.argv[1:]:
        found = re.fullmatch(r"(\d+\.?\d*|\.\d+)([smhd]?)", word)
        if found is None and word != "infinity":
            await process.complain(f"invalid time interval '{word}'")
            return 1
        total += 1e9 if found is None else float(found[1]) * UNITS[found[2]]
    await asyncio.sleep(total)
    return 0


async def pwd(process: Process) -> int:
    """Print the working directory."""
    await process.out(process.cwd + "\n")
    return 0


async def whoami(process: Process) -> int:
    """Print the user's name."""
    await process.out(("root" if process.user == 0 else "nobody") + "\n")
    return 0


async def identity(process: Process) -> int:
    """Print user and group ids (id)."""
    number = process.user
    name = "root" if number == 0 else "nobody"
    match process.argv[1:]:
        case []:
            await process.out(f"uid={number}({name}) gid={number}({name}) groups={number}({name})\n")
        case ["-u"] | ["-g"]:
            await process.out(f"{number}\n")
        case ["-un"] | ["-gn"]:
            await process.out(f"{name}\n")
        case _:
            await process.complain("only -u, -g, -un and -gn are supported in the sandbox")
            return 1
    return 0


async def uname(process: Process) -> int:
    """Print the system's name."""
    parts = {"s": "Linux", "n": process.container.identity.pod, "r": "6.12.0-sandbox", "v": "#1 SMP", "m": "x86_64"}
    flags = "".join(word[1:] for word in process.argv[1:] if word.startswith("-")) or "s"
    chosen = "snrvm" if "a" in flags else flags
    words = [text for key, text in parts.items() if key in chosen]
    await process.out(" ".join(words + (["GNU/Linux"] if "a" in flags else [])) + "\n")
    return 0


async def yes(process: Process) -> int:
    """Repeat a line until nobody listens."""
    line = (" ".join(process.argv[1:]) or "y").encode() + b"\n"
    block = line * max(1, CHUNK // 4 // len(line))
    while True:
        await process.out(block)
        await asyncio.sleep(0)


async def kill(process: Process) -> int:
    """Send a signal: kill [-SIGNAL] PID... (a negative PID is a group)."""
    words = process.argv[1:]
    number = SIGNALS["TERM"]
    if words and words[0] == "-l":
        await process.out(" ".join(SIGNALS) + "\n")
        return 0
    if words and re.fullmatch(r"-([A-Z]+[12]?|\d+)", words[0]) and len(words) > 1:
        name = words.pop(0)[1:].removeprefix("SIG")
        number = int(name) if name.isdigit() else SIGNALS.get(name, -1)
        if number < 0:
            await process.complain(f"unknown signal {name}")
            return 1
    elif words[:1] == ["-s"] and len(words) > 2:
        number = SIGNALS.get(words[1].removeprefix("SIG"), SIGNALS["TERM"])
        words = words[2:]
    if words[:1] == ["--"]:
        words = words[1:]
    code = 0
    for word in words:
        if not re.fullmatch(r"-?\d+", word):
            await process.complain(f"{word}: arguments must be process or job IDs")
            code = 1
            continue
        try:
            process.container.signal(int(word), number)
        except OSError:
            await process.complain(f"({word}) - No such process")
            code = 1
    # a process that signals itself does not come back from kill
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return code


async def uptime(process: Process) -> int:
    """Print how long the container's node has been up."""
    now = time.time()
    days = int((now - process.container.identity.started) // 86400)
    clock = time.strftime("%H:%M:%S", time.gmtime(now))
    await process.out(f" {clock} up {days} days,  0 users,  load average: 0.08, 0.03, 0.01\n")
    return 0


async def sync(process: Process) -> int:
    """Do nothing: memory is always in step."""
    del process
    return 0


async def nproc(process: Process) -> int:
    """Print the number of processors."""
    await process.out("4\n")
    return 0
