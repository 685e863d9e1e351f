"""A certificate authority, both event loops, and no deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, settings

from support.authorities import Authority, Pair

# How long an example takes says more about the machine than about the code.
settings.register_profile("wire", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wire")

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The authority that the tests' servers are trusted by."""
    return Authority("wire")


@pytest.fixture(scope="session")
def server_pair(authority: Authority) -> Pair:
    """A server certificate for loopback and two names."""
    return authority.server("127.0.0.1", "localhost", "kube.test")


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on each of the two event loops."""
    factory = asyncio.SelectorEventLoop if request.param == "asyncio" else uvloop.new_event_loop

    def on_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(asyncio.wait_for(coroutine, 60))

    return on_loop
