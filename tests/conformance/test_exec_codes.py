"""Every exit code there is, through the client alone: 256 commands in one pod, a few at a time."""

from __future__ import annotations

import asyncio

from podium.apps.bootstrap import Connect, connect
from podium.domain.commands import Command
from podium.domain.events import Channel
from podium.domain.outcomes import Failed, Outcome, Proof, Succeeded, Why
from podium.domain.targets import Target
from podium.ports import Flow
from podium.runner.plan import Plan
from support.fleets import admitted
from support.places import Place

AT_ONCE = 8


class Nothing:
    """An Output that keeps nothing."""

    def attach(self, flow: Flow) -> None: ...

    def reach(self) -> None: ...

    def write(self, channel: Channel, data: memoryview) -> None: ...

    def learn(self, why: Why) -> None: ...


async def test_every_exit_code_arrives(place: Place) -> None:
    target = Target("c", place.namespace, "solo", "main", "any")
    slots = asyncio.Semaphore(AT_ONCE)
    settings = Connect(kubeconfig=str(place.kubeconfig), contexts=(place.context,), environ=place.environment)
    async with connect(settings) as fleet:
        only = fleet.clusters[0]

        async def end_with(code: int) -> Outcome:
            command = Command(("sh", "-c", f"exit {code}"))
            async with slots:
                return await only.exec.exec(
                    admitted(Plan("run", "exec", command, (target,))), target, command, Nothing()
                )

        ends = await asyncio.gather(*(end_with(code) for code in range(256)))
    assert ends == [Succeeded(Proof.RUNTIME), *(Failed(code, Proof.RUNTIME) for code in range(1, 256))]
