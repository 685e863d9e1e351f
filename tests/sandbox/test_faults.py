"""Planted faults: each strikes whom it should, as often as it should, in the way it says."""

from __future__ import annotations

import asyncio

import pytest
import websockets

from podium.sandbox import Sandbox, Settings, serve
from podium.sandbox.faults.grammar import Fault, FaultError, Kind, parse
from podium.sandbox.world.pods import Pod
from sandbox.clients import V4, V5, Client, until

PODS = "/api/v1/pods"


@pytest.mark.parametrize(
    ("spec", "kind", "value"),
    [
        ("latency=300ms pod=web-*", Kind.LATENCY, 0.3),
        ("429", Kind.TOO_MANY, 1.0),
        ("429=7,count=3", Kind.TOO_MANY, 7.0),
        ("slow-output=64Ki", Kind.SLOW_OUTPUT, 65536.0),
        ("drop-before-status after=1m share=0.5", Kind.DROP_BEFORE_STATUS, 0.0),
    ],
)
def test_specs_are_read(spec: str, kind: Kind, value: float) -> None:
    fault = parse(spec)
    assert (fault.kind, fault.value) == (kind, value)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "an empty fault"),
        ("nonsense", "no fault 'nonsense': one of latency,"),
        ("latency", "latency needs a duration"),
        ("latency=fast", "'fast' is no duration"),
        ("half-open=3", "half-open takes no value"),
        ("429 pods=x", "'pods=x' is not known: keys are pod,"),
        ("429 on=lists", "on= is one of get,"),
        ("429 x", "'x' is no KEY=VALUE"),
        ("429 count=-1", "'-1' is no whole number"),
        ("429 share=2", "'2' is no share"),
        ("slow-output=fast", "'fast' is no size"),
    ],
)
def test_bad_specs_say_what_would_do(spec: str, words: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse(spec)
    assert words in str(caught.value)


async def test_429_on_lists_with_retry_after_n_times(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.plant("429=2 count=2")
    for _ in range(2):
        reply = await client.ask(PODS)
        assert (reply.status, reply.headers["retry-after"]) == (429, "2")
        assert reply.json["details"]["retryAfterSeconds"] == 2
    assert (await client.ask(f"{PODS[:-5]}/version")).status != 429
    assert (await client.ask(PODS)).status == 200


@pytest.mark.parametrize(("spec", "status"), [("410", 410), ("500 page=3", 500), ("503 page=3", 503)])
async def test_a_page_in_the_middle_fails(client: Client, sandbox: Sandbox, spec: str, status: int) -> None:
    sandbox.faults.plant(f"{spec} count=1 on=list")
    statuses, token = [], ""
    while True:
        reply = await client.ask(f"{PODS}?limit=10&continue={token}")
        statuses.append(reply.status)
        token = reply.json["metadata"].get("continue", "") if reply.status == 200 else ""
        if not token:
            break
    assert statuses == ([200, 410] if status == 410 else [200, 200, status])


async def test_a_namespace_is_forbidden(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("403 namespace=pay")
    assert (await client.ask("/api/v1/namespaces/pay/pods")).status == 403
    assert (await client.ask("/api/v1/namespaces/shop/pods")).status == 200
    pay = next(one for one in sandbox.pods if one.namespace == "pay")
    refused = (await client.exec(pay, ["true"])).refused
    assert refused is not None
    assert 'cannot get resource "pods/exec" in API group "" in the namespace "pay"' in refused.message
    assert (await client.exec(pod, ["true"])).exit_code == 0


async def test_a_request_hangs_or_is_hung_up(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.plant("hang-up on=list count=1")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await client.ask(PODS)
    sandbox.faults.plant("hang on=list count=1")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await client.ask(PODS)
    assert (await client.ask(PODS)).status == 200


@pytest.mark.parametrize(
    ("spec", "words"),
    [("node-refused", "connect: connection refused"), ("node-timeout=50ms", "i/o timeout")],
)
async def test_a_node_that_cannot_be_dialled(client: Client, sandbox: Sandbox, pod: Pod, spec: str, words: str) -> None:
    sandbox.faults.plant(f"{spec} node={pod.node}")
    refused = (await client.exec(pod, ["true"])).refused
    assert refused is not None
    assert refused.status == 500
    assert refused.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"error dialing backend: dial tcp {pod.node_address}:10250: {words}",
        "code": 500,
    }
    other = next(one for one in sandbox.pods if one.node != pod.node)
    assert (await client.exec(other, ["true"])).exit_code == 0
    assert (await client.ask(f"/api/v1/namespaces/shop/pods/{pod.name}/log")).status == 500


async def test_a_silent_node_gives_no_101(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant(f"node-silent node={pod.node}")
    with pytest.raises(TimeoutError):
        await client.exec(pod, ["true"], patience=0.4)


@pytest.mark.parametrize("code", [400, 403, 426])
async def test_upgrades_are_refused(client: Client, sandbox: Sandbox, pod: Pod, code: int) -> None:
    sandbox.faults.plant(f"refuse-upgrade={code}")
    refused = (await client.exec(pod, ["true"])).refused
    assert refused is not None
    assert refused.status == code


async def test_accepted_and_dropped(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("accept-and-drop")
    ended = await client.exec(pod, ["true"])
    assert (ended.protocol, ended.messages, ended.close_code) == (V4, [], 1006)


async def test_a_server_without_v5(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("no-v5")
    assert (await client.exec(pod, ["true"], [V5, V4])).protocol == V4
    refused = (await client.exec(pod, ["true"], [V5])).refused
    assert refused is not None
    assert refused.status == 403


@pytest.mark.parametrize("protocol", [V4, V5])
@pytest.mark.parametrize(
    ("spec", "has_status", "code"),
    [
        ("drop-before-status", False, 1006),
        ("drop-after-status", True, 1006),
        ("empty-end", False, 1000),
    ],
)
async def test_ends_at_the_status(
    client: Client, sandbox: Sandbox, pod: Pod, protocol: str, spec: str, has_status: bool, code: int
) -> None:
    sandbox.faults.plant(f"{spec} command=echo*")
    ended = await client.exec(pod, ["echo", "out"], [protocol])
    assert (ended.stdout, ended.status is not None, ended.close_code) == (b"out\n", has_status, code)
    assert (await client.exec(pod, ["true"], [protocol])).exit_code == 0


async def test_a_drop_after_bytes_lets_no_more_through(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("drop-before-status after-bytes=1000")
    ended = await client.exec(pod, ["seq", "100000"])
    assert (len(ended.stdout), ended.status, ended.close_code) == (1000, None, 1006)


async def test_an_invented_success(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("false-success after=100ms")
    ended = await client.exec(pod, ["sh", "-c", "echo began; sleep 60"], [V5])
    assert (ended.stdout, ended.status, ended.close_code) == (
        b"began\n",
        {"metadata": {}, "status": "Success"},
        1000,
    )


async def test_a_cut_looks_different_on_each_protocol(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("false-success protocol=v5.* after=50ms")
    sandbox.faults.plant("drop-before-status protocol=v4.* after=50ms")
    ends = {protocol: await client.exec(pod, ["sleep", "60"], [protocol]) for protocol in (V4, V5)}
    assert (ends[V4].status, ends[V4].close_code) == (None, 1006)
    assert (ends[V5].exit_code, ends[V5].close_code) == (0, 1000)


async def test_half_open_says_nothing_more_and_answers_no_ping(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("half-open")
    async with client.session(pod, ["echo", "x"]) as session:
        assert [await session.recv(), await session.recv()] == [b"\x01", b"\x01x\n"]
        served = next(iter(sandbox.api.exec.running))
        await until(lambda: served.listening is not None and served.listening.done())
        pong = await session.ping()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await pong
        session.transport.abort()
    await until(lambda: not sandbox.api.exec.running)


async def test_a_container_that_restarts_ends_its_execs_with_137(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("restart after=100ms")
    ended = await client.exec(pod, ["sleep", "60"])
    assert ended.exit_code == 137
    now = sandbox.world.pod(pod.namespace, pod.name)
    assert (now.uid, now.restarts) == (pod.uid, 1)
    assert now.container_id("nginx") != pod.container_id("nginx")


async def test_a_pod_that_vanishes_leaves_the_stream_open(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("vanish after=50ms")
    async with client.session(pod, ["sleep", "60"]) as session:
        assert await session.recv() == b"\x01"
        await until(lambda: sandbox.fleet.store.get("pods", pod.namespace, pod.name) is None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await session.recv()
    assert len(sandbox.pods) == 60


async def test_a_pod_that_is_replaced_has_another_uid(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("replace after=50ms")
    assert (await client.exec(pod, ["sleep", "60"])).exit_code == 137
    assert sandbox.world.pod(pod.namespace, pod.name).uid != pod.uid


async def test_frames_in_fragments_and_as_text(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("fragment=7")
    ended = await client.exec(pod, ["seq", "500"])
    assert ended.stdout == "".join(f"{number}\n" for number in range(1, 501)).encode()
    sandbox.faults.clear()
    sandbox.faults.plant("text-frames")
    ended = await client.exec(pod, ["echo", "x"])
    assert (ended.stdout, ended.exit_code) == (b"x\n", 0)
    assert all(isinstance(message, str) for message in ended.messages)


async def test_slow_output_and_latency_take_their_time(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    loop = asyncio.get_running_loop()
    sandbox.faults.plant("slow-output=2000 command=seq*")
    began = loop.time()
    assert (await client.exec(pod, ["seq", "250"])).exit_code == 0
    assert loop.time() - began >= 0.4
    sandbox.faults.plant("latency=300ms on=exec")
    began = loop.time()
    assert (await client.exec(pod, ["true"])).exit_code == 0
    assert loop.time() - began >= 0.3


async def test_slow_stdin_lets_little_through(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    sandbox.faults.plant("slow-stdin=100000")
    began = asyncio.get_running_loop().time()
    ended = await client.exec(pod, ["wc", "-c"], [V5], stdin=bytes(50_000))
    assert ended.stdout == b"50000\n"
    assert asyncio.get_running_loop().time() - began >= 0.4


async def test_a_share_strikes_the_same_pods_again(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.plant(Fault(Kind.REFUSE_UPGRADE, 403.0, share=0.5))

    async def struck() -> set[str]:
        found = await asyncio.gather(*(client.exec(one, ["true"]) for one in sandbox.pods[:20]))
        return {pod.name for pod, ended in zip(sandbox.pods, found, strict=False) if ended.refused is not None}

    first = await struck()
    assert 2 <= len(first) <= 18
    assert await struck() == first


async def test_settings_plant_faults_and_bad_ones_stop_the_start() -> None:
    async with serve(Settings(faults=("503 on=list", "latency=1ms"))) as sandbox:
        assert (await Client(sandbox).ask(PODS)).status == 503
    with pytest.raises(FaultError):
        async with serve(Settings(faults=("nonsense",))):
            pass


async def test_the_admin_endpoint_plants_counts_and_clears(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    planted = await client.ask("/sandbox/faults", "POST", {"fault": "429 count=1"})
    name = planted.json["id"]
    await client.ask(PODS)
    assert (await client.ask("/sandbox/faults")).json["faults"] == [
        {"id": name, "fault": "429 count=1", "left": 0, "struck": 1}
    ]
    assert (await client.ask(f"/sandbox/faults/{name}", "DELETE")).json == {"cleared": True}
    bad = await client.ask("/sandbox/faults", "POST", {"fault": "nope"})
    assert (bad.status, bad.message.startswith("no fault 'nope'")) == (400, True)
    where = f"/sandbox/pods/{pod.namespace}/{pod.name}"
    assert (await client.ask(f"{where}/restart", "POST", {})).json["uid"] == pod.uid
    assert (await client.ask(f"{where}/state", "POST", {"state": "Completed"})).status == 200
    assert (await client.ask("/sandbox/pods/shop", "POST", {"workload": "more", "count": 2})).json["pods"]
    assert (await client.ask("/sandbox/nodes/node-1", "POST", {"ready": False})).status == 200
    assert (await client.ask("/sandbox/nodes/none", "POST", {"ready": False})).status == 404
    assert (await client.ask("/sandbox")).json["pods"] == 62
    assert (await Client(sandbox, "").ask("/sandbox")).status == 403


async def test_a_session_that_is_cut_leaves_nothing_open(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    with pytest.raises(websockets.ConnectionClosed):
        async with client.session(pod, ["yes"]) as session:
            await session.recv()
            session.transport.abort()
            while True:
                await session.recv()
    container = sandbox.api.exec.containers.find(pod, "nginx")
    await until(lambda: not sandbox.api.exec.running and not container.processes)
