"""Debian's HAProxy in front of an API server, on loopback, for as long as a test needs it."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.authorities import Authority
from support.places import eventually

HAPROXY = "/usr/sbin/haproxy"
_FRAME = """
global
  maxconn 200
  ssl-server-verify none
defaults
  retries 0
  timeout connect 3s
  timeout client {idle}
  timeout server {idle}
  timeout tunnel {idle}
"""


@dataclass(frozen=True)
class Proxy:
    """A running HAProxy; `ca` is its own authority where it ends TLS itself."""

    port: int
    ca: Path | None = None

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@contextmanager
def passing(folder: Path, api: int, *, idle: str) -> Iterator[Proxy]:
    """Carry bytes to the API server's port and cut what is silent for `idle`."""
    port = free_port()
    text = f"""
listen api
  mode tcp
  bind 127.0.0.1:{port}
  server api 127.0.0.1:{api}
"""
    with _running(folder, _FRAME.format(idle=idle) + text, port):
        yield Proxy(port)


@contextmanager
def reading(folder: Path, api: int, rules: str, *, idle: str = "15s", more: str = "") -> Iterator[Proxy]:
    """End TLS, read the requests, apply `rules` to them, and pass the rest on; `more` are further sections.

    Of the words there, `is_upgrade` is a request that wants a WebSocket.
    """
    port = free_port()
    authority = Authority("proxy")
    pair = authority.server("127.0.0.1")
    (folder / "proxy.pem").write_bytes(pair.certificate + pair.key)
    (folder / "proxy-ca.crt").write_bytes(authority.pem)
    text = f"""
frontend front
  mode http
  bind 127.0.0.1:{port} ssl crt {folder}/proxy.pem alpn http/1.1
  acl is_upgrade hdr(Upgrade) -i websocket
  {rules}
  default_backend api
backend api
  mode http
  server api 127.0.0.1:{api} ssl verify none alpn http/1.1
{more}
"""
    with _running(folder, _FRAME.format(idle=idle) + text, port):
        yield Proxy(port, folder / "proxy-ca.crt")


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _running(folder: Path, config: str, port: int) -> Iterator[None]:
    path = folder / f"haproxy-{port}.cfg"
    path.write_text(config)
    log = folder / f"haproxy-{port}.log"
    with log.open("wb") as out:
        # -db: in the foreground, so that it ends when we end it
        process = subprocess.Popen([HAPROXY, "-db", "-f", str(path)], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        eventually(lambda: process.poll() is not None or _listens(port), 20, 0.05)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.kill()
        process.wait(20)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
