"""`read`: one line of a stream, never a byte further."""

from podium.sandbox.runtime.streams import Stream

STEP = 4096


async def read_line(stream: Stream | None, *, raw: bool) -> tuple[str, bool]:
    """Return a line without its end, and whether the end was there; what follows stays in the stream."""
    line = bytearray()
    while stream is not None:
        part = await stream.read(STEP)
        if not part:
            return line.decode("utf-8", "surrogateescape"), False
        end = part.find(b"\n")
        if end < 0:
            line += part
            continue
        stream.unread(part[end + 1 :])
        line += part[:end]
        if raw or not line.endswith(b"\\") or _escapes(line) % 2 == 0:
            text = line.decode("utf-8", "surrogateescape")
            return (text if raw else _unescape(text)), True
        del line[-1:]
    return "", False


def _escapes(line: bytearray) -> int:
    return len(line) - len(line.rstrip(b"\\"))


def _unescape(text: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        out.append(text[at])
        at += 1
    return "".join(out)


def split_fields(line: str, separators: str, count: int) -> list[str]:
    """Return exactly count fields; the last one gets the rest of the line."""
    blank = "".join(char for char in separators if char in " \t\n")
    rest = line.strip(blank) if blank else line
    fields: list[str] = []
    while len(fields) < count - 1:
        at = next((place for place, char in enumerate(rest) if char in separators), None)
        if at is None:
            fields.append(rest)
            rest = ""
            break
        fields.append(rest[:at])
        hard = rest[at] not in blank
        rest = rest[at + 1 :].lstrip(blank) if blank else rest[at + 1 :]
        if not hard and rest[:1] != "" and rest[0] in separators and rest[0] not in blank:
            rest = rest[1:].lstrip(blank)
    fields.append(rest)
    return fields + [""] * (count - len(fields))
