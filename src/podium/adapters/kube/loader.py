"""What a pod's shell is given: a loader in argv, and by stdin the program that it reads whole and then runs.

Environment values, scripts and the end mark travel by stdin, so that none of them stands in argv or a URL. The
loader uses only what every POSIX shell has built in; `read` takes single bytes from a pipe (POSIX, read), so that
what follows the program on stdin is left for the command.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass, field

from podium.domain.commands import Command, CommandKind

SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"})
ARGUMENT_AT_MOST = 100_000  #: bytes in one argument; Linux' MAX_ARG_STRLEN is 131,072
BAD_CWD = "cwd"
WORD_AT_MOST = 3
GO = "go"  #: the shell has read its program: only now is the command's own input sent


@dataclass(frozen=True, slots=True)
class Loading:
    """argv for the URL, and what to send by stdin before the command's own input. `nonce` names the end mark."""

    argv: tuple[str, ...]
    program: bytes = field(repr=False)
    nonce: str = field(repr=False)
    ends_with_mark: bool

    @property
    def mark(self) -> bytes:
        """How the end mark on stderr begins."""
        return f"\n{self.nonce} ".encode()


def load(command: Command, nonce: str, *, stdin_size: int | None, half_close: bool) -> Loading:
    """Wrap `command` for a shell. `nonce` is fresh random text; `stdin_size` in bytes, None without stdin.

    With `half_close` (v5) stdin can end; without it (v4) the command reads exactly `stdin_size` bytes by `head -c`.
    """
    name, words = _words(command)
    source = _source(stdin_size, half_close)
    program = b"".join(
        (
            b"unset _podium_p _podium_l\n",
            b"" if stdin_size is None else _say(nonce, GO),
            *(_export(key, value) for key, value in command.env),
            _change_folder(command.cwd, nonce),
            _body(command, name, nonce, source),
        )
    )
    return Loading(
        argv=("sh", "-c", _loader(nonce), name, *words),
        program=program + f"\n{nonce}\n".encode(),
        nonce=nonce,
        ends_with_mark=not _replaces_shell(command, stdin_size),
    )


def _loader(nonce: str) -> str:
    return (
        f'_podium_p=; while IFS= read -r _podium_l && [ "$_podium_l" != {nonce} ]; '
        'do _podium_p="$_podium_p$_podium_l\n"; done; eval "$_podium_p"'
    )


def _words(command: Command) -> tuple[str, tuple[str, ...]]:
    if command.kind is CommandKind.LINE:
        return "podium", ("sh", "-c", *command.argv)
    return ("script" if command.kind is CommandKind.SCRIPT else "podium"), command.argv


def _source(stdin_size: int | None, half_close: bool) -> bytes:
    """What stands before the command so that it reads the right stdin; None of it on v5, where stdin is the rest."""
    if stdin_size is None or half_close:
        return b""
    return f"head -c {stdin_size} | ".encode()


def _replaces_shell(command: Command, stdin_size: int | None) -> bool:
    return command.kind is not CommandKind.SCRIPT and stdin_size is None


def _body(command: Command, name: str, nonce: str, source: bytes) -> bytes:
    no_input = b" </dev/null" if command.stdin is None else b""
    if command.kind is not CommandKind.SCRIPT:
        if command.stdin is None:
            return b'exec "$@" </dev/null\n'
        # an exec finds programs alone: the command's words are never a shell's own `exit` or `eval`
        return source + b'( exec "$@" )' + _end(nonce)
    return _script(command.script, name, nonce, source, no_input) + _end(nonce)


def _script(script: bytes, name: str, nonce: str, source: bytes, no_input: bytes) -> bytes:
    interpreter = _interpreter(script)
    if posixpath.basename(interpreter[0]) == "sh":
        return source + _whole(script) + no_input
    program = _bytes(" ".join(shlex.quote(word) for word in interpreter))
    if posixpath.basename(interpreter[0]) in SHELLS and len(script) < ARGUMENT_AT_MOST:
        text = _quote(_whole(script))
        return _demand(interpreter[0]) + source + program + b" -c " + text + b" " + name.encode() + b' "$@"' + no_input
    path = f'"$_podium_f/.podium-{nonce}"'.encode()
    return (
        _demand(interpreter[0])
        + b'for _podium_f in "${TMPDIR:-/tmp}" /tmp /dev/shm /var/tmp; do [ -w "$_podium_f" ] && break; done\n'
        + b"( umask 077; printf %s " + _quote(script) + b" >" + path + b" ) || exit 126\n"
        + b"_podium_f=" + path + b'; trap \'rm -f "$_podium_f"\' EXIT\n'
        + source + program + b' "$_podium_f" "$@"' + no_input
    )  # fmt: skip


def _whole(script: bytes) -> bytes:
    """A compound command is parsed to its end before any of it runs; `:` lets it hold comments alone."""
    return b"( :;" + script + b"\n)"


def _interpreter(script: bytes) -> list[str]:
    first, _, _ = script.partition(b"\n")
    if not first.startswith(b"#!"):
        return ["sh"]
    words = first[2:].decode("utf-8", "surrogateescape").split()
    if words and posixpath.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S" and "=" not in word]
    return words or ["sh"]


def _demand(interpreter: str) -> bytes:
    word = shlex.quote(interpreter)
    message = shlex.quote(f"podium: no {interpreter} in this container, which the script's first line asks for")
    return _bytes(f"command -v {word} >/dev/null 2>&1 || {{ echo {message} >&2; exit 127; }}\n")


def _export(name: str, value: str) -> bytes:
    return b"export " + name.encode() + b"=" + _quote(_bytes(value)) + b"\n"


def _change_folder(cwd: str, nonce: str) -> bytes:
    if not cwd:
        return b""
    # a plain relative name would go through CDPATH, `-` to the folder before, and both would say so on stdout
    folder = _quote(_bytes(cwd if cwd.startswith("/") else f"./{cwd}"))
    return b"cd " + folder + b" || {\n" + _say(nonce, BAD_CWD) + b"exit 126\n}\n"


def _say(nonce: str, word: str) -> bytes:
    return f"printf '\\n%s %s\\n' {nonce} {word} >&2\n".encode()


def _end(nonce: str) -> bytes:
    return f'\n_podium_c=$?; printf \'\\n%s %d\\n\' {nonce} "$_podium_c" >&2; exit "$_podium_c"\n'.encode()


def _bytes(text: str) -> bytes:
    """What the system took for text may be none (PEP 383)."""
    return text.encode("utf-8", "surrogateescape")


def _quote(text: bytes) -> bytes:
    return b"'" + text.replace(b"'", b"'\\''") + b"'"


_WORD = re.compile(rb"go|cwd|[1-9]?\d|1\d\d|2[0-4]\d|25[0-5]")


class MarkFilter:
    """Takes marks out of a stderr that comes in pieces; what no shell of ours would say is the command's own."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._held = b""
        self.goes = False  #: the shell has said GO
        self.found: str | None = None  #: the word behind the mark: an exit code, or BAD_CWD

    def feed(self, data: bytes | memoryview) -> bytes:
        """Return what is the command's own; bytes that may belong to the mark are held back."""
        text = self._held + bytes(data)
        self._held = b""
        own: list[bytes] = []
        while self.found is None:
            at = text.find(self._mark)
            if at < 0:
                at = len(text) - _overlap(text, self._mark)
                self._held = text[at:]
                return b"".join((*own, text[:at]))
            behind = at + len(self._mark)
            word, newline, _ = text[behind : behind + WORD_AT_MOST + 1].partition(b"\n")
            if not newline and len(word) <= WORD_AT_MOST:
                self._held = text[at:]
                return b"".join((*own, text[:at]))
            taken = bool(newline) and self._take(word)
            own.append(text[: at if taken else behind])
            text = text[behind + len(word) + 1 if taken else behind :]
        return b"".join((*own, text))

    def _take(self, word: bytes) -> bool:
        known = _WORD.fullmatch(word) is not None
        if word == GO.encode():
            self.goes = True
        elif known:
            self.found = word.decode()
        return known

    def flush(self) -> bytes:
        """What was held back when the stream ended."""
        held, self._held = self._held, b""
        return held


def _overlap(text: bytes, mark: bytes) -> int:
    """The length of the longest end of `text` with which `mark` begins."""
    for size in range(min(len(text), len(mark) - 1), 0, -1):
        if text.endswith(mark[:size]):
            return size
    return 0
