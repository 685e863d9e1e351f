"""What tests of KubeExec share: an output that keeps, targets and admissions, scripted ends of streams."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.exec import KubeExec
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.surroundings import Surroundings
from podium.domain.commands import Command, CommandKind
from podium.domain.events import Channel
from podium.domain.outcomes import Outcome, Why
from podium.domain.targets import Target
from podium.ports import Flow
from podium.runner.plan import Plan
from podium.sandbox import Sandbox
from podium.sandbox.world.pods import Pod
from support.fleets import admitted

ANY = Target("c", "shop", "web-0", "main", "uid-0", "n1")


class Sink:
    """An Output that keeps all of it; with `hold_after` bytes it pauses its source, until `release`."""

    def __init__(self, hold_after: int | None = None) -> None:
        self.written = {channel: bytearray() for channel in Channel}
        self.reaches = 0
        self.flows: list[Flow] = []
        self.hints: list[Why] = []
        self.arrived = asyncio.Event()
        self._hold_after = hold_after

    def attach(self, flow: Flow) -> None:
        self.flows.append(flow)

    def reach(self) -> None:
        self.reaches += 1

    def write(self, channel: Channel, data: memoryview) -> None:
        self.written[channel] += data
        self.arrived.set()
        if self._hold_after is not None and len(self.stdout) >= self._hold_after:
            self.flows[-1].pause()

    def learn(self, why: Why) -> None:
        self.hints.append(why)

    def release(self) -> None:
        self._hold_after = None
        self.flows[-1].resume()

    @property
    def stdout(self) -> bytes:
        return bytes(self.written[Channel.STDOUT])

    @property
    def stderr(self) -> bytes:
        return bytes(self.written[Channel.STDERR])


def argv(*words: str) -> Command:
    return Command(words)


def line(text: str) -> Command:
    return Command((text,), CommandKind.LINE)


def script(text: str) -> Command:
    return Command((), CommandKind.SCRIPT, script=text.encode())


async def run_on(api: Api, command: Command, sink: Sink, target: Target = ANY) -> Outcome:
    """One exec under an admission of its own."""
    admission = admitted(Plan("run", "exec", command, (target,)))
    return await KubeExec(api).exec(admission, target, command, sink)


@asynccontextmanager
async def api_of(sandbox: Sandbox, folder: Path, connect_timeout: float = 10.0) -> AsyncIterator[Api]:
    """The client of a sandbox."""
    file = folder / "kubeconfig"
    file.write_text(sandbox.kubeconfig_text())
    config = load(str(file), Surroundings(os.environ))
    access = config.resolve(config.current)
    api = Api(access, user_agent="podium/test", connect_timeout=connect_timeout, wire=Wire(environ={}))
    try:
        yield api
    finally:
        await api.close()


def target_of(pod: Pod) -> Target:
    return Target("c", pod.namespace, pod.name, pod.template.containers[0].name, pod.uid, pod.node)
