"""cat, head, tail, wc, sort, grep and others that read text and print it."""

import asyncio
import re
from collections.abc import AsyncIterator

from podium.sandbox.runtime.files import FileError
from podium.sandbox.runtime.process import Process
from podium.sandbox.runtime.programs.flags import parse
from podium.sandbox.runtime.streams import CHUNK, Stream

FOLLOW_STEP = 0.2
LINE_END = b"\n"


async def opened(process: Process, names: list[str]) -> AsyncIterator[tuple[str, Stream]]:
    """Yield each operand's stream (standard input for none or "-"); what cannot be opened is complained about."""
    for name in names or ["-"]:
        if name == "-":
            stream = process.streams.get(0)
            if stream is not None:
                yield name, stream
            continue
        try:
            yield name, process.open(name)
        except FileError as error:
            await process.complain(f"{name}: {error.strerror}")
            process.env["?failed"] = "1"


def failed(process: Process) -> int:
    """Return 1 when an operand could not be opened."""
    return 1 if process.env.pop("?failed", None) is not None else 0


async def lines_of(stream: Stream) -> AsyncIterator[bytes]:
    """Yield lines with their ends; the last one may lack it."""
    rest = b""
    while part := await stream.read(CHUNK):
        *whole, rest = (rest + part).split(LINE_END)
        for line in whole:
            yield line + LINE_END
    if rest:
        yield rest


async def all_lines(process: Process, names: list[str]) -> list[bytes]:
    """Return every line of the operands, without ends."""
    found: list[bytes] = []
    async for _, stream in opened(process, names):
        found.extend([line.rstrip(LINE_END) async for line in lines_of(stream)])
    return found


async def cat(process: Process) -> int:
    """Print files, or standard input."""
    flags, names = await parse(process, "nu")
    number = 0
    async for _, stream in opened(process, names):
        if "n" in flags:
            async for line in lines_of(stream):
                number += 1
                await process.out(b"%6d\t%b" % (number, line))
            continue
        while part := await stream.read(CHUNK):
            await process.out(part)
    return failed(process)


def _legacy(process: Process) -> None:
    # head -5 is head -n 5
    process.argv = [f"-n{word[1:]}" if re.fullmatch(r"-\d+", word) else word for word in process.argv]


async def head(process: Process) -> int:
    """Print the first lines (-n) or bytes (-c); reads no byte more than it prints."""
    _legacy(process)
    flags, names = await parse(process, "q", "nc")
    async for name, stream in opened(process, names):
        if len(names) > 1:
            await process.out(f"==> {name} <==\n")
        if "c" in flags:
            await _first_bytes(process, stream, int(flags["c"]))
        else:
            await _first_lines(process, stream, int(flags.get("n", "10")))
    return failed(process)


async def _first_bytes(process: Process, stream: Stream, left: int) -> None:
    while left > 0 and (part := await stream.read(min(left, CHUNK))):
        left -= len(part)
        await process.out(part)


async def _first_lines(process: Process, stream: Stream, left: int) -> None:
    while left > 0 and (part := await stream.read(CHUNK)):
        at = 0
        while left > 0 and (end := part.find(LINE_END, at)) >= 0:
            at, left = end + 1, left - 1
        if left == 0:
            stream.unread(part[at:])
            part = part[:at]
        await process.out(part)


async def tail(process: Process) -> int:
    """Print the last lines (-n, +N from a line on) or bytes (-c); -f goes on with what is added."""
    _legacy(process)
    flags, names = await parse(process, "fFq", "nc")
    async for name, stream in opened(process, names):
        if len(names) > 1:
            await process.out(f"==> {name} <==\n")
        parts: list[bytes] = []
        while part := await stream.read(CHUNK):
            parts.append(part)
        await process.out(_last(b"".join(parts), flags))
        while ("f" in flags or "F" in flags) and name != "-":
            part = await stream.read(CHUNK)
            if part:
                await process.out(part)
            else:
                await asyncio.sleep(FOLLOW_STEP)
    return failed(process)


def _last(data: bytes, flags: dict[str, str]) -> bytes:
    if "c" in flags:
        count = int(flags["c"].lstrip("-"))
        return data[-count:] if count > 0 else b""
    lines = data.splitlines(keepends=True)
    wanted = flags.get("n", "10")
    if wanted.startswith("+"):
        return b"".join(lines[max(0, int(wanted) - 1) :])
    count = int(wanted.lstrip("-"))
    return b"".join(lines[-count:]) if count > 0 else b""


async def wc(process: Process) -> int:
    """Count lines, words and bytes."""
    flags, names = await parse(process, "lwcm")
    totals = [0, 0, 0]
    shown = [at for at, letter in enumerate("lwc") if letter in flags or (letter == "c" and "m" in flags)] or [0, 1, 2]
    async for name, stream in opened(process, names):
        counts = [0, 0, 0]
        async for line in lines_of(stream):
            counts[0] += line.endswith(LINE_END)
            counts[1] += len(line.split())
            counts[2] += len(line)
        totals = [have + more for have, more in zip(totals, counts, strict=True)]
        await process.out(_count_line([counts[at] for at in shown], name if names else ""))
    if len(names) > 1:
        await process.out(_count_line([totals[at] for at in shown], "total"))
    return failed(process)


def _count_line(counts: list[int], name: str) -> str:
    numbers = str(counts[0]) if len(counts) == 1 else " ".join(f"{count:6d}" for count in counts)
    return f"{numbers} {name}".rstrip() + "\n"


async def seq(process: Process) -> int:
    """Print numbers: seq [FIRST [STEP]] LAST."""
    words = process.argv[1:]
    if not 1 <= len(words) <= 3 or not all(re.fullmatch(r"-?\d+", word) for word in words):
        await process.complain("whole numbers wanted: [FIRST [STEP]] LAST")
        return 1
    numbers = [int(word) for word in words]
    first, step, last = (
        (1, 1, numbers[0]) if len(numbers) == 1 else (numbers[0], 1, numbers[1]) if len(numbers) == 2 else numbers
    )
    block: list[str] = []
    for number in range(first, last + (1 if step > 0 else -1), step or 1):
        block.append(str(number))
        if len(block) == 4096:
            await process.out("\n".join(block) + "\n")
            block = []
    await process.out("".join(f"{text}\n" for text in block))
    return 0


async def tee(process: Process) -> int:
    """Copy standard input to files and on; -a appends."""
    flags, names = await parse(process, "ai")
    files = [process.create(name, append="a" in flags) for name in names]
    while part := await process.read(CHUNK):
        for stream in files:
            await stream.write(part)
        await process.out(part)
    return 0


async def cut(process: Process) -> int:
    """Print fields (-d, -f) or characters (-c) of lines."""
    flags, names = await parse(process, "s", "dfcb")
    spec = flags.get("f") or flags.get("c") or flags.get("b") or ""
    if spec == "":
        await process.complain("specify a list of fields or characters")
        return 1
    separator = flags.get("d", "\t").encode()
    for line in await all_lines(process, names):
        parts = line.split(separator) if "f" in flags else [bytes((byte,)) for byte in line]
        if "f" in flags and len(parts) == 1:
            await process.out(line + LINE_END)
            continue
        chosen = [part for at, part in enumerate(parts, 1) if _listed(at, spec)]
        await process.out((separator if "f" in flags else b"").join(chosen) + LINE_END)
    return failed(process)


def _listed(number: int, spec: str) -> bool:
    for part in spec.split(","):
        low, dash, high = part.partition("-")
        if (int(low or 1) <= number <= int(high or 1 << 30)) if dash else number == int(low):
            return True
    return False


async def tr(process: Process) -> int:
    """Replace or delete (-d) characters, squeeze (-s)."""
    flags, operands = await parse(process, "dsc")
    sets = [_characters(word) for word in operands]
    if not sets or ("d" not in flags and "s" not in flags and len(sets) < 2):
        await process.complain("missing operand")
        return 1
    first = bytes(byte for byte in range(256) if byte not in sets[0]) if "c" in flags else sets[0]
    last = b""
    while part := await process.read(CHUNK):
        if "d" in flags:
            part = part.translate(None, first)
        elif len(sets) > 1:
            second = sets[1] + sets[1][-1:] * max(0, len(first) - len(sets[1]))
            part = part.translate(bytes.maketrans(first, second[: len(first)]))
        if "s" in flags:
            part, last = _squeeze(part, sets[-1], last)
        await process.out(part)
    return 0


def _squeeze(part: bytes, group: bytes, last: bytes) -> tuple[bytes, bytes]:
    out = bytearray()
    for byte in part:
        one = bytes((byte,))
        if one == last and byte in group:
            continue
        out += one
        last = one
    return bytes(out), last


def _characters(text: str) -> bytes:
    for name, found in (("[:upper:]", "A-Z"), ("[:lower:]", "a-z"), ("[:digit:]", "0-9"), ("[:space:]", " \\t\\n\\r")):
        text = text.replace(name, found)
    text = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r").replace("\\\\", "\\")
    data = text.encode("utf-8", "surrogateescape")
    return re.sub(rb"(.)-(.)", lambda hit: bytes(range(hit[1][0], hit[2][0] + 1)), data, flags=re.DOTALL)
