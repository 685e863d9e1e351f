"""Speak the exec channel protocols v4 and v5 on a taken-over connection (streaming httpstream/wsstream)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from podium.sandbox.wire.frames import FrameError, FrameReader, Opcode, accept_key, close_payload, render
from podium.sandbox.wire.http import Connection, Request

CLOSE_SIGNAL = 255
READ_SIZE = 1 << 16
GOODBYE = 2.0
"""Seconds a client has to answer the close frame before the connection is cut."""


class Channel(IntEnum):
    """The channels of a remote command."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4


class Protocol(Enum):
    """The sub-protocols that are served."""

    PLAIN = ""
    V1 = "channel.k8s.io"
    V4 = "v4.channel.k8s.io"
    V5 = "v5.channel.k8s.io"

    @property
    def half_closes(self) -> bool:
        """Tell whether the client can end stdin (byte 255)."""
        return self is Protocol.V5

    @property
    def tells_status(self) -> bool:
        """Tell whether channel 3 carries a Status; older ones carry text on failure only."""
        return self in (Protocol.V4, Protocol.V5)


def is_upgrade(request: Request) -> bool:
    """Tell whether a request wants to become a WebSocket."""
    tokens = {part.strip().lower() for part in request.headers.get("connection", "").split(",")}
    return request.headers.get("upgrade", "").lower() == "websocket" and "upgrade" in tokens


def offered(request: Request) -> tuple[str, ...]:
    """Return the sub-protocols a client offers, in its order; ("",) when it offers none."""
    header = request.headers.get("sec-websocket-protocol", "")
    return tuple(part.strip() for part in header.split(",")) if header != "" else ("",)


def choose(names: tuple[str, ...], supported: tuple[Protocol, ...]) -> Protocol | None:
    """Return the first offered protocol that is supported."""
    for name in names:
        for protocol in supported:
            if protocol.value == name:
                return protocol
    return None


def switch_head(request: Request, protocol: Protocol) -> bytes:
    """Return the 101 answer."""
    rows = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(request.headers.get('sec-websocket-key', ''))}",
    ]
    if protocol is not Protocol.PLAIN:
        rows.append(f"Sec-WebSocket-Protocol: {protocol.value}")
    return ("\r\n".join(rows) + "\r\n\r\n").encode("latin-1")


@dataclass(frozen=True, slots=True)
class Shape:
    """How frames look on the wire: fragments of this size, text instead of binary (faults)."""

    fragment: int | None = None
    text: bool = False


@dataclass(slots=True)
class Channels:
    """One exec's channels. `take_input` gets stdin bytes, or None at its end, and may wait."""

    connection: Connection
    protocol: Protocol
    take_input: Callable[[bytes | None], Awaitable[None]]
    shape: Shape = Shape()
    client_gone: asyncio.Event = field(default_factory=asyncio.Event)
    input_waits: bool = False
    _closing: bool = False
    _fragmenting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def send(self, channel: Channel, data: bytes) -> None:
        """Send bytes on a channel. Raises ConnectionError."""
        payload = bytes((channel,)) + data
        opcode = Opcode.TEXT if self.shape.text else Opcode.BINARY
        size = self.shape.fragment
        if size is None or len(payload) <= size:
            await self.connection.send(render(opcode, payload))
            return
        starts = range(0, len(payload), size)
        parts = [payload[at : at + size] for at in starts]
        frames = [
            render(opcode if at == 0 else Opcode.CONTINUATION, part, final=at == len(parts) - 1)
            for at, part in enumerate(parts)
        ]
        # two messages' fragments must not mix
        async with self._fragmenting:
            for frame in frames:
                await self.connection.send(frame)

    async def listen(self) -> None:
        """Read the client's frames until it goes; sets `client_gone`."""
        reader = FrameReader()
        try:
            while not self._closing_done() and (data := await self.connection.reader.read(READ_SIZE)):
                for frame in reader.feed(data):
                    if not await self._take(frame.opcode, frame.payload):
                        return
        except (ConnectionError, FrameError, OSError):
            return
        finally:
            self.client_gone.set()

    def _closing_done(self) -> bool:
        return self.connection.writer.is_closing()

    async def _take(self, opcode: Opcode, payload: bytes) -> bool:
        if opcode is Opcode.PING:
            await self.connection.send(render(Opcode.PONG, payload))
        elif opcode is Opcode.CLOSE:
            if not self._closing:
                with contextlib.suppress(ConnectionError):
                    await self.connection.send(render(Opcode.CLOSE, payload[:2]))
            return False
        elif opcode in (Opcode.BINARY, Opcode.TEXT) and payload:
            return await self._take_data(payload)
        return True

    async def _take_data(self, payload: bytes) -> bool:
        if self._closing:
            return True
        if self.protocol.half_closes and payload[0] == CLOSE_SIGNAL:
            if len(payload) != 2 or payload[1] > Channel.RESIZE:
                return False
            if payload[1] == Channel.STDIN:
                await self._give(None)
            return True
        if payload[0] == Channel.STDIN and len(payload) > 1:
            await self._give(payload[1:])
        return True

    async def _give(self, data: bytes | None) -> None:
        self.input_waits = True
        try:
            await self.take_input(data)
        finally:
            self.input_waits = False

    async def close(self, code: int = 1000) -> None:
        """Send a close frame and give the client a moment to answer."""
        self._closing = True
        await self.connection.send(render(Opcode.CLOSE, close_payload(code)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self.client_gone.wait()
