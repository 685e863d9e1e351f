"""Logs: windows, tails, time stamps, previous lives, following."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from podium.sandbox import Sandbox, Settings, serve
from podium.sandbox.world.pods import Pod, State
from sandbox.clients import Client, chunks_of


def path(pod: Pod, query: str = "") -> str:
    return f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log?container={pod.template.containers[0].name}&{query}"


async def test_tail_since_and_limit_cut(client: Client, pod: Pod) -> None:
    whole = (await client.ask(path(pod))).body
    tail = (await client.ask(path(pod, "tailLines=5"))).body
    assert len(tail.splitlines()) == 5
    assert len(whole) > len(tail)
    assert (await client.ask(path(pod, "tailLines=5&limitBytes=7"))).body == tail[:7]
    recent = (await client.ask(path(pod, "sinceSeconds=21"))).body.splitlines()
    assert 9 <= len(recent) <= 12
    assert (await client.ask(path(pod, "tailLines=0"))).body == b""
    assert len(whole.splitlines()) <= 5000


async def test_time_stamps_grow_and_since_time_has_whole_seconds(client: Client, pod: Pod) -> None:
    lines = (await client.ask(path(pod, "timestamps=true&tailLines=20"))).body.decode().splitlines()
    stamps = [line.split(" ")[0] for line in lines]
    assert stamps == sorted(stamps)
    assert all(len(stamp) == len("2026-11-24T15:00:12.243100881Z") for stamp in stamps)
    moment = datetime.fromisoformat(stamps[10][:19] + "+00:00").astimezone(UTC)
    since = (await client.ask(path(pod, f"sinceTime={moment.strftime('%Y-%m-%dT%H:%M:%S')}.9Z&timestamps=true"))).body
    assert since.decode().splitlines()[0].split(" ")[0] == stamps[10]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("tailLines=-1", 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ("sinceSeconds=0", 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        (
            "sinceSeconds=1&sinceTime=2020-01-01T00:00:00Z",
            422,
            "[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
        ("sinceTime=x", 400, 'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'),
        ("previous=true", 400, 'previous terminated container "nginx" in pod "POD" not found'),
    ],
)
async def test_refusals(client: Client, pod: Pod, query: str, status: int, message: str) -> None:
    reply = await client.ask(path(pod, query))
    assert reply.status == status
    assert reply.message.removeprefix(f'PodLogOptions "{pod.name}" is invalid: ') == message.replace("POD", pod.name)


async def test_what_does_not_run_yet_says_why(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.world.set_state(pod.namespace, pod.name, State.IMAGE_PULL)
    assert (await client.ask(path(pod))).message == (
        f'container "nginx" in pod "{pod.name}" is waiting to start: trying and failing to pull image'
    )


async def test_crash_loops_tell_their_end_in_both_lives() -> None:
    async with serve(Settings(seed=7, scenario="incident")) as sandbox:
        client = Client(sandbox)
        pod = next(one for one in sandbox.pods if one.trouble.state is State.CRASH_LOOP)
        sandbox.world.set_node_ready(pod.node, ready=True)
        for query in ("", "previous=true"):
            lines = (await client.ask(path(pod, query))).body.decode().splitlines()
            assert lines[0] == "starting web 4.2.1"
            assert lines[-1] == "fatal: cannot load certificate, exiting"


async def test_following_goes_on_and_ends_with_the_container(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    async with client.connect() as (reader, writer), asyncio.timeout(10):
        await client.send(writer, path(pod, "follow=true&tailLines=1"))
        await reader.readuntil(b"\r\n\r\n")
        chunks = chunks_of(reader)
        assert (await anext(chunks)).count(b"\n") == 1
        sandbox.api.logs.add(pod, "nginx", ["one", "two"])
        seen = b""
        while b"two\n" not in seen:
            seen += await anext(chunks)
        assert b"one\ntwo\n" in seen
        sandbox.world.restart(pod.namespace, pod.name)
        with pytest.raises(StopAsyncIteration):
            while True:
                await anext(chunks)
