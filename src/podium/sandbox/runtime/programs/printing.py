"""echo and printf: escapes and formats."""

import re

from podium.sandbox.runtime.process import Process

ESCAPES = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
}
SPEC = re.compile(r"%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d+))?([a-zA-Z%])")


class StopOutput(Exception):
    r"""A \c ends the output."""


def unescape(text: str, *, zero_octal: bool = False) -> str:
    r"""Return a text with its \ sequences done; zero_octal takes \0nnn (echo, %b). Raises StopOutput."""
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char != "\\" or at >= len(text):
            out.append(char)
            continue
        code = text[at]
        if code == "c":
            raise StopOutput("".join(out))
        octal = re.compile(r"0[0-7]{0,3}" if zero_octal else r"[0-7]{1,3}").match(text, at)
        hexed = re.compile(r"x([0-9a-fA-F]{1,2})").match(text, at)
        if octal is not None:
            out.append(_byte(int(octal[0], 8)))
            at = octal.end()
        elif hexed is not None:
            out.append(_byte(int(hexed[1], 16)))
            at = hexed.end()
        elif code in ESCAPES:
            out.append(ESCAPES[code])
            at += 1
        else:
            out.append("\\")
    return "".join(out)


def _byte(number: int) -> str:
    return bytes((number & 255,)).decode("utf-8", "surrogateescape")


def echo_text(words: list[str], *, escapes: bool) -> str:
    """Return what echo prints; `escapes` as dash does them without being asked."""
    end = "\n"
    while words and re.fullmatch(r"-[neE]+", words[0]):
        flags = words[0][1:]
        if escapes and flags != "n":
            break
        end = "" if "n" in flags else end
        escapes = escapes or "e" in flags
        words = words[1:]
    text = " ".join(words)
    if escapes:
        try:
            text = unescape(text, zero_octal=True)
        except StopOutput as stop:
            return str(stop)
    return text + end


def format_text(words: list[str]) -> tuple[str, str | None]:
    """Return what printf prints, and what was wrong."""
    if not words:
        return "", "usage: printf format [arg ...]"
    if words[0] == "--":
        words = words[1:]
    template, arguments = words[0], words[1:]
    out: list[str] = []
    problem: str | None = None
    while True:
        before = len(arguments)
        try:
            text, problem_here = _once(template, arguments)
        except StopOutput as stop:
            return "".join(out) + str(stop), problem
        out.append(text)
        problem = problem or problem_here
        if not arguments or len(arguments) == before:
            return "".join(out), problem


def _once(template: str, arguments: list[str]) -> tuple[str, str | None]:
    out: list[str] = []
    problem: str | None = None
    at = 0
    for found in SPEC.finditer(template):
        out.append(unescape(template[at : found.start()]))
        at = found.end()
        flags, width, precision, kind = found.groups()
        if kind == "%":
            out.append("%")
            continue
        if width == "*":
            width = arguments.pop(0) if arguments else "0"
        if precision == "*":
            precision = arguments.pop(0) if arguments else "0"
        argument = arguments.pop(0) if arguments else None
        shape = f"%{flags}{width or ''}" + ("" if precision is None else f".{precision}")
        text, wrong = _convert(kind, shape, argument)
        problem = problem or wrong
        out.append(text)
    out.append(unescape(template[at:]))
    return "".join(out), problem


def _convert(kind: str, shape: str, argument: str | None) -> tuple[str, str | None]:
    match kind:
        case "s":
            return f"{shape}s" % (argument or ""), None
        case "b":
            return f"{shape}s" % unescape(argument or "", zero_octal=True), None
        case "c":
            return f"{shape}s" % (argument or "")[:1], None
        case "q":
            return "'" + (argument or "").replace("'", "'\\''") + "'", None
        case "d" | "i" | "u" | "x" | "X" | "o":
            number, wrong = _integer(argument)
            return f"{shape}{'d' if kind in 'iu' else kind}" % number, wrong
        case "f" | "e" | "g" | "E" | "G" | "F":
            try:
                return f"{shape}{kind}" % float(argument or 0), None
            except ValueError:
                return f"{shape}{kind}" % 0.0, f"{argument}: expected numeric value"
    return "", f"%{kind}: invalid directive"


def _integer(argument: str | None) -> tuple[int, str | None]:
    text = (argument or "0").strip()
    if text[:1] in ("'", '"'):
        return (ord(text[1]) if len(text) > 1 else 0), None
    try:
        return int(text, 8) if re.fullmatch(r"-?0\d+", text) else int(text, 0), None
    except ValueError:
        found = re.match(r"-?\d+", text)
        return (int(found[0]) if found else 0), f"{argument}: expected numeric value"


async def echo(process: Process) -> int:
    """Print arguments (/bin/echo)."""
    await process.out(echo_text(process.argv[1:], escapes=False))
    return 0


async def printf(process: Process) -> int:
    """Print by a format (/usr/bin/printf)."""
    text, problem = format_text(process.argv[1:])
    await process.out(text)
    if problem is not None:
        await process.complain(problem)
        return 1
    return 0
