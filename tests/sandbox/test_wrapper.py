"""The programs a client sends to a pod's shell: a loader reads them from stdin, what follows is the command's."""

from __future__ import annotations

import pytest

from podium.sandbox.runtime.images import Base
from sandbox.test_shell import container, run

LOADER = """p=; while IFS= read -r l && [ "$l" != "MARK" ]; do p="$p$l
"; done; eval "$p\""""
END_MARK = """"$@"; c=$?; printf '\\n%s %d\\n' 'NONCE' "$c" >&2; exit "$c\""""


async def load(
    program: str, *argv: str, stdin: bytes = b"", shell: str = "sh", base: Base = Base.DEBIAN
) -> tuple[int, bytes, bytes]:
    sent = program.encode() + b"\nMARK\n" + stdin
    return await run([shell, "-c", LOADER, "podium", *argv], sent, inside=container(base))


shells = pytest.mark.parametrize(
    ("shell", "base"), [("sh", Base.DEBIAN), ("bash", Base.DEBIAN), ("sh", Base.ALPINE)], ids=["dash", "bash", "ash"]
)


@shells
async def test_environment_and_folder_are_set_and_the_command_sees_no_stdin(shell: str, base: Base) -> None:
    program = "export A='it'\\''s'\ncd '/srv' || exit 126\nexec \"$@\" </dev/null"
    found = await load(program, "sh", "-c", 'echo "$A" $PWD; cat', stdin=b"not for it", shell=shell, base=base)
    assert found == (0, b"it's /srv\n", b"")


@shells
async def test_a_missing_folder_is_126(shell: str, base: Base) -> None:
    code, out, _ = await load("cd '/nope' || exit 126\nexec \"$@\"", "true", shell=shell, base=base)
    assert (code, out) == (126, b"")


@shells
async def test_the_end_mark_carries_the_code_and_stdin_is_the_commands(shell: str, base: Base) -> None:
    payload = b"first\nMARK\n" + bytes(range(256)) * 100
    found = await load(f"export A='x'\n{END_MARK}", "cat", stdin=payload, shell=shell, base=base)
    assert found == (0, payload, b"\nNONCE 0\n")
    code, _, err = await load(END_MARK, "sh", "-c", "exit 41", shell=shell, base=base)
    assert (code, err) == (41, b"\nNONCE 41\n")
    code, _, err = await load(END_MARK, "nope", shell=shell, base=base)
    assert (code, err.endswith(b"\nNONCE 127\n")) == (127, True)


@shells
async def test_bounded_stdin_leaves_the_rest(shell: str, base: Base) -> None:
    found = await load('head -c 5 | "$@"; cat', "tr", "a-z", "A-Z", stdin=b"abcdefgh", shell=shell, base=base)
    assert found == (0, b"ABCDEfgh", b"")


@shells
async def test_a_whole_script_with_its_arguments(shell: str, base: Base) -> None:
    script = 'echo "$1|$2"\nread x\necho got "$x"\nif [ "$#" = 2 ]; then\n  echo '
    program = f"eval '{script}'\\''two'\\''\nfi'"
    assert await load(program, "a", "b c", stdin=b"line1\nline2\n", shell=shell, base=base) == (
        0,
        b"a|b c\ngot line1\ntwo\n",
        b"",
    )


async def test_another_shell_is_looked_for_and_missed() -> None:
    program = 'command -v bash >/dev/null 2>&1 || { echo "no bash" >&2; exit 127; }; s=\'echo $0 $@\'; exec bash -c "$s" NAME "$@"'  # noqa: E501
    assert await load(program, "1", "2") == (0, b"NAME 1 2\n", b"")
    assert await load(program, "1", base=Base.ALPINE) == (127, b"", b"no bash\n")


async def test_a_subshell_keeps_its_changes_to_itself() -> None:
    assert await load('(cd /srv; A=1; "$@"); echo $PWD [$A]', "pwd") == (0, b"/srv\n/ []\n", b"")
