"""The sandbox's shell against dash, where this machine has it: the same script, the same output and code."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import pytest

from podium.sandbox.runtime.files import FileSystem
from podium.sandbox.runtime.images import Base, build
from podium.sandbox.runtime.process import Container, Identity
from podium.sandbox.runtime.programs.registry import PROGRAMS
from podium.sandbox.runtime.streams import Pipe, PipeReader, PipeWriter

CAP = 1 << 20
IDENTITY = Identity("web-1", "shop", "node-1", "10.244.0.2", "app", "image:1", 0.0, {})


def container(base: Base = Base.DEBIAN, cap: int = CAP, without: tuple[str, ...] = ()) -> Container:
    files = {"/app/REVISION": "4.2.1\n", "/app/run": "#!/bin/sh\necho ran $1\n"}
    return Container(IDENTITY, FileSystem(build(base, without, files, ()), cap), PROGRAMS, {})


async def run(
    argv: list[str], stdin: bytes | None = None, *, inside: Container | None = None
) -> tuple[int, bytes, bytes]:
    """Run a command in a container and return code, stdout, stderr."""
    box = container() if inside is None else inside
    source, outputs = Pipe(1 << 22), (Pipe(), Pipe())
    if stdin:
        source.parts.append(stdin)
        source.held = len(stdin)
    source.no_writer = True
    streams = {0: PipeReader(source), 1: PipeWriter(outputs[0]), 2: PipeWriter(outputs[1])}
    process = box.start(argv, streams)

    async def drain(pipe: Pipe) -> bytes:
        parts = []
        while part := await pipe.read(1 << 16):
            parts.append(part)
        return b"".join(parts)

    async with asyncio.timeout(10):
        out, err = await asyncio.gather(*(drain(pipe) for pipe in outputs))
        return await process.wait(), out, err


SAME = [
    "echo one two; false || echo no; echo $?",
    "true && echo yes || echo no; ! true; echo $?",
    "for i in 1 2 3; do echo $i; done | cat",
    "for i in a b; do for j in 1 2; do [ $j = 2 ] && continue 2; echo $i$j; done; done",
    "i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo $i; done; until false; do break; done; echo $i",
    "x='a  b'; echo $x; echo \"$x\"; echo '$x'; echo \"${x}c\" ${y:-d} ${y-e} ${x:+f}",
    'unset z; echo "[${z:=val}]" $z ${#z}',
    "f=/a/b.tar.gz; echo ${f##*/} ${f#*/} ${f%.*} ${f%%.*}",
    'set -- a \'b c\' d; echo $#; for a; do echo "<$a>"; done; shift; echo "$1" $2; set --; echo $#',
    "set -- 'x y' z; printf '[%s]' \"$@\"; printf '[%s]' \"$*\"; printf '[%s]' $*; echo",
    'IFS=:; v=a:b::c; for p in $v; do echo "<$p>"; done',
    "echo $((2+3*4)) $((7/2)) $((-7/2)) $((7%3)) $((1<<4)) $((5>3)) $((3==3&&2!=2)) $((1?4:5))",
    "n=5; echo $((n*2)) $((n+=3)) $n $((0x1f)) $((010))",
    "case abc in a*) echo star;; abc) echo exact;; *) echo other;; esac",
    "case x in y|x) echo either;; esac; case '*' in '*') echo quoted;; esac; case q in [!a-c]) echo not;; esac",
    "if false; then echo a; elif true; then echo b; else echo c; fi; if false; then :; fi; echo $?",
    "f() { echo in $1; return 3; }; f x; echo $?; g() (echo sub); g",
    "x=1; (x=2; echo $x; exit 4); echo $? $x; { x=3; echo $x; }; echo $x",
    "echo $(echo a; echo b) \"$(printf 'c\\n\\n')\" `echo d`",
    "x=$(false); echo $?; y=$(exit 5) ; echo $?",
    "cat <<EOF\nhello $((1+1)) $(echo sub)\n\\$not\nEOF",
    "cat <<'EOF'\nraw $x `no`\nEOF",
    "cat <<-EOF\n\ttab\n\tgone\n\tEOF\necho after",
    "echo out; echo err >&2; echo both 2>&1 >/dev/null; (echo e >&2) 2>&1",
    "exec 3>&1; echo to3 >&3; exec 3>&-; echo done",
    'echo a b c | { read x y; echo "$y-$x"; }',
    "printf 'l1\\nl2\\n\\\\x\\n' | while IFS= read -r l; do echo \"<$l>\"; done",
    "printf 'a\\\\\\nb\\n' | { read l; echo \"$l\"; }",
    "printf '  pad  ded \\n' | { read l; echo \"[$l]\"; }; printf 'x:y:z\\n' | { IFS=: read a b; echo $a,$b; }",
    "printf '%s-%d-%5s-%-5s|%03d|%x|%c|%%|\\n' a 7 b c 9 255 xyz",
    "printf '%s\\n' a b c; printf 'no args %s|%d\\n'; printf '%b' 'a\\tb\\n'",
    "echo 'a\\tb'; echo -n x; echo; echo \"a\\\\b\"",
    "test -d / && test -f /etc/passwd && test ! -e /nope && echo ok; [ a = a -a 1 -lt 2 ] && echo both; [ -z '' -o x ]; echo $?",  # noqa: E501
    "eval 'x=5; echo $x'; eval echo '\"$x\"' ; eval; echo $?",
    "set -e; true; false || true; if false; then :; fi; echo still; false; echo never",
    "set -u; echo ${nope-unset}; echo ${nope}; echo never",
    "sleep 0.05 & wait $!; echo $?; (exit 7) & wait $!; echo $?",
    "trap 'echo bye' EXIT; echo work; exit 3",
    "command -v echo >/dev/null && echo have; command -v nope-x >/dev/null 2>&1 || echo missing",
    "nope-x; echo $?; /etc/passwd; echo $?; /etc; echo $?",
    "cat < /nope-x; echo $?; echo x > /nope-x/y; echo $?",
    "cd /etc && pwd; cd - >/dev/null; cd /nope-x; echo $?",
    "export A=1; sh -c 'echo $A $0 $1' name arg; B=2 sh -c 'echo $B'; echo [$B]",
    "sh -c 'exit 9'; echo $?; sh -c 'kill -TERM $$'; echo $?",
    "echo a; # comment\necho b#c # more\necho \\# d",
    "a=1 b=2; echo $a$b; a=$b c=$a; echo $a$c; echo \"a\"'b'c\\ d",
    "echo \\\ncontinued; echo 'multi\nline'",
    "x=5; x=6 true; echo $x; readonly r=1; (r=2) 2>/dev/null; echo $?",
    'while read l; do echo "got $l"; done <<EOF\n1\n2\nEOF',
    "seq 3 | sort -r | head -n 2 | tr '12' 'ab' | wc -l",
    "printf 'b\\na\\nb\\n' | sort -u; printf 'b\\na\\nb\\n' | sort | uniq -c | sed 's/^ *//'",
    "printf 'one\\ntwo\\nthree\\n' | grep -n t | cut -d: -f2; printf 'x\\n' | grep y; echo $?",
    "printf 'a=1\\nb=2\\n' | sed -n 's/^b=//p'; echo hello | sed 's/l/L/g;s/$/!/'; seq 5 | sed '2,4d'; seq 5 | sed -n '$p'",  # noqa: E501
    "echo x | tee /dev/null | cat; yes | head -n 2; echo 'A b' | tr A-Z a-z",
    "basename /a/b.c .c; dirname /a/b; printf 'abc' | wc -c; echo abc | head -c 2",
    "printf abc | sha256sum; printf abc | md5sum; printf abc | base64; echo YWJj | base64 -d",
    "if; then",
    "echo 'unterminated",
    "exit 300",
]


@pytest.mark.parametrize("script", SAME)
async def test_as_dash_does(script: str) -> None:
    dash = shutil.which("dash")
    if dash is None:
        pytest.skip("no dash here to compare with")
    command = [dash, "-c", script]
    real = await asyncio.to_thread(
        subprocess.run,
        command,
        capture_output=True,
        timeout=20,
        env={"PATH": "/usr/bin:/bin", "HOME": "/root"},
        cwd="/",
    )
    code, out, err = await run(["sh", "-c", script])
    assert (out, code) == (real.stdout, real.returncode), err
    assert (err != b"") == (real.stderr != b""), (err, real.stderr)


async def test_stdin_is_never_read_too_far() -> None:
    script = 'read a; cat; read b; echo "[$a][$b]"'
    assert (await run(["sh", "-c", script], b"one\ntwo\nthree"))[1] == b"two\nthree[one][]\n"
    assert (await run(["sh", "-c", "head -n 1; head -c 3; cat"], b"l1\nabcdef"))[1] == b"l1\nabcdef"
    assert (await run(["sh"], b"echo one\nread x\nvalue\necho $x\ncat\nrest\n"))[1] == b"one\nvalue\nrest\n"


async def test_a_script_on_stdin_may_span_lines() -> None:
    script = b"if true\nthen\n  for i in 1 2\n  do echo $i\n  done\nfi\ncat <<E\nhere\nE\n"
    assert (await run(["sh"], script))[:2] == (0, b"1\n2\nhere\n")


@pytest.mark.parametrize(
    ("argv0", "base", "words"),
    [
        ("sh", Base.DEBIAN, b"sh: 1: nope: not found\n"),
        ("bash", Base.DEBIAN, b"bash: line 1: nope: command not found\n"),
        ("sh", Base.ALPINE, b"sh: nope: not found\n"),
    ],
)
async def test_each_shell_has_its_words(argv0: str, base: Base, words: bytes) -> None:
    assert await run([argv0, "-c", "nope"], inside=container(base)) == (127, b"", words)


async def test_an_executable_script_runs_by_its_first_line() -> None:
    assert await run(["/app/run", "x"]) == (0, b"ran x\n", b"")


async def test_a_missing_program_is_127_and_one_that_is_not_executable_126() -> None:
    box = container(without=("cat",))
    assert (await run(["sh", "-c", "cat /app/REVISION"], inside=box))[0] == 127
    assert (await run(["sh", "-c", "/app/REVISION"], inside=box))[0] == 126


async def test_the_file_system_has_a_cap() -> None:
    box = container(cap=10_000)
    code, _, err = await run(
        ["sh", "-c", "seq 5000 > /tmp/big; echo $?; rm /tmp/big; echo ok > /tmp/x && cat /tmp/x"], inside=box
    )
    assert (code, b"No space left on device" in err) == (0, True)
    assert box.files.used == 3


async def test_files_come_and_go() -> None:
    script = """
    mkdir -p /tmp/a/b && echo hi > /tmp/a/b/f && cp -r /tmp/a /tmp/c && mv /tmp/c/b/f /tmp/g
    ls /tmp/a/b /tmp/c/b; cat /tmp/g; rm -r /tmp/a; ls /tmp/a; ln -s /tmp/g /tmp/l; cat /tmp/l; echo more >> /tmp/l
    wc -l < /tmp/g; tar -cf - -C / tmp/g | tar -xf - -C /srv; cat /srv/tmp/g; echo /tmp/*
    rm -f /etc/passwd; ls /etc/passwd
    """
    code, out, err = await run(["sh", "-c", script])
    assert out == b"/tmp/a/b:\nf\n\n/tmp/c/b:\nhi\nhi\n2\nhi\nmore\n/tmp/c /tmp/g /tmp/l\n"
    assert err.count(b"No such file or directory") == 2
    assert code == 2


async def test_what_is_not_supported_says_so() -> None:
    for script in ("[[ a = a ]]", "getopts a b", "awk 1", "sed y/a/b/"):
        code, _, err = await run(["sh", "-c", script])
        assert code != 0
        assert b"sandbox" in err


async def test_streams_as_it_goes_and_stops_when_nobody_reads() -> None:
    box = container()
    out = Pipe()
    process = box.start(["sh", "-c", "yes | cat"], {1: PipeWriter(out)})
    async with asyncio.timeout(5):
        assert (await out.read(2)) == b"y\n"
    PipeReader(out).drop()
    async with asyncio.timeout(5):
        assert await process.wait() == 141
    assert box.processes == {}


async def test_deep_recursion_ends() -> None:
    async with asyncio.timeout(20):
        code, _, _ = await run(["sh", "-c", "f() { f; }; f"])
    assert code != 0
