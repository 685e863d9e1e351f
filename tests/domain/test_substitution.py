"""Substitution: exactly the named facts, bare in argv, one word in every real shell."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from podium.domain.commands import Command, CommandKind
from podium.domain.errors import UsageError
from podium.domain.substitution import Facts, has_tokens, substitute

FACTS = Facts("web-1", "shop", "app", "n1", "10.0.0.7", {"app": "web", "app.kubernetes.io/name": "it's", "none": ""})
SHELLS = [
    pytest.param(argv, id=argv[0])
    for argv in (("sh", "-c"), ("dash", "-c"), ("bash", "-c"), ("busybox", "sh", "-c"), ("zsh", "-c"), ("ksh", "-c"))
    if shutil.which(argv[0]) is not None
]
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
PLACES = ["'{label:x}'", '"{label:x}"', "`echo {label:x}`", "cat <<E\n{label:x}\nE", "\\{label:x}"]
HOSTILE = [
    "'",
    '"',
    "\n",
    "$(touch x)",
    "`id`",
    "a b",
    "",
    "\\",
    "*",
    "~",
    "-n",
    'it\'s\n"so"',
    "!!",
    "#",
    ";ls",
    "'\"'\"'",
]


def argv(*words: str, facts: Facts = FACTS) -> tuple[str, ...]:
    return substitute(Command(words), facts).argv


def line(text: str, facts: Facts = FACTS) -> str:
    return substitute(Command((text,), CommandKind.LINE), facts).argv[0]


def with_label(value: str) -> Facts:
    return replace(FACTS, labels={"x": value})


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("{pod}", "web-1"),
        ("{namespace}/{pod}@{node}", "shop/web-1@n1"),
        ("--ip={ip}:{container}", "--ip=10.0.0.7:app"),
        ("{label:app}", "web"),
        ("{label:app.kubernetes.io/name}", "it's"),
        ("<{label:none}>", "<>"),
        ("{{pod}}", "{pod}"),
        ("{{label:absent}}", "{label:absent}"),
        ("{{pod}}={pod}", "{pod}=web-1"),
        ("{{{pod}}}", "{{pod}}"),
        ("{{pod}", "{web-1"),
        ("{pod}}", "web-1}"),
        ("${pod} ${{pod}}", "${pod} ${pod}"),
        ("$ {pod}", "$ web-1"),
    ],
)
def test_what_stands_for_what(word: str, written: str) -> None:
    assert argv("echo", word) == ("echo", written)


@pytest.mark.parametrize(
    "word",
    ["{}", "{Pod}", "{ pod }", "{pods}", "{.pod}", "{{.pod}}", "{label}", "{label:}", "{label:a b}", "{print $1}",
     "a{1,2}", '{"pod": 1}', "{uid}", "{pod", "pod}", "{name}"],
)  # fmt: skip
def test_all_else_in_braces_is_untouched(word: str) -> None:
    assert argv(word) == (word,)
    assert line(word) == word
    assert not has_tokens(Command((word,)))


@given(st.text(alphabet="{}$podx:label ", max_size=30))
def test_without_a_fact_nothing_changes_and_with_one_it_is_seen(word: str) -> None:
    facts = replace(FACTS, labels={})
    try:
        same = argv(word, facts=facts) == (word,)
    except UsageError:
        same = False
    assert same is not has_tokens(Command((word,)))


@given(VALUES)
def test_argv_takes_every_value_as_it_is(value: str) -> None:
    assert argv("a{label:x}b", facts=with_label(value)) == (f"a{value}b",)


def test_a_scripts_arguments_are_argv() -> None:
    script = Command(("{label:x}",), CommandKind.SCRIPT, script=b"echo {pod}")
    made = substitute(script, with_label("it's"))
    assert (made.argv, made.script) == (("it's",), b"echo {pod}")


@given(VALUES, VALUES)
@example("'", "\n")
def test_a_line_stays_words(first: str, second: str) -> None:
    facts = replace(FACTS, labels={"a": first, "b": second})
    assert shlex.split(line("cmd {label:a} x{label:b}y", facts)) == ["cmd", first, f"x{second}y"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_reads_one_word(shell: tuple[str, ...]) -> None:
    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(VALUES)
    def check(value: str) -> None:
        ran = subprocess.run(
            [*shell, line("printf '%s|' a {label:x} {pod}{label:x}", with_label(value))],
            capture_output=True, check=True, timeout=60, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert ran.stdout == f"a|{value}|web-1{value}|".encode()

    for value in HOSTILE:
        check.hypothesis.inner_test(value)  # type: ignore[attr-defined]
    check()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("value", [*(value for value in HOSTILE if value != "-n"), "plain-1.2_3"])
def test_within_quotes_a_value_is_itself_or_refused(shell: tuple[str, ...], where: str, value: str) -> None:
    template = where if where.startswith("cat") else f"printf %s {where}"
    if value not in {"", "plain-1.2_3"} or (value == "" and where.startswith("\\")):
        with pytest.raises(UsageError, match=r"in quotes .* of shop/web-1 "):
            line(template, with_label(value))
        return
    text = line(template, with_label(value))
    ran = subprocess.run([*shell, text], capture_output=True, check=False, timeout=60, cwd="/")
    assert ran.stdout.rstrip(b"\n") == value.encode()


@pytest.mark.parametrize(
    ("word", "facts", "said"),
    [
        ("{label:tier}", FACTS, "{label:tier}: shop/web-1 has no label tier"),
        ("{ip}", replace(FACTS, ip=""), "{ip}: shop/web-1 has no ip"),
        ("{node}", replace(FACTS, node=""), "{node}: shop/web-1 has no node"),
        ("{label:x}", with_label("a\0b"), "NUL"),
    ],
)
def test_what_is_missing_names_the_target(word: str, facts: Facts, said: str) -> None:
    for make in (argv, line):
        with pytest.raises(UsageError) as error:
            make(word, facts=facts)
        assert said in str(error.value)
        assert "shop/web-1" in str(error.value)


def test_nothing_else_of_a_command_changes() -> None:
    command = Command(("{pod}",), env=(("A", "{pod}"),), cwd="/{pod}", stdin=b"{pod}", timeout=7.0)
    assert substitute(command, FACTS) == replace(command, argv=("web-1",))
