"""What a parsed script is made of."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """Text as it stands; quoted text is neither split nor globbed."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """$name or ${name op argument}; `operator` is "" for the plain form, "length" for ${#name}."""

    name: str
    operator: str
    argument: "Word | None"
    quoted: bool


@dataclass(frozen=True, slots=True)
class Substitution:
    """$(script)."""

    script: "Script"
    quoted: bool


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """$((expression))."""

    expression: "Word"
    quoted: bool


Part: TypeAlias = Literal | Parameter | Substitution | Arithmetic
Word: TypeAlias = tuple[Part, ...]


@dataclass(slots=True)
class Redirect:
    """One redirection; for a here-document the target is its text, known only after the command's line."""

    number: int
    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments and a command with its arguments."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by |, perhaps negated."""

    commands: tuple["Command", ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class AndOr:
    """Pipelines joined by && and ||."""

    first: Pipeline
    rest: tuple[tuple[str, Pipeline], ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One and-or list, in the background or not."""

    body: AndOr
    background: bool


@dataclass(frozen=True, slots=True)
class Script:
    """Statements in order."""

    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """{ script; }."""

    body: Script


@dataclass(frozen=True, slots=True)
class Subshell:
    """( script )."""

    body: Script


@dataclass(frozen=True, slots=True)
class If:
    """if and elif branches, else."""

    branches: tuple[tuple[Script, Script], ...]
    otherwise: Script | None


@dataclass(frozen=True, slots=True)
class Loop:
    """while, or until."""

    condition: Script
    body: Script
    until: bool


@dataclass(frozen=True, slots=True)
class For:
    """for name in words; no words means "$@"."""

    name: str
    words: tuple[Word, ...] | None
    body: Script


@dataclass(frozen=True, slots=True)
class Case:
    """case word in pattern) script ;; esac."""

    word: Word
    branches: tuple[tuple[tuple[Word, ...], Script], ...]


@dataclass(frozen=True, slots=True)
class Function:
    """name() body."""

    name: str
    body: "Command"


Bare: TypeAlias = Group | Subshell | If | Loop | For | Case


@dataclass(frozen=True, slots=True)
class Compound:
    """A compound command with its redirections."""

    body: Bare
    redirects: tuple[Redirect, ...]


Command: TypeAlias = Simple | Compound | Function
