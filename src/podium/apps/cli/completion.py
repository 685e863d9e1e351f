"""podium completion, and `kubectl_complete-podium`, which kubectl (1.26+) runs to complete `kubectl podium ...`.

Source of kubectl's protocol: kubectl pkg/cmd/plugin/plugin_completion.go and cobra's completions.go: the words so far
as arguments, the one to complete last; candidates one a line, with a description behind a tab; `:N` last.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from podium.apps.cli import render
from podium.apps.cli.grammar import SHELLS
from podium.apps.cli.verbs import Call, Podium
from podium.domain.errors import UsageError

FILES = 0  #: cobra's ShellCompDirectiveDefault: complete file names where there is no candidate
NO_FILES = 4  #: cobra's ShellCompDirectiveNoFileComp
_VARIABLE = "_PODIUM_COMPLETE"


def candidates(words: Sequence[str]) -> list[CompletionItem]:
    """What may stand in the place of the last word; behind `--` nothing is ours to know."""
    if "--" in words[:-1]:
        return [CompletionItem("", type="file")]
    *before, incomplete = words or [""]
    return ShellComplete(Podium(), {}, "podium", _VARIABLE).get_completions(list(before), incomplete)


def kubectl_entry() -> NoReturn:
    """Answer kubectl; whatever goes wrong, it must not see an error."""
    try:
        found = candidates(sys.argv[1:])
    except Exception:  # noqa: BLE001 - a Tab key is no place for a traceback
        found = []
    for item in found:
        if item.type == "plain":
            render.answer(f"{item.value}\t{item.help}" if item.help else item.value)
    render.answer(f":{FILES if any(item.type in ('file', 'dir') for item in found) else NO_FILES}")
    render.flush()
    sys.exit(0)


def act(call: Call) -> int:
    """Act; gives the exit status."""
    shell = call.flags.text("shell")
    found = get_completion_class(shell or "")
    if found is None:
        raise UsageError(f"no completion for {shell} (known: {', '.join(SHELLS)})")
    source = found(Podium(), {}, "podium", _VARIABLE)
    render.answer(source.source_template % source.source_vars())
    return 0
