"""Exec: protocols, Status bodies and refusals; the expected bytes are a real 1.36.3 cluster's."""

from __future__ import annotations

import asyncio
import re

import pytest

from podium.sandbox import Sandbox, Settings, serve
from podium.sandbox.world.pods import Pod, State
from sandbox.clients import V4, V5, Client, until

NEVER_BEGAN = (
    "Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "
    '"ID": OCI runtime exec failed: exec failed: {why}: unknown'
)


def without_id(message: str) -> str:
    return re.sub(r"[0-9a-f]{64}", "ID", message)


@pytest.mark.parametrize("protocol", [V4, V5])
async def test_a_command_ends_with_its_output_and_success(client: Client, pod: Pod, protocol: str) -> None:
    ended = await client.exec(pod, ["hostname"], [protocol])
    assert ended.protocol == protocol
    assert ended.first == b"\x01"
    assert ended.stdout == pod.name.encode() + b"\n"
    assert ended.messages[-1] == b'\x03{"metadata":{},"status":"Success"}'
    assert ended.close_code == 1000


async def test_v4_names_the_whole_argv_in_a_failure(client: Client, pod: Pod) -> None:
    ended = await client.exec(pod, ["sh", "-c", "echo o; echo e >&2; exit 3"])
    assert (ended.stdout, ended.stderr) == (b"o\n", b"e\n")
    words = r"error executing command [sh -c echo o; echo e \u003e\u00262; exit 3], exit code 3"
    assert (
        ended.messages[-1]
        == (
            '\x03{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: '
            + words
            + '","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}'
        ).encode()
    )


async def test_v5_has_the_translators_words(client: Client, pod: Pod) -> None:
    ended = await client.exec(pod, ["sh", "-c", "exit 3"], [V5])
    assert ended.exit_code == 3
    assert ended.status is not None
    assert ended.status["message"].endswith("exit code: command terminated with exit code 3")


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["nope"], 'unable to start container process: exec: "nope": executable file not found in $PATH'),
        (
            ["/bin/nope"],
            'unable to start container process: exec: "/bin/nope": stat /bin/nope: no such file or directory',
        ),
        (["/etc/passwd"], 'unable to start container process: exec: "/etc/passwd": permission denied'),
        (["/etc"], 'unable to start container process: exec: "/etc": permission denied'),
        ([], "args must not be empty"),
    ],
)
async def test_what_cannot_begin_is_told_after_the_101(client: Client, pod: Pod, argv: list[str], why: str) -> None:
    ended = await client.exec(pod, argv)
    assert ended.status is not None
    assert without_id(ended.status["message"]) == NEVER_BEGAN.format(why=why)
    assert (ended.status["reason"], ended.status["code"]) == ("InternalError", 500)
    assert ended.status["details"]["causes"][0]["message"] == ended.status["message"].split(": ", 1)[1]


async def test_v5_wraps_what_cannot_begin_once_more(client: Client, pod: Pod) -> None:
    ended = await client.exec(pod, ["nope"], [V5])
    assert ended.status is not None
    assert ended.status["message"].startswith("Internal error occurred: Internal error occurred: error executing")


async def test_a_signal_gives_128_and_its_number(client: Client, pod: Pod) -> None:
    assert (await client.exec(pod, ["sh", "-c", "kill -9 $$"])).exit_code == 137


@pytest.mark.parametrize(
    ("offer", "chosen"), [([V4, V5], V5), ([V5, V4], V5), ([V4], V4), (["x", "channel.k8s.io"], "channel.k8s.io")]
)
async def test_a_v5_among_the_offers_wins(client: Client, pod: Pod, offer: list[str], chosen: str) -> None:
    assert (await client.exec(pod, ["true"], offer)).protocol == chosen


async def test_unknown_protocols_are_refused_without_a_word(client: Client, pod: Pod) -> None:
    refused = (await client.exec(pod, ["true"], ["v6.channel.k8s.io"])).refused
    assert refused is not None
    assert (refused.status, refused.body) == (403, b"")


async def test_v1_tells_failures_as_text_and_success_not_at_all(client: Client, pod: Pod) -> None:
    async with client.session(pod, ["sh", "-c", "exit 3"], ["channel.k8s.io"]) as session:
        messages = [message async for message in session]
    assert messages[-1] == b"\x03" + b"command terminated with non-zero exit code: " + (
        b"error executing command [sh -c exit 3], exit code 3"
    )
    async with client.session(pod, ["true"], ["channel.k8s.io"]) as session:
        assert [message async for message in session] == [b"\x01"]


async def test_stdin_ends_by_byte_255_on_v5_and_never_on_v4(client: Client, pod: Pod) -> None:
    payload = bytes(range(256)) * 2000
    ended = await client.exec(pod, ["cat"], [V5], stdin=payload)
    assert (ended.stdout, ended.exit_code) == (payload, 0)
    async with client.session(pod, ["cat"], [V4], stdin=True) as session:
        await session.send(b"\0hello")
        await session.send(b"\xff\0")
        assert [await session.recv(), await session.recv()] == [b"\x01", b"\x01hello"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await session.recv()


@pytest.mark.parametrize("protocol", [V4, V5])
async def test_stdin_that_nobody_reads_wedges_the_exec(client: Client, pod: Pod, protocol: str) -> None:
    assert (await client.exec(pod, ["true"], [protocol], stdin=bytes(100_000))).exit_code == 0
    with pytest.raises(TimeoutError):
        await client.exec(pod, ["true"], [protocol], stdin=bytes(1_000_000), patience=1.0)


async def test_a_child_that_holds_stdout_holds_the_status(client: Client, pod: Pod) -> None:
    before = asyncio.get_running_loop().time()
    ended = await client.exec(pod, ["sh", "-c", "sleep 0.5 & echo ok"])
    assert (ended.stdout, ended.exit_code) == (b"ok\n", 0)
    assert asyncio.get_running_loop().time() - before >= 0.5


async def test_a_command_lives_on_when_its_client_goes(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    async with client.session(pod, ["sleep", "60"]) as session:
        await session.recv()
        container = sandbox.api.exec.containers.find(pod, "nginx")
        assert len(container.processes) == 1
    assert len(container.processes) == 1
    pid = next(iter(container.processes))
    assert (await client.exec(pod, ["kill", "-KILL", f"-{pid}"])).exit_code == 0
    await until(lambda: not container.processes)


async def test_killing_the_group_ends_the_exec_with_its_status(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    running = asyncio.ensure_future(client.exec(pod, ["sh", "-c", "sleep 60; echo no"]))
    container = sandbox.api.exec.containers.find(pod, "nginx")
    await until(lambda: len(container.processes) == 2)
    leader = min(container.processes)
    await client.exec(pod, ["kill", "-KILL", f"-{leader}"])
    assert (await running).exit_code == 137


async def test_pings_are_answered(client: Client, pod: Pod) -> None:
    async with client.session(pod, ["sleep", "5"]) as session, asyncio.timeout(5):
        await (await session.ping(b"x"))


async def test_a_container_that_does_not_run_is_the_kubelets_500(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.world.set_state(pod.namespace, pod.name, State.CRASH_LOOP)
    for protocol in (V4, V5):
        refused = (await client.exec(pod, ["true"], [protocol])).refused
        assert refused is not None
        assert (refused.status, refused.body) == (500, b'container not found ("nginx")')
        assert refused.headers["content-type"] == "text/plain; charset=utf-8"


async def test_before_1_36_v5_is_translated_and_errors_come_after_the_101() -> None:
    async with serve(Settings(pods=60, seed=7, version="v1.34.2", dial_timeout=0.1)) as old:
        pod, client = old.pods[0], Client(old)
        old.world.set_node_ready(pod.node, ready=False)
        ended = await client.exec(pod, ["true"], [V5])
        assert ended.status is not None
        assert re.fullmatch(
            r'Internal error occurred: error sending request: Post "https://10\.0\.0\.\d+:10250/exec/\S+\?command=true&error=1'
            r'&output=1": dial tcp 10\.0\.0\.\d+:10250: i/o timeout',
            ended.status["message"],
        )
        refused = (await client.exec(pod, ["true"], [V4])).refused
        assert refused is not None
        assert re.fullmatch(r"error dialing backend: dial tcp 10\.0\.0\.\d+:10250: i/o timeout", refused.message)
        old.world.set_node_ready(pod.node, ready=True)
        old.world.set_state(pod.namespace, pod.name, State.CRASH_LOOP)
        ended = await client.exec(pod, ["true"], [V5])
        assert ended.status is not None
        name = pod.template.containers[0].name
        assert ended.status["message"] == (
            f'Internal error occurred: unable to upgrade connection: container not found ("{name}")'
        )


async def test_refusals_before_the_node_are_statuses(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    several = next(one for one in sandbox.pods if one.template.workload == "api")
    base = f"/api/v1/namespaces/{several.namespace}/pods/{several.name}/exec?command=true&stdout=1"
    assert (await client.ask(base)).message == (
        f"a container name must be specified for pod {several.name}, choose one of: [app mesh]"
    )
    wrong = await client.ask(base + "&container=x")
    assert (wrong.status, wrong.message) == (400, f"container x is not valid for pod {several.name}")
    plain = await client.ask(base + "&container=app", "POST")
    assert (plain.status, plain.message) == (400, "Upgrade request required")
    spdy = await client.ask(base + "&container=app", "POST", None, {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"})
    assert spdy.status == 400
    sandbox.world.set_state(pod.namespace, pod.name, State.PENDING)
    missing = await client.ask(f"/api/v1/namespaces/{pod.namespace}/pods/nope/exec?command=true")
    assert (missing.status, missing.message) == (404, 'pods "nope" not found')


async def test_a_distroless_image_has_no_shell(client: Client, sandbox: Sandbox) -> None:
    pod = next(one for one in sandbox.pods if one.template.workload == "api")
    ended = await client.exec(pod, ["sh", "-c", "true"], container="mesh")
    assert ended.status is not None
    assert 'exec: "sh": executable file not found in $PATH' in ended.status["message"]


async def test_files_are_each_containers_own_and_last(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    await client.exec(pod, ["sh", "-c", "echo mine > /tmp/x"])
    assert (await client.exec(pod, ["cat", "/tmp/x"])).stdout == b"mine\n"
    other = next(one for one in sandbox.pods if one.template is pod.template and one.name != pod.name)
    assert (await client.exec(other, ["cat", "/tmp/x"])).exit_code == 1
    restarted = sandbox.world.restart(pod.namespace, pod.name)
    assert (await client.exec(restarted, ["cat", "/tmp/x"])).exit_code == 1
