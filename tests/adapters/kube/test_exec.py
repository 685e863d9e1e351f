"""KubeExec against the sandbox: every fault that it can plant, on each wire, and the exact outcome and proof."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import pytest

from adapters.kube.execs import Sink, api_of, argv, line, run_on, script, target_of
from podium.adapters.kube.api import Api
from podium.domain.commands import Command
from podium.domain.outcomes import Failed, Lost, Outcome, Proof, Rejected, Succeeded, Why, reason_of
from podium.domain.targets import Target
from podium.sandbox import ExecWire, Sandbox, Settings, serve
from podium.sandbox.world.pods import Pod

FAULTS = "only the sandbox breaks one stream on demand"
WIRES = {"translated": ExecWire.TRANSLATED, "kubelet": ExecWire.KUBELET}


@dataclass
class Bench:
    """A sandbox, its client, and one running pod on Debian."""

    sandbox: Sandbox
    api: Api
    pod: Pod

    @property
    def target(self) -> Target:
        return target_of(self.pod)

    def plant(self, spec: str) -> None:
        self.sandbox.faults.plant(f"{spec} pod={self.pod.name}")

    async def run(self, command: Command, sink: Sink | None = None, within: float = 20.0) -> tuple[Outcome, Sink]:
        out = sink or Sink()
        async with asyncio.timeout(within):
            return await run_on(self.api, command, out, self.target), out

    @property
    def protocols(self) -> list[tuple[str, ...]]:
        """What the execs asked for, in order."""
        return [tuple(one.protocols.split(", ")) for one in self.sandbox.api.audit if one.path.endswith("/exec")]

    async def nothing_open(self) -> None:
        async with asyncio.timeout(5):
            while self.sandbox.api.exec.running:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def bench_of(folder: Path, wire: ExecWire, connect_timeout: float = 10.0, **more: object) -> AsyncIterator[Bench]:
    settings = Settings(pods=24, seed=7, dial_timeout=0.2, exec_wire=wire)
    async with serve(replace(settings, **more)) as sandbox:  # type: ignore[arg-type]
        pod = next(one for one in sandbox.pods if one.template.workload == "web" and one.namespace == "shop")
        async with api_of(sandbox, folder, connect_timeout) as api:
            yield Bench(sandbox, api, pod)


@pytest.fixture(params=sorted(WIRES))
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_of(tmp_path, WIRES[request.param]) as made:
        yield made


TOOL = """
[[program]]
name = "tool"
path = "/usr/bin/tool"
images = "registry.example/mesh/*"
[[program.answer]]
stdout = "ran\\n"
"""
ECHO = argv("echo", "ok")
CAT = replace(argv("cat"), stdin=b"some input\n")
SLEEP = argv("sleep", "60")
SCRIPT = script("echo ok\nexit 0\n")


def why(outcome: Outcome) -> Why | None:
    reason = reason_of(outcome)
    return None if reason is None else reason.why


async def test_each_way_ends_with_its_proof(bench: Bench) -> None:
    assert (await bench.run(ECHO))[0] == Succeeded(Proof.RUNTIME)
    assert (await bench.run(argv("sh", "-c", "exit 3")))[0] == Failed(3, Proof.RUNTIME)
    assert (await bench.run(line("exit 4")))[0] == Failed(4, Proof.RUNTIME)
    assert (await bench.run(SCRIPT))[0] == Succeeded(Proof.RUNTIME)
    assert (await bench.run(replace(ECHO, env=(("A", "b"),))))[0] == Succeeded(Proof.RUNTIME)
    outcome, sink = await bench.run(CAT)
    assert outcome == Succeeded(Proof.MARK)
    assert (sink.stdout, sink.stderr) == (b"some input\n", b"")
    await bench.nothing_open()


async def test_stdout_and_stderr_stay_apart_and_whole(bench: Bench) -> None:
    text = "echo one; echo two >&2; printf three; printf four >&2; exit 9"
    for command in (argv("sh", "-c", text), line(text), script(text), replace(argv("sh", "-c", text), stdin=b"")):
        outcome, sink = await bench.run(command)
        assert isinstance(outcome, Failed)
        assert outcome.exit_code == 9
        assert (sink.stdout, sink.stderr) == (b"one\nthree", b"two\nfour")


@pytest.mark.on("sandbox", why=FAULTS)
@pytest.mark.parametrize("command", [ECHO, SCRIPT, CAT], ids=["argv", "script", "stdin"])
@pytest.mark.parametrize("fault", ["drop-before-status", "empty-end"])
async def test_pitfall_1_an_end_without_a_status_is_lost_unless_the_mark_is_here(
    bench: Bench, fault: str, command: Command
) -> None:
    bench.plant(fault)
    outcome, sink = await bench.run(command)
    if command is ECHO:
        assert isinstance(outcome, Lost)
        assert why(outcome) in (Why.NO_STATUS, Why.BROKEN)
    else:
        assert outcome == Succeeded(Proof.MARK)
    assert sink.stdout == (b"some input\n" if command is CAT else b"ok\n")


@pytest.mark.on("sandbox", why=FAULTS)
@pytest.mark.parametrize("command", [ECHO, SCRIPT, CAT], ids=["argv", "script", "stdin"])
async def test_pitfall_1_a_drop_behind_the_status_changes_nothing(bench: Bench, command: Command) -> None:
    bench.plant("drop-after-status")
    outcome, _ = await bench.run(command)
    assert outcome == Succeeded(Proof.MARK if command is CAT else Proof.RUNTIME)


@pytest.mark.on("sandbox", why=FAULTS)
@pytest.mark.parametrize("command", [SLEEP, script("sleep 60"), replace(SLEEP, stdin=b"x")], ids=["v4", "script", "v5"])
@pytest.mark.parametrize("fault", ["drop-before-status after=300ms", "empty-end after=300ms"])
async def test_pitfall_1_a_cut_in_the_middle_is_never_a_success(bench: Bench, fault: str, command: Command) -> None:
    bench.plant(fault)
    outcome, _ = await bench.run(command)
    assert isinstance(outcome, Lost)
    assert why(outcome) in (Why.NO_STATUS, Why.BROKEN)


@pytest.mark.on("sandbox", why=FAULTS)
async def test_pitfall_1_a_success_that_a_translator_invents_is_lost(bench: Bench) -> None:
    """What v5 says of a command that was cut between API server and kubelet (streamtranslator.go)."""
    bench.plant("false-success")
    outcome, _ = await bench.run(replace(argv("sh", "-c", "cat; sleep 60"), stdin=b"x"))
    assert isinstance(outcome, Lost)
    assert why(outcome) is Why.NO_STATUS


@pytest.mark.on("sandbox", why=FAULTS)
async def test_pitfall_23_without_a_shell_only_what_needs_none_runs_and_v5s_success_is_called_translated(
    tmp_path: Path,
) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(files("podium.sandbox.scenarios").joinpath("default.toml").read_text() + TOOL)
    async with bench_of(tmp_path, ExecWire.TRANSLATED, scenario=str(scenario)) as bench:
        pod = next(one for one in bench.sandbox.pods if one.template.workload == "api" and one.namespace == "pay")
        target = replace(target_of(pod), container="mesh")

        async def ends(command: Command) -> tuple[Outcome, bytes]:
            sink = Sink()
            return await run_on(bench.api, command, sink, target), sink.stdout

        tool = argv("/usr/bin/tool")
        assert await ends(tool) == (Succeeded(Proof.RUNTIME), b"ran\n")
        assert await ends(replace(tool, stdin=b"x")) == (Succeeded(Proof.TRANSLATED), b"ran\n")
        for command in (SCRIPT, line("true"), replace(tool, env=(("A", "b"),)), replace(tool, cwd="/", stdin=b"x")):
            outcome, _ = await ends(command)
            assert isinstance(outcome, Rejected)
            assert why(outcome) is Why.NO_SHELL


@pytest.mark.on("sandbox", why=FAULTS)
async def test_pitfall_10_bytes_stay_bytes_however_they_are_cut(bench: Bench) -> None:
    bench.plant("fragment=3")
    octal = "".join(f"\\{n:03o}" for n in range(256))
    text = "printf '" + octal + "'; printf '" + octal + "' >&2"
    for command in (argv("sh", "-c", text), script(text), replace(argv("sh", "-c", text), stdin=b"")):
        outcome, sink = await bench.run(command)
        assert isinstance(outcome, Succeeded)
        assert (sink.stdout, sink.stderr) == (bytes(range(256)), bytes(range(256)))


@pytest.mark.on("sandbox", why=FAULTS)
async def test_text_frames_are_bytes_too(bench: Bench) -> None:
    bench.plant("text-frames")
    for command in (ECHO, SCRIPT, CAT):
        outcome, sink = await bench.run(command)
        assert isinstance(outcome, Succeeded)
        assert sink.stdout in (b"ok\n", b"some input\n")


@pytest.mark.on("sandbox", why=FAULTS)
@pytest.mark.parametrize("v5", [True, False], ids=["v5", "v4"])
@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_000])
async def test_pitfall_6_stdin_goes_over_whole_and_ends(bench: Bench, v5: bool, size: int) -> None:
    if not v5:
        bench.plant("no-v5")
    data = os.urandom(size)
    outcome, sink = await bench.run(replace(argv("cat"), stdin=data))
    assert outcome == Succeeded(Proof.MARK if v5 else Proof.RUNTIME)
    assert hashlib.sha256(sink.stdout).digest() == hashlib.sha256(data).digest()
    assert sink.stderr == b""


@pytest.mark.on("sandbox", why=FAULTS)
async def test_pitfall_6_stdin_that_nobody_reads_ends_all_the_same(bench: Bench) -> None:
    for command in (argv("true"), argv("head", "-c", "3")):
        outcome, _ = await bench.run(replace(command, stdin=b"x" * 3_000_000))
        assert outcome == Succeeded(Proof.MARK)
    outcome, _ = await bench.run(replace(argv("sh", "-c", "exit 5"), stdin=b"x" * 3_000_000))
    assert outcome == Failed(5, Proof.MARK)


@pytest.mark.on("sandbox", why=FAULTS)
@pytest.mark.parametrize("code", [400, 403, 404, 426])
async def test_pitfall_29_a_proxy_that_refuses_upgrades_is_quoted(bench: Bench, code: int) -> None:
    bench.plant(f"refuse-upgrade={code}")
    for command in (ECHO, CAT):
        outcome, _ = await bench.run(command)
        assert isinstance(outcome, Rejected)
        assert "does not do upgrades" in str(outcome.reason)


@pytest.mark.on("sandbox", why=FAULTS)
@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_pitfall_29_a_proxys_own_5xx_may_hide_a_start(bench: Bench, code: int) -> None:
    bench.plant(f"refuse-upgrade={code}")
    outcome, _ = await bench.run(ECHO)
    assert isinstance(outcome, Lost)
    assert why(outcome) is Why.NO_ANSWER


@pytest.mark.on("sandbox", why=FAULTS)
async def test_pitfall_29_accepted_and_dropped_is_lost(bench: Bench) -> None:
    bench.plant("accept-and-drop")
    for command in (ECHO, SCRIPT, CAT):
        outcome, _ = await bench.run(command)
        assert isinstance(outcome, Lost)
        assert why(outcome) is Why.BROKEN


@pytest.mark.on("sandbox", why=FAULTS)
@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("403 on=exec", Rejected, Why.FORBIDDEN),
        ("401 on=exec", Rejected, Why.UNAUTHORIZED),
        ("429=1 on=exec", Rejected, Why.THROTTLED),
        ("500 on=exec", Lost, Why.NO_ANSWER),
        ("503 on=exec", Lost, Why.NO_ANSWER),
        ("hang-up on=exec", Lost, Why.NO_ANSWER),
    ],
)
async def test_pitfall_29_what_came_before_the_101(bench: Bench, fault: str, kind: type, reason: Why) -> None:
    bench.plant(fault)
    for command in (ECHO, CAT):
        outcome, _ = await bench.run(command)
        assert isinstance(outcome, kind)
        assert why(outcome) is reason


@pytest.mark.on("sandbox", why=FAULTS)
async def test_no_answer_within_the_connect_timeout_is_lost(tmp_path: Path) -> None:
    async with bench_of(tmp_path, ExecWire.KUBELET, connect_timeout=0.5) as bench:
        bench.plant("hang on=exec")
        outcome, _ = await bench.run(ECHO)
        assert isinstance(outcome, Lost)
        assert why(outcome) is Why.NO_ANSWER


@pytest.mark.on("sandbox", why=FAULTS)
@pytest.mark.parametrize("fault", ["node-refused", "node-timeout=200ms"])
async def test_pitfall_19_a_node_that_does_not_answer_is_rejected(bench: Bench, fault: str) -> None:
    bench.sandbox.faults.plant(f"{fault} node={bench.pod.node}")
    for command in (ECHO, CAT):
        outcome, _ = await bench.run(command)
        assert isinstance(outcome, Rejected)
        assert why(outcome) is Why.NODE_UNREACHABLE


@pytest.mark.on("sandbox", why=FAULTS)
async def test_pitfall_15_a_restart_under_a_command_is_137_and_no_success(bench: Bench) -> None:
    bench.plant("restart")
    for command in (SLEEP, script("sleep 60"), replace(SLEEP, stdin=b"x")):
        outcome, _ = await bench.run(command)
        assert isinstance(outcome, Failed | Lost)
        if isinstance(outcome, Failed):
            assert outcome.exit_code == 137


@pytest.mark.on("sandbox", why=FAULTS)
@pytest.mark.parametrize("fault", ["half-open after=300ms", "vanish"])
async def test_pitfall_16_a_frozen_stream_ends_when_it_is_given_up_and_keeps_its_output(
    bench: Bench, fault: str
) -> None:
    bench.plant(fault)
    sink = Sink()
    task = asyncio.ensure_future(bench.run(argv("sh", "-c", "echo begun; sleep 60"), sink))
    await asyncio.wait_for(sink.arrived.wait(), 10)
    await asyncio.sleep(0.5)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sink.stdout == b"begun\n"


async def test_no_such_executable_and_no_such_folder_are_rejected(bench: Bench) -> None:
    outcome, _ = await bench.run(argv("nope", "hunter2"))
    assert (str(outcome.reason) if isinstance(outcome, Rejected) else outcome) == 'no such executable: "nope"'
    outcome, _ = await bench.run(replace(ECHO, cwd="/no/such"))
    assert (str(outcome.reason) if isinstance(outcome, Rejected) else outcome) == "no such working directory: /no/such"
    outcome, _ = await bench.run(replace(ECHO, env=(("A", "b"),), cwd="/tmp"))
    assert outcome == Succeeded(Proof.RUNTIME)


async def test_a_pod_that_is_gone_and_a_container_that_is_not_there(bench: Bench) -> None:
    gone = replace(bench.target, pod="no-such-pod")
    other = replace(bench.target, container="no-such-container")
    for target, reason in ((gone, Why.NOT_FOUND), (other, Why.CONTAINER_NOT_FOUND)):
        outcome = await run_on(bench.api, ECHO, Sink(), target)
        assert isinstance(outcome, Rejected)
        assert outcome.reason.why is reason


@pytest.mark.on("sandbox", why="the same on a real cluster: tests/conformance/test_inputs.py")
async def test_pitfall_5_the_query_mirrors_the_streams(bench: Bench) -> None:
    for command, protocols in ((ECHO, 1), (SCRIPT, 1), (CAT, 2)):
        await bench.run(command)
        assert len(bench.protocols[-1]) == protocols


@pytest.mark.on("sandbox", why=FAULTS)
async def test_pitfall_8_a_slow_reader_gets_every_byte_and_then_the_end(bench: Bench) -> None:
    sink = Sink(hold_after=1_000)
    task = asyncio.ensure_future(bench.run(argv("seq", "1", "200000"), sink))
    await asyncio.wait_for(sink.arrived.wait(), 10)
    for _ in range(50):
        await asyncio.sleep(0.01)
        sink.flows[-1].resume()
        await asyncio.sleep(0)
    sink.release()
    assert (await task)[0] == Succeeded(Proof.RUNTIME)
    assert sink.stdout == b"".join(b"%d\n" % n for n in range(1, 200_001))


def secrets() -> Iterator[str]:
    yield from ("hunter2-env", "hunter2-stdin", "hunter2-script")


async def test_no_secret_is_in_a_request(bench: Bench) -> None:
    asked: list[str] = []
    bench.sandbox.api.strikes.append(lambda request, target, caller: _note(asked, repr(vars_of(request))))
    env = (("TOKEN", "hunter2-env"),)
    for command in (
        replace(ECHO, env=env),
        replace(argv("cat"), env=env, stdin=b"hunter2-stdin"),
        replace(script("echo hunter2-script"), env=env),
    ):
        outcome, _ = await bench.run(command)
        assert isinstance(outcome, Succeeded)
        assert not any(secret in repr(command) + repr(outcome) for secret in secrets())
    assert len(asked) == 3
    assert not any(secret in text for secret in secrets() for text in asked)


async def _note(asked: list[str], text: str) -> None:
    asked.append(text)


def vars_of(request: object) -> dict[str, object]:
    names = [name for name in dir(request) if not name.startswith("__")]
    return {name: getattr(request, name) for name in names}


async def test_nothing_begins_after_the_client_was_closed(bench: Bench) -> None:
    await bench.run(ECHO)
    asked = len(bench.protocols)
    await bench.api.close()
    for command in (ECHO, SCRIPT, CAT):
        outcome, _ = await bench.run(command)
        assert isinstance(outcome, Rejected)
        assert why(outcome) is Why.API_UNREACHABLE
    assert len(bench.protocols) == asked
