"""--stream: whole lines as they come, each with the parts of its target's name that differ in this run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from podium.apps.cli.outlet import Outlet
from podium.domain.escapes import readable
from podium.domain.events import Channel, Event, Finished
from podium.domain.targets import Target
from podium.ports import Flow

LONGEST_LINE = 64 * 1024  #: bytes after which a line without an end is shown in pieces


def prefixes(targets: Sequence[Target]) -> Callable[[Target], str]:
    """How to call each target of a run in the fewest words: only the parts in which its targets differ."""
    shown: list[Callable[[Target], str]] = []
    parts: tuple[Callable[[Target], str], ...] = (
        lambda target: target.cluster,
        lambda target: target.namespace,
        lambda target: target.pod,
    )
    shown = [part for part in parts if len({part(target) for target in targets}) > 1]
    pods = {(target.cluster, target.namespace, target.pod) for target in targets}
    if len(pods) < len(set(targets)):
        shown.append(lambda target: target.container)
    return lambda target: "/".join(part(target) for part in shown)


@dataclass(frozen=True, slots=True)
class Way:
    """Where one channel goes. On a terminal lines are made harmless, and may have their names coloured.

    `raw`: bytes go through as they are, for a single target.
    """

    outlet: Outlet
    terminal: bool
    colour: bool
    raw: bool = False


class Lines:
    """Bytes of one stream to whole lines; an end without a newline gets one, so that lines never mix."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Take bytes, give the lines that are whole now, without their ends."""
        self._rest += data
        if b"\n" in self._rest:
            *lines, rest = bytes(self._rest).split(b"\n")
            self._rest = bytearray(rest)
        else:
            lines = []
        while len(self._rest) > LONGEST_LINE:
            lines.append(bytes(self._rest[:LONGEST_LINE]))
            del self._rest[:LONGEST_LINE]
        return lines

    def end(self) -> list[bytes]:
        """Give what is left."""
        rest, self._rest = bytes(self._rest), bytearray()
        return [rest] if rest else []


class Streamed:
    """A view that shows lines as they come: stdout to our stdout, stderr to our stderr."""

    def __init__(self, targets: Sequence[Target], ways: Mapping[Channel, Way]) -> None:
        self._name = prefixes(targets)
        self._ways = ways
        self._lines: defaultdict[tuple[Target, Channel], Lines] = defaultdict(Lines)
        self._flows: dict[Target, Flow] = {}

    def attach(self, target: Target, flow: Flow) -> None:
        """Hold it back when our reader is slower."""
        self._flows[target] = flow
        for way in self._ways.values():
            way.outlet.attach(flow)

    def write(self, target: Target, channel: Channel, data: memoryview) -> None:
        """Show what became whole lines."""
        if self._ways[channel].raw:
            self._ways[channel].outlet.write(bytes(data))
            return
        self._show(target, channel, self._lines[target, channel].feed(data))

    def take(self, event: Event) -> None:
        """Show the rest of a target that has ended."""
        match event:
            case Finished(target=target):
                for channel in Channel:
                    lines = self._lines.pop((target, channel), None)
                    if lines is not None:
                        self._show(target, channel, lines.end())
                flow = self._flows.pop(target, None)
                for way in self._ways.values():
                    if flow is not None:
                        way.outlet.detach(flow)
            case _:
                pass

    async def close(self) -> None:
        """Wait until all is shown."""
        for way in self._ways.values():
            await way.outlet.close()

    def _show(self, target: Target, channel: Channel, lines: Iterable[bytes]) -> None:
        way = self._ways[channel]
        prefix = self._prefix(target, way)
        if way.terminal:
            lines = (readable(line.removesuffix(b"\r")).encode("utf-8", "replace") for line in lines)
        way.outlet.write(b"".join(prefix + line + b"\n" for line in lines))

    def _prefix(self, target: Target, way: Way) -> bytes:
        name = self._name(target)
        if name == "":
            return b""
        text = f"\x1b[36m{name}\x1b[0m | " if way.colour else f"{name} | "
        return text.encode("utf-8", "replace")
