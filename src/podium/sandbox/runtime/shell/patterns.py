"""Match shell patterns: *, ?, [...]; quoted characters stand for themselves."""

import posixpath
import re
from collections.abc import Sequence

from podium.sandbox.runtime.files import FileError, FileSystem

Piece = tuple[str, bool]
"""Text and whether it was quoted."""
MAGIC = re.compile(r"[*?\[]")


def to_regex(pieces: Sequence[Piece]) -> str:
    """Return a pattern as a regular expression."""
    out: list[str] = []
    for text, quoted in pieces:
        if quoted:
            out.append(re.escape(text))
            continue
        at = 0
        while at < len(text):
            char = text[at]
            at += 1
            if char == "*":
                out.append(".*")
            elif char == "?":
                out.append(".")
            elif char == "[":
                end = text.find("]", at + 1 if text[at : at + 1] not in ("!", "^") else at + 2)
                if end < 0:
                    out.append(r"\[")
                    continue
                inside = text[at:end].replace("\\", r"\\")
                inside = "^" + inside[1:] if inside[:1] in ("!", "^") else inside
                out.append(f"[{_classes(inside)}]")
                at = end + 1
            else:
                out.append(re.escape(char))
    return "".join(out)


def _classes(inside: str) -> str:
    for name, found in (
        ("digit", "0-9"),
        ("alpha", "A-Za-z"),
        ("alnum", "A-Za-z0-9"),
        ("space", r"\s"),
        ("upper", "A-Z"),
        ("lower", "a-z"),
    ):
        inside = inside.replace(f"[:{name}:", found)
    return inside


def matches(pieces: Sequence[Piece], text: str) -> bool:
    """Tell whether a whole text fits a pattern."""
    return re.fullmatch(to_regex(pieces), text, re.DOTALL) is not None


def trim(value: str, pieces: Sequence[Piece], operator: str) -> str:
    """Cut a pattern off a value's start (#, ##) or end (%, %%)."""
    regex = re.compile(to_regex(pieces), re.DOTALL)
    sizes = range(len(value) + 1)
    if operator.startswith("#"):
        for size in sizes if operator == "#" else reversed(sizes):
            if regex.fullmatch(value[:size]):
                return value[size:]
    else:
        for size in reversed(sizes) if operator == "%" else sizes:
            if regex.fullmatch(value[size:]):
                return value[:size]
    return value


def is_magic(pieces: Sequence[Piece]) -> bool:
    """Tell whether a word has unquoted pattern characters."""
    return any(not quoted and MAGIC.search(text) is not None for text, quoted in pieces)


def expand_path(pieces: Sequence[Piece], files: FileSystem, cwd: str) -> list[str]:
    """Return the paths a pattern matches, in order; none when nothing matches."""
    parts: list[list[Piece]] = [[]]
    for text, quoted in pieces:
        for at, chunk in enumerate(text.split("/")):
            if at > 0:
                parts.append([])
            if chunk != "":
                parts[-1].append((chunk, quoted))
    found = ["/"] if not parts[0] and len(parts) > 1 else [""]
    for part in parts[1:] if not parts[0] and len(parts) > 1 else parts:
        found = [path for base in found for path in _step(part, base, files, cwd)]
    return sorted(found)


def _step(part: list[Piece], base: str, files: FileSystem, cwd: str) -> list[str]:
    folder = posixpath.normpath(posixpath.join(cwd, base))
    if not is_magic(part):
        name = "".join(text for text, _ in part)
        path = posixpath.join(base, name)
        return [path] if name == "" or files.exists(posixpath.join(folder, name)) else []
    try:
        names = files.names(folder)
    except FileError:
        return []
    hidden = part[0][0].startswith(".")
    regex = re.compile(to_regex(part), re.DOTALL)
    return [
        posixpath.join(base, name) for name in names if (hidden or not name.startswith(".")) and regex.fullmatch(name)
    ]
