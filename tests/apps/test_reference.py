"""docs/reference/cli.md is what the code says; flags mean one thing everywhere."""

from __future__ import annotations

from pathlib import Path

from podium.apps.cli.grammar import GRAMMAR
from podium.apps.cli.reference import page
from podium.apps.cli.verbs import VERBS, Flag

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == page(), (
        "write it again: python -m podium.apps.cli.reference > docs/reference/cli.md"
    )


def test_every_verb_of_the_help_has_a_grammar_and_the_other_way_round() -> None:
    assert list(VERBS) == list(GRAMMAR)


def test_a_long_flag_means_one_thing_everywhere() -> None:
    meanings: dict[str, set[tuple[str, str, str]]] = {}
    for verb in GRAMMAR.values():
        for param in verb.params:
            if isinstance(param, Flag) and param.name != "output":
                for name in param.opts:
                    if (param.row, name) == ("Trail", "--namespace"):  # the grammar has it twice: where a run was
                        continue
                    meanings.setdefault(name, set()).add((param.row, param.help or "", str(param.name)))
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}


def test_no_flag_of_later_issues_exists() -> None:
    names = {name for verb in GRAMMAR.values() for param in verb.params for name in param.opts}
    later = {
        "--pod-running-timeout",
        "--every",
    }
    assert not names & later
