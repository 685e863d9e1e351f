"""Frames against the library `websockets` as the oracle; the HTTP server against rude clients."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from podium.sandbox import Sandbox
from podium.sandbox.wire.frames import FrameError, FrameReader, accept_key, render
from podium.sandbox.wire.frames import Opcode as Ours
from podium.sandbox.world.pods import Pod
from sandbox.clients import Client, read_reply

payloads = st.one_of(st.binary(max_size=300), st.integers(65_530, 65_540).map(bytes))


@given(
    messages=st.lists(st.tuples(payloads, st.integers(1, 5)), max_size=6),
    cuts=st.lists(st.integers(1, 700), max_size=40),
)
@settings(deadline=None, max_examples=60)
def test_frames_of_a_client_are_read_however_they_come(messages: list[tuple[bytes, int]], cuts: list[int]) -> None:
    wire = bytearray()
    for payload, parts in messages:
        step = max(1, -(-len(payload) // parts))
        pieces = [payload[at : at + step] for at in range(0, len(payload), step)] or [b""]
        for at, piece in enumerate(pieces):
            opcode = Opcode.BINARY if at == 0 else Opcode.CONT
            wire += Frame(opcode, piece, fin=at == len(pieces) - 1).serialize(mask=True)
            if at == 0:
                wire += Frame(Opcode.PING, b"between").serialize(mask=True)
    reader, found, at = FrameReader(), [], 0
    for cut in [*cuts, len(wire)]:
        found += list(reader.feed(bytes(wire[at : at + cut])))
        at += cut
    assert [frame.payload for frame in found if frame.opcode is Ours.BINARY] == [payload for payload, _ in messages]
    assert sum(frame.opcode is Ours.PING for frame in found) == len(messages)


@given(payload=payloads)
@settings(deadline=None, max_examples=40)
def test_frames_of_the_server_are_what_the_library_writes(payload: bytes) -> None:
    assert render(Ours.BINARY, payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)


def test_the_accept_key_is_rfc_6455s() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "data",
    [b"\x82\x01x", b"\x80\x80\0\0\0\0", b"\x87\x80\0\0\0\0", b"\x82\xff" + b"\xff" * 8],
    ids=["unmasked", "continuation of nothing", "unknown opcode", "too long"],
)
def test_a_broken_frame_is_an_error(data: bytes) -> None:
    with pytest.raises(FrameError):
        list(FrameReader().feed(data))


async def test_one_connection_serves_many_requests(client: Client, sandbox: Sandbox) -> None:
    async with client.connect() as (reader, writer), asyncio.timeout(10):
        for path in ("/version", "/api/v1/nodes", "/nope", "/api/v1/pods", "/healthz"):
            await client.send(writer, path)
            reply = await read_reply(reader)
            assert reply.status == (404 if path == "/nope" else 200)


async def test_a_client_that_is_no_client_is_hung_up_on(client: Client, sandbox: Sandbox) -> None:
    async with client.connect() as (reader, writer), asyncio.timeout(10):
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        assert await reader.read() == b""
    assert (await client.ask("/version")).status == 200


async def test_a_broken_frame_ends_the_exec(client: Client, sandbox: Sandbox, pod: Pod) -> None:
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/exec?command=cat&stdin=1&stdout=1"
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "v4.channel.k8s.io",
    }
    async with client.connect() as (reader, writer), asyncio.timeout(10):
        await client.send(writer, path, headers=upgrade)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n" in head
        assert await reader.readexactly(3) == b"\x82\x01\x01"
        writer.write(b"\x82\x01x")
        assert await reader.read() == b""
