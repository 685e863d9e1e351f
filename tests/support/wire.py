"""One exec on a cluster's wire, without podium's judgement: what came, as it came."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.kubeconfig_entries import Overrides
from podium.adapters.kube.session import CloseReceived, End
from podium.adapters.kube.surroundings import Surroundings
from podium.adapters.kube.wire_errors import SessionClosedError, UpgradeRefusedError
from support.places import Place

PROTOCOLS = {"v4": "v4.channel.k8s.io", "v5": "v5.channel.k8s.io"}
EXEC_ID = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Heard:
    """What one exec brought: `http` 101 where it was opened, `status` what the error channel or the body said."""

    http: int
    status: str
    stdout: bytes = b""
    end: End | None = None

    @property
    def closed(self) -> bool:
        return isinstance(self.end, CloseReceived)

    @property
    def message(self) -> str:
        """The Status' message, or the plain text, with the exec's own id taken out."""
        with suppress(ValueError):
            return EXEC_ID.sub("ID", json.loads(self.status)["message"])
        return self.status


@dataclass(frozen=True)
class Asked:
    """An exec to make. `protocol` is v4 or v5; v5 has stdin, which is ended at once."""

    pod: str
    container: str
    argv: tuple[str, ...]
    protocol: str


class _Sink:
    def __init__(self) -> None:
        self.channels: dict[int, bytearray] = {}
        self.end: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    def received(self, channel: int, data: memoryview) -> None:
        self.channels.setdefault(channel, bytearray()).extend(data)

    def ended(self, end: End) -> None:
        self.end.set_result(end)


def hear(place: Place, asked: Sequence[Asked], seconds: float = 60.0) -> list[Heard]:
    """Make all these execs at once and return what each brought."""

    async def all_of_them() -> list[Heard]:
        access = load(str(place.kubeconfig), Surroundings(place.environment)).resolve(place.context, Overrides())
        api = Api(access, user_agent="podium/conformance", wire=Wire(environ={}))
        try:
            async with asyncio.timeout(seconds):
                return list(await asyncio.gather(*(_hear(api, place.namespace, one) for one in asked)))
        finally:
            await api.close()
            # transports say goodbye in later turns of the loop
            for _ in range(3):
                await asyncio.sleep(0)

    return asyncio.run(all_of_them())


async def _hear(api: Api, namespace: str, asked: Asked) -> Heard:
    query = [("container", asked.container), ("stdout", "true"), ("stderr", "true")]
    if asked.protocol == "v5":
        query.append(("stdin", "true"))
    query += [("command", word) for word in asked.argv]
    path = f"/api/v1/namespaces/{namespace}/pods/{asked.pod}/exec"
    sink = _Sink()
    try:
        session = await api.upgrade(path, query, [PROTOCOLS[asked.protocol]], sink)
    except UpgradeRefusedError as error:
        return Heard(error.status, error.body.decode("utf-8", "replace").strip())
    try:
        if asked.protocol == "v5":
            with suppress(SessionClosedError):
                await session.half_close(0)
        end = await sink.end
    finally:
        session.abort()
    return Heard(101, sink.channels.get(3, bytearray()).decode(), bytes(sink.channels.get(1, b"")), end)
