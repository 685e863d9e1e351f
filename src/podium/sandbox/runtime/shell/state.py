"""What a shell knows: variables, functions, options, jobs."""

from dataclasses import dataclass, field, replace
from enum import Enum

from podium.sandbox.runtime.process import Process
from podium.sandbox.runtime.shell.expand import ExpansionError
from podium.sandbox.runtime.shell.syntax import Command


class Dialect(Enum):
    """Whose messages the shell speaks in."""

    DASH = "dash"
    BASH = "bash"
    ASH = "busybox ash"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable."""

    value: str
    exported: bool = False
    read_only: bool = False


class BreakLoop(Exception):
    """Leave loops: `break n`, or go on with the n-th: `continue n`."""

    def __init__(self, depth: int, *, goes_on: bool) -> None:
        """Say how many loops."""
        super().__init__()
        self.depth, self.goes_on = depth, goes_on


class ReturnFunction(Exception):
    """Leave a function or a sourced script."""

    def __init__(self, code: int) -> None:
        """Carry the code."""
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Options:
    """What `set` sets."""

    errexit: bool = False
    nounset: bool = False
    xtrace: bool = False
    noglob: bool = False
    pipefail: bool = False


@dataclass(slots=True)
class ShellState:
    """One shell's state; a subshell works on a copy."""

    process: Process
    dialect: Dialect
    zeroth: str
    arguments: list[str] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    functions: dict[str, Command] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    last: int = 0
    last_job: int | None = None
    shell_pid: int = 0
    jobs: dict[int, Process] = field(default_factory=dict)
    exit_trap: str | None = None
    line: int = 1
    scopes: list[dict[str, Variable | None]] = field(default_factory=list)

    @property
    def globbing(self) -> bool:
        """Tell whether patterns become paths."""
        return not self.options.noglob

    def copy(self, process: Process) -> "ShellState":
        """Return what a subshell begins with."""
        return replace(
            self,
            process=process,
            arguments=list(self.arguments),
            variables=dict(self.variables),
            functions=dict(self.functions),
            options=replace(self.options),
            jobs={},
            exit_trap=None,
            scopes=[dict(scope) for scope in self.scopes],
        )

    def is_set(self, name: str) -> str | None:
        """Return a parameter's value, None where unset."""
        match name:
            case "?":
                return str(self.last)
            case "#":
                return str(len(self.arguments))
            case "$":
                return str(self.shell_pid)
            case "!":
                return None if self.last_job is None else str(self.last_job)
            case "-":
                flags = (("e", self.options.errexit), ("u", self.options.nounset), ("x", self.options.xtrace))
                return "".join(letter for letter, is_on in flags if is_on)
            case "0":
                return self.zeroth
            case "PWD":
                return self.process.cwd
            case "LINENO":
                return str(self.line)
        if name.isdigit():
            place = int(name)
            return self.arguments[place - 1] if place <= len(self.arguments) else None
        variable = self.variables.get(name)
        return None if variable is None else variable.value

    def get(self, name: str) -> str | None:
        """Return a parameter's value. Raises ExpansionError for an unset one under `set -u`."""
        value = self.is_set(name)
        if value is None and self.options.nounset and name not in ("@", "*", "!"):
            raise ExpansionError(f"{name}: parameter not set")
        return value

    def assign(self, name: str, value: str, *, exported: bool | None = None) -> None:
        """Set a variable. Raises ExpansionError for a read-only one."""
        old = self.variables.get(name, Variable(""))
        if old.read_only:
            raise ExpansionError(f"{name}: is read only")
        self.variables[name] = Variable(value, old.exported if exported is None else exported)

    def unset(self, name: str) -> None:
        """Forget a variable. Raises ExpansionError for a read-only one."""
        if name in self.variables and self.variables[name].read_only:
            raise ExpansionError(f"{name}: is read only")
        self.variables.pop(name, None)

    def environment(self) -> dict[str, str]:
        """Return what children get."""
        found = {name: one.value for name, one in self.variables.items() if one.exported}
        return found | {"PWD": self.process.cwd}

    def declare_local(self, name: str) -> None:
        """Keep a variable's value for the end of the function."""
        if self.scopes and name not in self.scopes[-1]:
            self.scopes[-1][name] = self.variables.get(name)

    def leave_function(self) -> None:
        """Give local variables their old values."""
        for name, variable in self.scopes.pop().items():
            if variable is None:
                self.variables.pop(name, None)
            else:
                self.variables[name] = variable

    def words(self, message: str) -> str:
        """Return a message as the shell prefixes it."""
        match self.dialect:
            case Dialect.BASH:
                return f"{self.zeroth}: line {self.line}: {message}\n"
            case Dialect.DASH:
                return f"{self.zeroth}: {self.line}: {message}\n"
            case Dialect.ASH:
                return f"{self.zeroth}: {message}\n"
