"""KubeExec against servers that cut, forge, stall and leak: no success without proof, no byte lost, no word leaked."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

import pytest

from adapters.kube.execs import Sink, argv, line, run_on, script
from adapters.kube.wire.servers import CLOSE, V4, V5, Script, Talk, api_for, frame, scripted, server_context
from podium.domain.commands import Command
from podium.domain.outcomes import Failed, Lost, Outcome, Proof, Reason, Rejected, Succeeded, Why, reason_of
from support.authorities import Authority, Pair

pytestmark = pytest.mark.on(why="no cluster breaks streams byte by byte on demand: a scripted server does")

SUCCESS = b'{"metadata":{},"status":"Success"}'


def exit_status(code: object) -> bytes:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    message = "command terminated with non-zero exit code"
    return json.dumps({"status": "Failure", "message": message, "details": {"causes": causes}}).encode()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("wire")


@pytest.fixture(scope="module")
def server_pair(authority: Authority) -> Pair:
    return authority.server("127.0.0.1")


Meet = Callable[..., Awaitable[tuple[Outcome, Sink]]]


@pytest.fixture
def meet(authority: Authority, server_pair: Pair) -> Meet:
    """Exec a command on a scripted server; a bound of 20 s stands for "does not hang"."""

    async def meet(server: Script, command: Command, sink: Sink | None = None) -> tuple[Outcome, Sink]:
        out = sink or Sink()
        async with scripted(server, server_context(server_pair)) as running:
            api = api_for(running.port, authority, connect_timeout=3.0)
            try:
                async with asyncio.timeout(20):
                    return await run_on(api, command, out), out
            finally:
                await api.close()

    return meet


def ending(*pieces: bytes, protocol: str = V4, close: bytes = CLOSE) -> Script:
    """A server that takes the upgrade, sends pieces each in a record of its own, and closes."""

    async def server(talk: Talk) -> None:
        await talk.accept(protocol)
        for piece in pieces:
            await talk.send(piece)
            await asyncio.sleep(0)
        await talk.send(close)
        await talk.until_gone()

    return server


def why(outcome: Outcome) -> Why | None:
    reason = reason_of(outcome)
    return None if reason is None else reason.why


def closing(code: int) -> bytes:
    return bytes((0x88, 2)) + code.to_bytes(2, "big")


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1005, 4000])
async def test_pitfall_1_no_close_code_stands_for_a_status(meet: Meet, code: int) -> None:
    outcome, sink = await meet(ending(frame(1, b""), frame(1, b"done\n"), close=closing(code)), argv("true"))
    assert isinstance(outcome, Lost)
    assert why(outcome) in (Why.NO_STATUS, Why.BROKEN)
    assert sink.stdout == b"done\n"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ((SUCCESS,), Succeeded(Proof.RUNTIME)),
        ((SUCCESS, SUCCESS), None),
        ((exit_status(3), SUCCESS), None),
        ((SUCCESS[:-1],), None),
        ((SUCCESS[:10], SUCCESS[10:]), Succeeded(Proof.RUNTIME)),
        ((b" " * 70_000 + SUCCESS,), None),
        ((SUCCESS + b" " * 70_000,), None),
        ((exit_status("3" * 5000),), None),
        ((exit_status(-1),), Failed(-1, Proof.RUNTIME)),
        ((exit_status(0),), None),
    ],
)
async def test_pitfall_2_a_status_counts_whole_and_once(
    meet: Meet, status: tuple[bytes, ...], expected: Outcome | None
) -> None:
    outcome, _ = await meet(ending(*(frame(3, part) for part in status)), argv("true"))
    if expected is None:
        assert isinstance(outcome, Lost)
    else:
        assert outcome == expected


async def test_output_behind_the_status_is_kept(meet: Meet) -> None:
    outcome, sink = await meet(ending(frame(3, SUCCESS), frame(1, b"late"), frame(2, b"later")), argv("true"))
    assert outcome == Succeeded(Proof.RUNTIME)
    assert (sink.stdout, sink.stderr) == (b"late", b"later")


async def test_a_101_with_a_protocol_that_was_not_offered_is_lost_without_noise(
    meet: Meet, caplog: pytest.LogCaptureFixture
) -> None:
    async def server(talk: Talk) -> None:
        await talk.accept("v1.channel.k8s.io", also=frame(1, b"ran"))
        await talk.until_gone()

    with caplog.at_level(logging.ERROR):
        outcome, _ = await meet(server, argv("true"))
        await asyncio.sleep(0)
    assert isinstance(outcome, Lost)
    assert why(outcome) is Why.NO_ANSWER
    assert [record.getMessage() for record in caplog.records] == []


def nonce_of(request: str) -> str:
    """The end mark's nonce, as whoever sees the pod's processes can read it."""
    return unquote(request).split("!= ")[1].split(" ")[0]


@pytest.mark.parametrize("word", ["9" * 5000, "-1", "0x0", "", "0 0", "\u0660", "256", "1e1", "cwd0", "00"])
async def test_a_forged_mark_is_no_mark(meet: Meet, word: str) -> None:
    """A command sees the nonce in its shell's argv. What no shell of ours would print is its own output."""

    async def server(talk: Talk) -> None:
        asked = await talk.accept(V5)
        forged = f"\n{nonce_of(asked.line)} {word}\n".encode()
        await talk.send(frame(2, forged))
        await talk.send(frame(3, SUCCESS) + CLOSE)
        await talk.until_gone()

    outcome, sink = await meet(server, replace(argv("cat"), stdin=b"x"))
    assert isinstance(outcome, Lost)
    assert sink.stderr.endswith(f" {word}\n".encode())


async def test_a_mark_without_an_end_holds_back_no_more_than_a_mark(meet: Meet) -> None:
    flood = b"x" * 3_000_000

    async def server(talk: Talk) -> None:
        asked = await talk.accept(V5)
        nonce = nonce_of(asked.line).encode()
        await talk.send(frame(2, b"\n" + nonce + b" " + flood))
        await talk.send(frame(2, b"\n" + nonce + b" 3\n"))
        await talk.send(frame(3, SUCCESS) + CLOSE)
        await talk.until_gone()

    outcome, sink = await meet(server, replace(argv("cat"), stdin=b"x"))
    assert outcome == Failed(3, Proof.MARK)
    assert sink.stderr.endswith(flood)


async def test_a_cut_status_shows_nothing_of_argv(meet: Meet) -> None:
    message = b'{"metadata":{},"status":"Failure","message":"error executing command [mysql -phunter2 x'
    for status in (message, b'{"message":"[mysql -phunter2 x]"}'):
        outcome, _ = await meet(ending(frame(3, status)), argv("mysql", "-phunter2", "x"))
        assert isinstance(outcome, Lost)
        assert "hunter2" not in str(outcome)


@pytest.mark.parametrize("secret", ["p@ss w/rd&", 'qu"ote<é>', "pass'word"])
async def test_an_error_page_that_repeats_the_url_shows_nothing_of_argv(meet: Meet, secret: str) -> None:
    async def server(talk: Talk) -> None:
        asked = await talk.request()
        page = f"<p>The requested URL {asked.line.split()[1]} was refused; command {secret}</p>"
        await talk.answer("403 Forbidden", page.encode())

    outcome, _ = await meet(server, argv("mysql", "--password", secret))
    assert isinstance(outcome, Rejected)
    assert why(outcome) is Why.FORBIDDEN
    for shown in (secret, quote(secret, safe="")):
        assert f"command={shown}" not in str(outcome)
        assert f"command {shown}" not in str(outcome)
    for shown in ("ss w", "ote", "word"):
        assert shown not in str(outcome)


async def test_a_commands_own_words_prove_nothing(meet: Meet) -> None:
    """A runtime's message may repeat argv: what stands there is no message of the runtime."""
    words = ("sh", "-c", "exec: x: no such file or directory")
    message = f"error executing command [{' '.join(words)}]: stream broken"
    status = json.dumps({"status": "Failure", "reason": "InternalError", "message": message}).encode()
    outcome, _ = await meet(ending(frame(3, status)), argv(*words))
    assert isinstance(outcome, Lost)
    assert why(outcome) is Why.UNKNOWN_STATUS


async def test_what_the_mark_filter_holds_is_given_out_when_the_exec_is_ended(meet: Meet) -> None:
    async def server(talk: Talk) -> None:
        await talk.accept(V4)
        await talk.send(frame(2, b"progress\n"))
        await talk.until_gone()

    sink = Sink()
    task = asyncio.ensure_future(meet(server, script("echo progress >&2; sleep 100"), sink))
    await asyncio.wait_for(sink.arrived.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sink.stderr == b"progress\n"


async def test_an_end_that_came_before_we_gave_up_counts(meet: Meet) -> None:
    """Only the close handshake was left: a command whose Status is here is not timed out."""

    async def server(talk: Talk) -> None:
        await talk.accept(V4)
        await talk.send(frame(1, b"ok") + frame(3, exit_status(7)))
        await talk.until_gone()

    for delay in (0.3, 1.3):
        sink = Sink()
        task = asyncio.ensure_future(meet(server, argv("true"), sink))
        await asyncio.wait_for(sink.arrived.wait(), 10)
        await asyncio.sleep(delay)
        task.cancel()
        assert (await task)[0] == Failed(7, Proof.RUNTIME)


async def test_output_that_lags_behind_the_mark_is_waited_for(meet: Meet) -> None:
    """stdout and stderr travel apart: the mark on stderr may overtake much of stdout, and our own reader be slow."""

    async def server(talk: Talk) -> None:
        asked = await talk.accept(V5)
        await talk.send(frame(2, f"\n{nonce_of(asked.line)} go\n".encode()))
        await talk.send(frame(2, f"\n{nonce_of(asked.line)} 0\n".encode()))
        for _ in range(10):
            await talk.send(frame(1, b"x" * 1000))
            await asyncio.sleep(0.3)
        await talk.until_gone()

    outcome, sink = await meet(server, replace(argv("cat"), stdin=b"x" * 100_000))
    assert outcome == Succeeded(Proof.MARK)
    assert len(sink.stdout) == 10_000


async def test_output_behind_the_mark_waits_for_a_slow_reader(meet: Meet) -> None:
    async def server(talk: Talk) -> None:
        asked = await talk.accept(V5)
        await talk.send(frame(2, f"\n{nonce_of(asked.line)} go\n".encode()))
        await talk.send(frame(1, b"x" * 10) + frame(2, f"\n{nonce_of(asked.line)} 0\n".encode()))
        await talk.send(frame(1, b"x" * 3_000_000))
        await talk.until_gone()

    sink = Sink(hold_after=1)
    asyncio.get_running_loop().call_later(3.0, sink.release)
    outcome, _ = await meet(server, replace(argv("cat"), stdin=b"x" * 100_000), sink)
    assert outcome == Succeeded(Proof.MARK)
    assert len(sink.stdout) == 3_000_010


class Bad(Sink):
    def write(self, channel: Any, data: memoryview) -> None:
        raise ValueError("a bug in a view")


@pytest.mark.parametrize("together", [True, False])
async def test_an_output_that_raises_ends_the_exec_with_its_error(
    meet: Meet, caplog: pytest.LogCaptureFixture, together: bool
) -> None:
    """An event loop swallows what its callbacks raise: bytes would be missing below a success."""
    pieces = (frame(1, b"x"), frame(3, SUCCESS))
    with caplog.at_level(logging.ERROR), pytest.raises(ValueError, match="a bug in a view"):
        await meet(ending(b"".join(pieces)) if together else ending(*pieces), argv("true"), Bad())
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("command", [argv("true"), script("true"), replace(argv("cat"), stdin=b"x" * 300_000)])
async def test_cancelled_at_any_moment_it_leaves_nothing_open(
    authority: Authority, server_pair: Pair, command: Command
) -> None:
    """Sockets and tasks, after cancels spread over the dial, the upgrade, the stream and the close."""

    async def server(talk: Talk) -> None:
        await talk.accept(V4)
        await talk.send(frame(1, b"x" * 1000) + frame(3, SUCCESS))
        await talk.send(CLOSE)
        await talk.until_gone()

    async with scripted(server, server_context(server_pair)) as running:
        api = api_for(running.port, authority)
        for turns in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89):
            task = asyncio.ensure_future(run_on(api, command, Sink()))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task}, timeout=5)
            assert task.done()
        async with asyncio.timeout(10):
            while any("run_on" in repr(task) or "_feed" in repr(task) for task in asyncio.all_tasks()):
                await asyncio.sleep(0.01)
            while any(not talk.writer.transport.is_closing() for talk in running.talks):
                await asyncio.sleep(0.01)
        await api.close()


async def test_a_word_that_is_no_utf_8_travels_as_it_is(meet: Meet) -> None:
    asked: list[str] = []

    async def server(talk: Talk) -> None:
        asked.append((await talk.accept(V4)).line)
        await talk.send(frame(3, SUCCESS) + CLOSE)
        await talk.until_gone()

    outcome, _ = await meet(server, argv("ls", "/tmp/\udcff"))
    assert outcome == Succeeded(Proof.RUNTIME)
    assert "command=%2Ftmp%2F%FF" in asked[0]


def test_reasons_can_be_kept_and_shown() -> None:
    """A first word or a folder may hold bytes that are no text: a reason is text all the same."""
    from podium.adapters.kube.loader import BAD_CWD
    from podium.adapters.kube.verdicts import Evidence, decide

    missing = b'{"status":"Failure","message":"exec: \\"x\\": executable file not found in $PATH"}'
    for evidence in (Evidence(V4, None, mark=BAD_CWD, cwd="/tmp/\udcff"), Evidence(V4, missing, argv=("\udcff",))):
        reason = reason_of(decide(evidence))
        assert isinstance(reason, Reason)
        str(reason).encode()


async def test_line_on_v5_is_translated(meet: Meet) -> None:
    async def server(talk: Talk) -> None:
        if talk.number == 0:
            await talk.request()
            await talk.answer("400 Bad Request", b"unable to upgrade: unsupported protocol")
            return
        await talk.accept(V5)
        await talk.send(frame(3, SUCCESS) + CLOSE)
        await talk.until_gone()

    outcome, _ = await meet(server, line("true"))
    assert outcome == Succeeded(Proof.TRANSLATED)


async def test_an_argv_that_the_kubelet_cannot_pass_on_never_began(meet: Meet) -> None:
    words = b"rpc error: code = Internal desc = grpc: error while marshaling: string field contains invalid UTF-8"

    async def server(talk: Talk) -> None:
        await talk.request()
        await talk.answer("500 Internal Server Error", words)

    outcome, _ = await meet(server, argv("echo", "a\udcff"))
    assert isinstance(outcome, Rejected)
    assert "invalid UTF-8" in str(outcome.reason)
