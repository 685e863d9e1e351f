"""A recording API server for the two clients, trusted by the kubeconfigs written in the lab."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.authorities import Authority, Pair
from support.kubectl_oracle import Lab
from support.recording_server import recording_server


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The authority that both sides trust."""
    return Authority()


@pytest.fixture(scope="session")
def server_pair(authority: Authority) -> Pair:
    """The server's certificate, for names that only proxies lead to, and for loopback."""
    return authority.server("kube.test", "other.test", "127.0.0.1")


@pytest.fixture(scope="session")
def client_pair(authority: Authority) -> Pair:
    """A client certificate for alice."""
    return authority.client("alice")


@pytest.fixture
async def lab(tmp_path: Path, authority: Authority, server_pair: Pair) -> AsyncIterator[Lab]:
    """Both clients, and a server that takes client certificates but demands none."""
    async with recording_server(authority, server_pair) as server:
        yield Lab(tmp_path, server, authority)
