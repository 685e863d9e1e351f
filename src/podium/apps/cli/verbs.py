"""Verbs: click commands that take their flags as one mapping, and the group of them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.shell_completion import CompletionItem

from podium.domain.errors import UsageError

if TYPE_CHECKING:
    from podium.apps.settings import Settings

_SETTABLE = frozenset({"Cluster", "Care"})  # rows of the grammar: verbs that reach clusters, or keep what they did
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 120}


class Flag(click.Option):
    """A flag that knows under which row of the help it stands."""

    def __init__(self, names: Sequence[str], row: str, **attributes: Any) -> None:
        super().__init__(list(names), **attributes)
        self.row = row

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Leave files and directories to the shell; offer what the kubeconfig names."""
        if self.name in ("context", "namespace"):
            return _known(self.name, ctx.params, incomplete)
        kind = {"FILE": "file", "FILE|-": "file", "DIR": "dir"}.get(str(self.metavar))
        return [CompletionItem(incomplete, type=kind)] if kind else super().shell_complete(ctx, incomplete)


def _known(name: str, params: Mapping[str, object], incomplete: str) -> list[CompletionItem]:
    from podium.apps.cli import known

    before, comma, last = incomplete.rpartition(",") if name == "namespace" else ("", "", incomplete)
    found = known.contexts(params) if name == "context" else known.namespaces(params)
    return [CompletionItem(before + comma + value) for value in found if value.startswith(last)]


@dataclass(frozen=True, slots=True)
class Flags:
    """The parsed flags of one call, read by type: a wrong name or type is a bug and raises.

    `settled` are those that were not given, and have their values from the settings.
    """

    values: Mapping[str, object]
    settled: frozenset[str] = frozenset()

    def text(self, name: str) -> str | None:
        """One text, None where the flag was not given."""
        value = self.values[name]
        assert value is None or isinstance(value, str), name
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """All texts of a flag that may be repeated."""
        value = self.values[name]
        assert isinstance(value, tuple), name
        return tuple(str(part) for part in value)

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """All KEY=VALUE of a flag that may be repeated."""
        value = self.values[name]
        assert isinstance(value, tuple), name
        return tuple((str(key), str(part)) for key, part in value)

    def is_set(self, name: str) -> bool:
        """Whether a flag without a value was given."""
        value = self.values[name]
        assert isinstance(value, bool), name
        return value

    def count(self, name: str) -> int | None:
        """A whole number."""
        value = self.values[name]
        assert value is None or isinstance(value, int), name
        return value

    def seconds(self, name: str) -> float | None:
        """A duration."""
        value = self.values[name]
        assert value is None or isinstance(value, int | float), name
        return None if value is None else float(value)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a verb. `command` is what stood behind `--`; None where there was no `--`.

    The flags have the settings in them; `settings` are for what no flag says.
    """

    flags: Flags
    command: tuple[str, ...] | None
    settings: Settings | None = None


class Verb(click.Command):
    """A command; `act` of its module, imported when it is called, takes a Call and gives the exit status."""

    def __init__(self, name: str, module: str, params: Sequence[click.Parameter], text: str, usage: str) -> None:
        super().__init__(name, params=list(params), help=text, context_settings=dict(_HELP))
        self._module = module
        self.usage = usage

    def invoke(self, ctx: click.Context) -> int:
        """Act, as click asks."""
        behind = ctx.find_object(Behind)
        settings = self._settings()
        instead = {} if settings is None else settings.instead(ctx.params, lambda name: _is_given(ctx, name))
        flags = Flags({**ctx.params, **instead}, frozenset(instead))
        act: Callable[[Call], int] = importlib.import_module(self._module).act
        return act(Call(flags, behind.words if behind else None, settings))

    def _settings(self) -> Settings | None:
        """Read the settings for a verb that has flags of theirs; others are not to fail for a wrong file."""
        if not any(isinstance(param, Flag) and param.row in _SETTABLE for param in self.params):
            return None
        from podium.apps.settings import load

        return load(os.environ)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name what is given, in the grammar's order."""
        return [self.usage]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, a named selection in its place, and name the near misses of a flag that does not exist."""
        try:
            if any(arg.startswith("@") for arg in args) and (settings := self._settings()) is not None:
                from podium.apps.cli.named import expand

                args = expand(self, ctx, args, settings)
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            names = [name for param in self.get_params(ctx) if _is_shown(param) for name in param.opts]
            _no_such("flag", error.option_name, names)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the flags by the rows of the grammar."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                rows.setdefault(param.row if isinstance(param, Flag) else "Help", []).append(record)
        rows["Help"] = rows.pop("Help", [])  # last
        for row, records in rows.items():
            with formatter.section(row):
                formatter.write_dl(records, col_max=34)


@dataclass(frozen=True, slots=True)
class Behind:
    """What stood behind the first `--` of the command line, None where there was none."""

    words: tuple[str, ...] | None


VERBS: Mapping[str, str] = MappingProxyType(
    {
        "exec": "Run a command in every target",
        "targets": "Show what a selection picks, and what it leaves out",
        "runs": "List, show, follow and compare the runs that are kept",
        "resume": "Go on with a run that stopped before its end",
        "rerun": "Run again in those targets of a run that ended so",
        "cancel": "End a run that another process runs",
        "trail": "List, show, verify and export the audit trail",
        "doctor": "Say which clusters are reached, as whom, with which rights",
        "config": "Show every setting, and where it comes from",
        "sandbox": "Run an embedded cluster to try things on",
        "completion": "Print the completion script of a shell",
        "version": "Print the version",
    }
)


class Podium(click.Group):
    """The root of the command line: knows the verbs by name, builds them when one is called."""

    def __init__(self) -> None:
        super().__init__("podium", help=_ABOUT, context_settings=dict(_HELP), no_args_is_help=False)
        self.params.append(
            click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, help="Print the version.",
                         callback=_print_version)
        )  # fmt: skip

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All verbs, in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """A verb with its flags."""
        from podium.apps.cli.grammar import GRAMMAR

        return GRAMMAR.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; name the near misses of one that does not exist."""
        word = args[0]
        if word.startswith("-"):
            _no_such("flag", word.partition("=")[0], ["--version", "--help"], " before the verb")
        if word not in VERBS:
            _no_such("verb", word, list(VERBS))
        return word, self.get_command(ctx, word), args[1:]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help when called bare; name the near misses of a flag that does not exist."""
        if not args:
            args = ["--help"]
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            _no_such("flag", error.option_name, ["--version", "--help"], " before the verb")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """List the verbs without building them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The grammar in one line."""
        return ["VERB [TARGETS] [flags] [-- COMMAND]"]


_ABOUT = """One command over thousands of pods, with honest results.

`podium VERB --help` lists a verb's flags. The same as `kubectl podium VERB ...`."""


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001 - click's
    if value and not ctx.resilient_parsing:
        from podium.apps.cli.version import write_version

        write_version()
        ctx.exit()


def _is_given(ctx: click.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source not in {None, click.core.ParameterSource.DEFAULT, click.core.ParameterSource.DEFAULT_MAP}


def _is_shown(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and not param.hidden


def _no_such(kind: str, word: str, known: Sequence[str], where: str = "") -> NoReturn:
    import difflib

    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else "see --help"
    raise UsageError(f"no such {kind}{where}: {word} ({hint})")
