from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from podium.sandbox import Sandbox, Settings, serve
from podium.sandbox.world.pods import Pod
from sandbox.clients import Client


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with serve(Settings(pods=60, seed=7, dial_timeout=0.2)) as made:
        yield made


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox)


@pytest.fixture
def pod(sandbox: Sandbox) -> Pod:
    """A running pod of deploy/web on Debian."""
    return next(one for one in sandbox.pods if one.template.workload == "web" and one.namespace == "shop")
