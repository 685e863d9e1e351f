"""What looks at a run while it goes on: each sees every byte and every event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from podium.domain.events import Channel, Event
from podium.domain.targets import Target
from podium.ports import Flow


class View(Protocol):
    """Sees a run. All is synchronous; `close` is called once, after the last event."""

    def attach(self, target: Target, flow: Flow) -> None:
        """A target's stream stands; it may be held back by its flow."""
        ...

    def write(self, target: Target, channel: Channel, data: memoryview) -> None:
        """Bytes of a target; valid during the call."""
        ...

    def take(self, event: Event) -> None:
        """An event; a target's bytes come before its Finished."""
        ...

    async def close(self) -> None:
        """The run is over."""
        ...


class Views:
    """Several views as one."""

    def __init__(self, views: Sequence[View]) -> None:
        self._views = tuple(views)

    def attach(self, target: Target, flow: Flow) -> None:
        """Show each."""
        for view in self._views:
            view.attach(target, flow)

    def write(self, target: Target, channel: Channel, data: memoryview) -> None:
        """Show each."""
        for view in self._views:
            view.write(target, channel, data)

    def take(self, event: Event) -> None:
        """Show each."""
        for view in self._views:
            view.take(event)

    async def close(self) -> None:
        """Close each."""
        for view in self._views:
            await view.close()
