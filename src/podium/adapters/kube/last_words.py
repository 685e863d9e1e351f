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
        if stream is None:
            while raw := self._receive():
                feed(memoryview(raw))
            return
        if not isinstance(stream, TlsStream):
            return
        buffer = memoryview(bytearray(_READ))
        self._decrypt(stream, buffer, feed)
        while raw := self._receive():
            stream.incoming.write(raw)
            self._decrypt(stream, buffer, feed)

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_READ)
        except OSError:
            # Nothing more yet, or the reset itself, which comes behind the bytes.
            return b""

    @staticmethod
    def _decrypt(stream: TlsStream, buffer: memoryview, feed: Callable[[memoryview], None]) -> None:
        try:
            # The stub knows no buffer that is a view, though the read takes any.
            while count := stream.read(_READ, buffer):  # type: ignore[arg-type, unused-ignore]
                feed(buffer[: int(count)])  # type: ignore[call-overload, unused-ignore]
        except ssl.SSLError:
            return
