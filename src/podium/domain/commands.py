"""What is to run in a target."""

from __future__ import annotations

import enum
import shlex
from dataclasses import dataclass, field


class CommandKind(enum.Enum):
    """How the command was given."""

    ARGV = "argv"
    LINE = "sh"  # --sh 'LINE': argv is (LINE,), a shell reads it
    SCRIPT = "script"  # --script FILE -- ARGS: argv are the ARGS, the text goes by stdin


@dataclass(frozen=True, slots=True)
class Command:
    """One command, the same for every target. `timeout` in seconds, None for none.

    Values of `env`, `script` and `stdin` may hold secrets: they stay out of repr, argv and URLs.
    """

    argv: tuple[str, ...]
    kind: CommandKind = CommandKind.ARGV
    script: bytes = field(default=b"", repr=False)
    stdin: bytes | memoryview | None = field(default=None, repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cwd: str = ""
    timeout: float | None = 300.0
    idempotent: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)  #: values that are never shown nor written down

    @property
    def shown(self) -> tuple[str, ...]:
        """argv with the secrets masked."""
        return tuple(self._masked(word) for word in self.argv)

    def _masked(self, word: str) -> str:
        for secret in self.secrets:
            word = word.replace(secret, "***")
        return word

    @property
    def needs_shell(self) -> bool:
        """Whether it cannot run without a shell in the container."""
        return self.kind is not CommandKind.ARGV or bool(self.env) or self.cwd != ""

    @property
    def title(self) -> str:
        """How headers and trails call it: never a value of `env`, never the script's text."""
        if self.kind is CommandKind.SCRIPT:
            return shlex.join(("script", *self.shown))
        return shlex.join(self.shown) if self.kind is CommandKind.ARGV else " ".join(self.shown)
