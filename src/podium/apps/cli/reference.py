"""docs/reference/cli.md, written from the grammar: `python -m podium.apps.cli.reference > docs/reference/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from podium.apps.cli import render
from podium.apps.cli.grammar import GRAMMAR
from podium.apps.cli.verbs import VERBS, Flag, Verb

_HEAD = """# The command line

Written by `python -m podium.apps.cli.reference`; a test compares it with the code.

`podium VERB [TARGETS] [flags] [-- COMMAND]` is the same as `kubectl podium VERB ...`. The command line is split at
its first `--` before anything is read. stdout has the answers only; header, progress, warnings and the summary go to
stderr. Where stdout is not a terminal nothing is cut short, coloured or redrawn. Durations are written as Go's (`90s`,
`1h30m`) and `2d`, sizes as `16Mi`, times as RFC 3339, `HH:MM` or a duration.
"""

_STATUSES = """## Exit status
| | |
|---|---|
| 0 | all that was meant was reached and ended well |
| 1 | something ended otherwise, was left out though it should run, or was not reached |
| 2 | wrong usage, settings or kubeconfig |
| 3 | nothing matched, or fewer than `--min-targets` |
| 4 | no cluster could be reached, or each refused us |
| 5 | stopped before its end: run timeout, deadline, the machine slept |
| 6 | not allowed, or nowhere to record; nothing ran |
| 130, 143, 129 | Ctrl-C or a closed stdout, SIGTERM, SIGHUP |

Which wins: signal > 2 > 6 > 4 > 3 > 5 > 1 > 0. `podium sandbox -- CMD` passes the status of its command.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_verb(name, GRAMMAR[name]) for name in VERBS), _STATUSES])


def _verb(name: str, verb: Verb) -> str:
    rows: dict[str, list[Flag]] = {}
    for param in verb.params:
        if isinstance(param, Flag) and not param.hidden:
            rows.setdefault(param.row, []).append(param)
    lines = [f"## podium {name}", f"`podium {name} {verb.usage}`", "", *_about(verb.help or ""), ""]
    for row, flags in rows.items():
        lines += [f"### {row} ({name})", "| flag | |", "|---|---|", *map(_line, flags), ""]
    return "\n".join(lines)


def _about(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield from ("```", *(line.strip() for line in paragraph[2:].splitlines()), "```", "")
        else:
            yield from (paragraph.strip(), "")


def _line(flag: Flag) -> str:
    value = "" if flag.is_flag or flag.count else f" {_value(flag)}"
    text = (flag.help or "").replace("|", "\\|")
    return f"| `{', '.join(flag.opts)}{value}` | {text} |".replace("` [=", "[=")


def _value(flag: Flag) -> str:
    if isinstance(flag.type, click.Choice):
        return "\\|".join(str(choice) for choice in flag.type.choices)
    return (flag.metavar or "").replace("|", "\\|")


if __name__ == "__main__":
    render.write_out(page().encode("utf-8"))
    render.flush()
