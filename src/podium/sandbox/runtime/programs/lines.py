"""sort, uniq and grep: programs that choose or order lines."""

import re

from podium.sandbox.runtime.process import Process, ProcessExit
from podium.sandbox.runtime.programs.flags import parse
from podium.sandbox.runtime.programs.texts import LINE_END, all_lines, failed, lines_of, opened
from podium.sandbox.runtime.streams import Stream


async def sort(process: Process) -> int:
    """Sort lines: -n by number, -r backwards, -u each once, -k by a field."""
    flags, names = await parse(process, "nrub", "kt")
    lines = await all_lines(process, names)
    field = int(re.match(r"\d+", flags.get("k", "0")).group()) if re.match(r"\d+", flags.get("k", "0")) else 0  # type: ignore[union-attr]
    separator = flags["t"].encode() if "t" in flags else None

    def key(line: bytes) -> tuple[float, bytes]:
        text = line if field == 0 else b" ".join(line.split(separator)[field - 1 :])
        number = re.match(rb"\s*-?\d+(\.\d+)?", text)
        return (float(number[0]) if "n" in flags and number is not None else 0.0), text

    lines.sort(key=key, reverse="r" in flags)
    if "u" in flags:
        lines = list(dict.fromkeys(lines))
    await process.out(b"".join(line + LINE_END for line in lines))
    return failed(process)


async def uniq(process: Process) -> int:
    """Drop repeated lines; -c counts, -d shows the repeated ones only."""
    flags, names = await parse(process, "cdu")
    runs: list[tuple[bytes, int]] = []
    for line in await all_lines(process, names):
        if runs and runs[-1][0] == line:
            runs[-1] = (line, runs[-1][1] + 1)
        else:
            runs.append((line, 1))
    for line, count in runs:
        if ("d" in flags and count == 1) or ("u" in flags and count > 1):
            continue
        await process.out((b"%7d " % count if "c" in flags else b"") + line + LINE_END)
    return failed(process)


async def grep(process: Process) -> int:
    """Print lines that match: -i -v -c -n -q -o -F -E -w -x -l -h -s -r."""
    flags, operands = await parse(process, "ivcnqoFEwxlhsrHG", "eAmBC")
    if "e" not in flags and not operands:
        await process.complain("no pattern")
        return 2
    pattern = flags["e"] if "e" in flags else operands.pop(0)
    regex = compile_grep(pattern, flags)
    names = operands
    if "r" in flags:
        names = [path for name in operands or ["."] for path in process.files.walk(process.path(name))]
        names = [path for path in names if not process.files.is_directory(path)]
    found = False
    async for name, stream in opened(process, names):
        prefix = f"{name}:".encode() if len(names) > 1 and "h" not in flags else b""
        found = await _grep_one(process, regex, (stream, prefix, name), flags) or found
        if found and "q" in flags:
            return 0
    return 2 if failed(process) and not found else 0 if found else 1


def compile_grep(pattern: str, flags: dict[str, str]) -> re.Pattern[bytes]:
    """Return grep's pattern as a regular expression; basic syntax is taken for extended where they agree."""
    text = re.escape(pattern) if "F" in flags else pattern
    if "F" not in flags and "E" not in flags:
        text = re.sub(r"\\([|+?(){}])|([|+?(){}])", lambda hit: hit[1] if hit[1] is not None else "\\" + hit[2], text)
    text = rf"\b(?:{text})\b" if "w" in flags else text
    text = rf"^(?:{text})$" if "x" in flags else text
    try:
        return re.compile(text.encode("utf-8", "surrogateescape"), re.IGNORECASE if "i" in flags else 0)
    except re.error:
        raise ProcessExit(2) from None


async def _grep_one(
    process: Process, regex: re.Pattern[bytes], source: tuple[Stream, bytes, str], flags: dict[str, str]
) -> bool:
    stream, prefix, name = source
    count, number = 0, 0
    async for raw in lines_of(stream):
        number += 1
        line = raw.rstrip(LINE_END)
        hit = regex.search(line)
        if (hit is None) != ("v" in flags):
            continue
        count += 1
        if "q" in flags:
            return True
        if "l" in flags or "c" in flags:
            continue
        numbered = prefix + (b"%d:" % number if "n" in flags else b"")
        for text in [one[0] for one in regex.finditer(line)] if "o" in flags else [line]:
            await process.out(numbered + text + LINE_END)
        if "m" in flags and count >= int(flags["m"]):
            break
    if "c" in flags:
        await process.out(prefix + b"%d\n" % count)
    elif "l" in flags and count > 0:
        await process.out(f"{name}\n")
    return count > 0
