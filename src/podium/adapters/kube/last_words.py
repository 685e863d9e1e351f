"""What the kernel still holds of a connection whose writing failed: the Status may be in it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from podium.adapters.kube.tls import TlsStream

_READ = 64 * 1024


class LastWords:
    """A second hold on a connection's socket, so that it can be read to its end after the event loop let go of it.

    Both event loops drop a connection at the first failed write, unread bytes and all.
    """

    __slots__ = ("_socket",)

    def __init__(self, sock: socket.socket) -> None:
        """Raises OSError where no descriptor is to be had."""
        self._socket = sock.dup()
        self._socket.setblocking(False)

    def close(self) -> None:
        """Let go."""
        self._socket.close()

    def read(self, stream: ssl.SSLObject | None, feed: Callable[[memoryview], None]) -> None:
        """Pass on what is left, decrypted by `stream` where there is TLS."""
        while raw := self._receive():
            if stream is None:
                feed(memoryview(raw))
            elif isinstance(stream, TlsStream):
                stream.incoming.write(raw)
                decrypt(stream, feed)

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_READ)
        except OSError:
            # Nothing more yet, or the reset itself, which comes behind the bytes.
            return b""


def decrypt(stream: ssl.SSLObject, feed: Callable[[memoryview], None]) -> None:
    """Pass on what `stream` still holds.

    At the end of a TCP stream asyncio reads one more buffer from it and forgets the rest.
    """
    try:
        while data := stream.read(_READ):
            feed(memoryview(data))
    except ssl.SSLError:
        return
