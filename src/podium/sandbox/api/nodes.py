"""Reach nodes as the API server's proxy does: a dial that works, is refused or times out."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from podium.sandbox.settings import Settings
from podium.sandbox.world.items import Plain
from podium.sandbox.world.nodes import address_of, is_ready
from podium.sandbox.world.store import Store


class NodeDialError(Exception):
    """A node's kubelet could not be dialled; the text is Go's."""


Strike = Callable[[str, str], Awaitable[None]]


@dataclass(slots=True)
class Nodes:
    """Dial kubelets. `strike` may raise NodeDialError for a node's name and address, or wait (faults)."""

    store: Store
    settings: Settings
    strikes: list[Strike] = field(default_factory=list)

    def find(self, name: str) -> Plain | None:
        """Return a node by name."""
        item = self.store.get("nodes", "", name)
        return item if isinstance(item, Plain) else None

    def address(self, name: str) -> str:
        """Return a node's address."""
        node = self.find(name)
        return "0.0.0.0" if node is None else address_of(node)  # noqa: S104 - shown, never bound

    async def dial(self, name: str) -> None:
        """Reach a node's kubelet. Raises NodeDialError."""
        node = self.find(name)
        if node is None:
            raise NodeDialError(f"dial tcp: lookup {name}: no such host")
        address = address_of(node)
        for strike in self.strikes:
            await strike(name, address)
        if not is_ready(node):
            await asyncio.sleep(self.settings.dial_timeout)
            raise NodeDialError(f"dial tcp {address}:10250: i/o timeout")
