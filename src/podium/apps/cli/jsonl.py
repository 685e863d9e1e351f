"""-o jsonl: one event a line, outputs as they come, a summary last."""

from __future__ import annotations

from podium.apps.cli.outlet import Outlet
from podium.apps.cli.wire_json import Shape, encode, event_line, output_line
from podium.domain.events import Channel, Event, Finished
from podium.domain.targets import Target
from podium.ports import Flow


class JsonLines:
    """A view that writes every event as a line; a character split over two frames is held until it is whole."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._tails: dict[tuple[Target, Channel], bytes] = {}
        self._flows: dict[Target, Flow] = {}

    def attach(self, target: Target, flow: Flow) -> None:
        """Hold it back when our reader is slower."""
        self._flows[target] = flow
        self._outlet.attach(flow)

    def write(self, target: Target, channel: Channel, data: memoryview) -> None:
        """Write an output line."""
        whole = self._tails.pop((target, channel), b"") + data
        at = end_of_text(whole)
        if at < len(whole):
            self._tails[target, channel] = whole[at:]
        if at > 0:
            self.line(output_line(target, channel, whole[:at]))

    def take(self, event: Event) -> None:
        """Write an event's line, after the rest of a target that has ended."""
        match event:
            case Finished(target=target):
                for channel in Channel:
                    tail = self._tails.pop((target, channel), b"")
                    if tail:
                        self.line(output_line(target, channel, tail))
                flow = self._flows.pop(target, None)
                if flow is not None:
                    self._outlet.detach(flow)
            case _:
                pass
        self.line(event_line(event))

    def line(self, shape: Shape) -> None:
        """Write one line."""
        self._outlet.write(encode(shape) + b"\n")

    async def close(self) -> None:
        """The summary is still to come: whoever writes it closes the outlet."""


def end_of_text(data: bytes) -> int:
    """Where the last whole UTF-8 character ends: less than the length only where one was begun and may go on."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            return len(data)
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < needed and byte < 0xF8 else len(data)
    return len(data)
