"""GET pods/NAME/exec up to the 101: the checks of the API server and the kubelet's refusals."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from podium.sandbox.api.nodes import NodeDialError, Nodes
from podium.sandbox.api.session import Command, Session
from podium.sandbox.api.statuses import bad_request, unknown_error
from podium.sandbox.faults.box import FaultBox
from podium.sandbox.faults.grammar import Fault, Kind
from podium.sandbox.faults.sessions import carried
from podium.sandbox.runtime.containers import Containers
from podium.sandbox.settings import ExecWire, Settings
from podium.sandbox.wire.channels import Protocol, choose, is_upgrade, offered, switch_head
from podium.sandbox.wire.http import Answer, Connection, DropError, Request
from podium.sandbox.world.pods import Pod

KUBELET_PROTOCOLS = (Protocol.V4, Protocol.V1, Protocol.PLAIN)
UPGRADE_FAULTS = (Kind.REFUSE_UPGRADE, Kind.ACCEPT_AND_DROP)
PLAIN_TEXT = "text/plain; charset=utf-8"


def minor_of(version: str) -> int:
    """Return the minor number of a version like v1.36.3."""
    return int(version.split(".")[1])


def choose_container(pod: Pod, name: str) -> str:
    """Return the container a request means. Raises StatusError (pod strategy validateContainer)."""
    names = [spec.name for spec in (*pod.template.init_containers, *pod.template.containers)]
    if name != "":
        if name not in names:
            raise bad_request(f"container {name} is not valid for pod {pod.name}")
        return name
    if len(pod.template.containers) == 1:
        return pod.template.containers[0].name
    raise bad_request(f"a container name must be specified for pod {pod.name}, choose one of: [{' '.join(names)}]")


def read_command(pod: Pod, request: Request) -> Command:
    """Read PodExecOptions. Raises StatusError."""
    container = choose_container(pod, request.first("container") or "")
    if pod.node == "":
        raise bad_request(f"pod {pod.name} does not have a host assigned")
    flags = [request.flag(name) for name in ("stdin", "stdout", "stderr", "tty")]
    return Command(pod, container, request.all("command"), *flags)


@dataclass(slots=True)
class ExecService:
    """Run commands in containers over WebSocket. `act` does to a pod what a fault says."""

    settings: Settings
    containers: Containers
    nodes: Nodes
    box: FaultBox
    act: Callable[[Kind, Pod], None]
    running: set[Session] = field(default_factory=set)

    @property
    def kubelet_translates(self) -> bool:
        """Tell whether v5 goes through to the kubelet (1.36 and later)."""
        wire = self.settings.exec_wire
        return minor_of(self.settings.version) >= 36 if wire is ExecWire.BY_VERSION else wire is ExecWire.KUBELET

    async def open(self, pod: Pod, request: Request, user: str) -> Answer:
        """Answer an exec request. Raises StatusError, DropError."""
        command = read_command(pod, request)
        facts = facts_of(command, user) | {"protocol": ",".join(offered(request))}
        if not is_upgrade(request):
            if request.headers.get("upgrade", "") != "":
                raise bad_request("unable to upgrade: this server speaks WebSocket only")
            raise bad_request("Upgrade request required")
        refused = self.box.strikes(UPGRADE_FAULTS, facts)
        if refused is not None:
            return await self._refuse(refused, request)
        names = offered(request)
        has_v5 = not self.box.has(Kind.NO_V5) or self.box.strikes((Kind.NO_V5,), facts) is None
        if has_v5 and Protocol.V5.value in names and not self.kubelet_translates:
            return self._switch(command, request, Protocol.V5, facts)
        return await self._pass_on(command, request, facts, has_v5=has_v5)

    async def _pass_on(self, command: Command, request: Request, facts: dict[str, str], *, has_v5: bool) -> Answer:
        # passed on to the kubelet: its errors come before the 101, as they are
        try:
            await self.nodes.dial(command.pod.node)
        except NodeDialError as error:
            raise unknown_error(f"error dialing backend: {error}") from None
        latency = self.box.strikes((Kind.LATENCY,), facts)
        if latency is not None:
            await asyncio.sleep(latency.value)
        if not (command.stdin or command.stdout or command.stderr):
            return Answer(400, b"you must specify at least 1 of stdin, stdout, stderr", PLAIN_TEXT)
        words = command.not_running()
        if words is not None:
            return Answer(500, words.encode(), PLAIN_TEXT)
        # a v5 among the offers wins over its place in them (IsWebSocketRequestWithStreamCloseProtocol)
        names = offered(request)
        has_v5 = has_v5 and self.kubelet_translates and Protocol.V5.value in names
        protocol = Protocol.V5 if has_v5 else choose(names, KUBELET_PROTOCOLS)
        if protocol is None:
            return Answer(403, b"", "")
        return self._switch(command, request, protocol, facts)

    async def _refuse(self, fault: Fault, request: Request) -> Answer:
        if fault.kind is Kind.ACCEPT_AND_DROP:

            async def takeover(connection: Connection) -> None:
                await connection.send(switch_head(request, choose(offered(request), tuple(Protocol)) or Protocol.PLAIN))
                raise DropError

            return Answer(101, takeover=takeover)
        return Answer(int(fault.value), b"the proxy in between does not do upgrades\n", PLAIN_TEXT)

    def _switch(self, command: Command, request: Request, protocol: Protocol, facts: dict[str, str]) -> Answer:
        translated = protocol is Protocol.V5 and not self.kubelet_translates

        async def takeover(connection: Connection) -> None:
            struck = carried(self.box, {**facts, "protocol": protocol.value})
            session = Session(self, command, connection, protocol, translated=translated, faults=struck)
            self.running.add(session)
            try:
                await connection.send(switch_head(request, protocol))
                await session.serve()
            finally:
                self.running.discard(session)

        return Answer(101, takeover=takeover)

    def freeze(self, pod: Pod) -> None:
        """Let the open streams of a pod stay open for ever: no output, no Status, no end."""
        for session in self.running:
            if session.command.pod.uid == pod.uid:
                session.is_frozen = True


def facts_of(command: Command, user: str) -> dict[str, str]:
    """Return what faults may ask of an exec."""
    return {
        "on": "exec",
        "namespace": command.pod.namespace,
        "pod": command.pod.name,
        "node": command.pod.node,
        "container": command.container,
        "command": " ".join(command.argv),
        "user": user,
    }
