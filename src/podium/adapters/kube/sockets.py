"""Sockets as the wire wants them: bounded buffers, no delay, keep-alive; and what the kernel knows of them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import ipaddress
import math
import os
import socket
import struct
import sys

from podium.adapters.kube.wire_errors import ConnectFailedError, ConnectFailure

# linux/sockios.h SIOCOUTQNSD: bytes of the send queue that were never sent.
_UNSENT = 0x894B
_FRUITLESS = 3
_ADDRESS_PATIENCE = 3.0
_CACHE_SECONDS = 10.0

Address = tuple[int, tuple[str | int, ...] | tuple[int, bytes]]


class Resolver:
    """Names to addresses, kept for ten seconds so that a thousand connections ask once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, tuple[Address, ...]]] = {}
        self._asking = asyncio.Lock()

    async def resolve(self, host: str, port: int) -> tuple[Address, ...]:
        """Return the addresses in the system's order; raises ConnectFailedError of kind dns."""
        loop = asyncio.get_running_loop()
        until, known = self._known.get((host, port), (0.0, ()))
        if loop.time() < until:
            return known
        with contextlib.suppress(ValueError):
            family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
            self._known[host, port] = (math.inf, ((family, (host, port)),))
            return self._known[host, port][1]
        async with self._asking:
            until, known = self._known.get((host, port), (0.0, ()))
            if loop.time() < until:
                return known
            try:
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "not a host name"
                raise ConnectFailedError(
                    ConnectFailure.DNS, f"cannot find {host}: {str(why).lower()}; check the server's name"
                ) from None
            addresses: tuple[Address, ...] = tuple((item[0], item[4]) for item in found)
            self._known[host, port] = (loop.time() + _CACHE_SECONDS, addresses)
            return addresses


async def connect(resolver: Resolver, host: str, port: int, receive_buffer: int) -> socket.socket:
    """Return a connected socket whose kernel buffer for reading is bounded to about `receive_buffer` bytes.

    Raises ConnectFailedError of kind dns or refused.
    """
    addresses = await resolver.resolve(host, port)
    failure: OSError | None = None
    for index, (family, address) in enumerate(addresses):
        patience = None if index == len(addresses) - 1 else _ADDRESS_PATIENCE
        try:
            async with asyncio.timeout(patience):
                return await _connect_one(family, address, receive_buffer)
        except TimeoutError:
            failure = TimeoutError()
        except OSError as error:
            failure = error
    why = "no address" if failure is None else os.strerror(failure.errno) if failure.errno else "no answer"
    raise ConnectFailedError(ConnectFailure.REFUSED, f"cannot connect to {host}:{port}: {why.lower()}")


async def _connect_one(
    family: int, address: tuple[str | int, ...] | tuple[int, bytes], receive_buffer: int
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        # Only before the connection does it bound the window that is offered; autotuning would take 6 MB.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def sending_is_blocked(sock: socket.socket) -> bool:
    """Return whether the peer's closed window holds bytes of ours back while its acknowledgements still come.

    A dead network also leaves bytes unsent, but then the kernel repeats itself in vain. False where the kernel does
    not tell (it is asked on Linux only).
    """
    if sys.platform != "linux" or sock.fileno() < 0:
        return False
    try:
        unsent = struct.unpack("i", fcntl.ioctl(sock.fileno(), _UNSENT, b"\0\0\0\0"))[0]
        # struct tcp_info: state, ca_state, retransmits, probes, ...
        facts = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
    except OSError:
        return False
    return bool(unsent > 0 and facts[2] < _FRUITLESS and facts[3] < _FRUITLESS)
