"""GET pods/NAME/exec: the checks of the API server, the kubelet's errors, the command, its Status."""

import asyncio
import contextlib
import errno
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from podium.sandbox.api.nodes import NodeDialError, Nodes
from podium.sandbox.api.statuses import Json, StatusError, bad_request, encode, internal, unknown_error
from podium.sandbox.runtime.containers import Containers
from podium.sandbox.runtime.process import NotStartedError, Process
from podium.sandbox.runtime.streams import BrokenPipe, Pipe, PipeReader, PipeWriter, Stream
from podium.sandbox.settings import ExecWire, Settings
from podium.sandbox.wire.channels import Channel, Channels, Protocol, choose, is_upgrade, offered, switch_head
from podium.sandbox.wire.http import Answer, Connection, Request
from podium.sandbox.world.pods import Pod

OUTPUT_SIZE = 32 * 1024
STDIN_SIZE = 160 * 1024
"""Bytes of stdin on the way to a process that does not read: its pipe and the buffers before it."""
KUBELET_PROTOCOLS = (Protocol.V4, Protocol.V1, Protocol.PLAIN)


@dataclass(frozen=True, slots=True)
class Command:
    """What an exec request asks for."""

    pod: Pod
    container: str
    argv: tuple[str, ...]
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


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
    """Run commands in containers over WebSocket."""

    settings: Settings
    containers: Containers
    nodes: Nodes
    running: set["Session"] = field(default_factory=set)

    @property
    def kubelet_translates(self) -> bool:
        """Tell whether v5 goes through to the kubelet (1.36 and later)."""
        wire = self.settings.exec_wire
        return minor_of(self.settings.version) >= 36 if wire is ExecWire.BY_VERSION else wire is ExecWire.KUBELET

    async def open(self, pod: Pod, request: Request) -> Answer:
        """Answer an exec request. Raises StatusError."""
        command = read_command(pod, request)
        if not is_upgrade(request):
            if request.headers.get("upgrade", "") != "":
                raise bad_request("unable to upgrade: this server speaks WebSocket only")
            raise bad_request("Upgrade request required")
        names = offered(request)
        translated = Protocol.V5.value in names and not self.kubelet_translates
        if translated:
            return self._switch(command, request, Protocol.V5, translated=True)
        # passed on to the kubelet: its errors come before the 101, as they are
        try:
            await self.nodes.dial(pod.node)
        except NodeDialError as error:
            raise unknown_error(f"error dialing backend: {error}") from None
        refused = self._kubelet_refusal(command)
        if refused is not None:
            return refused
        supported = (Protocol.V5, *KUBELET_PROTOCOLS) if self.kubelet_translates else KUBELET_PROTOCOLS
        protocol = choose(names, supported)
        if protocol is None:
            return Answer(403, b"", "")
        return self._switch(command, request, protocol, translated=False)

    def freeze(self, pod: Pod) -> None:
        """Let the open streams of a pod stay open for ever: no output, no Status, no end."""
        for session in self.running:
            if session.command.pod.uid == pod.uid:
                session.is_frozen = True

    def _kubelet_refusal(self, command: Command) -> Answer | None:
        if not (command.stdin or command.stdout or command.stderr):
            return Answer(400, b"you must specify at least 1 of stdin, stdout, stderr\n", "text/plain; charset=utf-8")
        words = self.not_running(command)
        return None if words is None else Answer(500, words.encode() + b"\n", "text/plain; charset=utf-8")

    def not_running(self, command: Command) -> str | None:
        """Return the kubelet's words where the container does not run (kubelet_pods.go GetExec)."""
        return None if command.pod.runs(command.container) else f'container not found ("{command.container}")'

    def _switch(self, command: Command, request: Request, protocol: Protocol, *, translated: bool) -> Answer:
        async def takeover(connection: Connection) -> None:
            session = Session(self, command, connection, protocol, translated)
            self.running.add(session)
            try:
                await connection.send(switch_head(request, protocol))
                await session.serve()
            finally:
                self.running.discard(session)

        return Answer(101, takeover=takeover)


class Session:
    """One exec after its 101."""

    def __init__(
        self, service: ExecService, command: Command, connection: Connection, protocol: Protocol, translated: bool
    ) -> None:
        self.service, self.command, self.protocol, self.translated = service, command, protocol, translated
        self.stdin: Pipe | None = Pipe(STDIN_SIZE) if command.stdin else None
        self.channels = Channels(connection, protocol, self._take_input)
        self.process: Process | None = None
        self.is_frozen = False

    async def serve(self) -> None:
        """Run the command and tell its end."""
        # the first frame is empty: it tells the client that the streams stand
        first = Channel.STDOUT if self.command.stdout else Channel.STDERR if self.command.stderr else Channel.ERROR
        await self.channels.send(first, b"")
        listening = asyncio.ensure_future(self.channels.listen())
        try:
            status = await self._reach_and_run()
            if status is not None:
                await self.finish(status)
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    async def _take_input(self, data: bytes | None) -> None:
        if self.stdin is None:
            return
        if data is None:
            self.stdin.no_writer = True
            self.stdin.wake()
            return
        with contextlib.suppress(BrokenPipe):
            await self.stdin.write(data)

    async def _reach_and_run(self) -> Json | None:
        if self.translated:
            try:
                await self.service.nodes.dial(self.command.pod.node)
            except NodeDialError as error:
                url = exec_url(self.command, self.service.nodes.address(self.command.pod.node))
                return failure_status(f'error sending request: Post "{url}": {error}')
            words = self.service.not_running(self.command)
            if words is not None:
                return failure_status(f"unable to upgrade connection: {words}")
        return await self.run()

    async def run(self) -> Json | None:
        """Run the command; returns its Status, None when the client has gone before the end."""
        container = self.service.containers.find(self.command.pod, self.command.container)
        outputs: list[tuple[Channel, PipeReader]] = []
        streams = self._streams(outputs)
        try:
            if not self.command.argv:
                raise NotStartedError(errno.ENOENT, "", by_path=False)
            self.process = process = container.start(list(self.command.argv), streams)
        except NotStartedError as error:
            return self.not_started(error)
        pumps = [asyncio.ensure_future(self._pump(channel, reader)) for channel, reader in outputs]
        ended = asyncio.ensure_future(self._until_end(process, pumps))
        gone = asyncio.ensure_future(self.channels.client_gone.wait())
        try:
            await asyncio.wait((ended, gone), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                return None
            return self.end_status(await ended)
        finally:
            self._let_go(outputs)
            for task in (ended, gone, *pumps):
                task.cancel()
            await asyncio.gather(ended, gone, *pumps, return_exceptions=True)

    def _streams(self, outputs: list[tuple[Channel, PipeReader]]) -> dict[int, Stream]:
        streams: dict[int, Stream] = {}
        if self.stdin is not None:
            streams[0] = _KeptReader(self.stdin)
        out = Pipe()
        wanted = [
            (1, Channel.STDOUT, self.command.stdout),
            (2, Channel.STDERR, self.command.stderr and not self.command.tty),
        ]
        for number, channel, asked in wanted:
            if asked:
                pipe = out if number == 1 else Pipe()
                outputs.append((channel, PipeReader(pipe)))
                streams[number] = PipeWriter(pipe)
        if self.command.tty and 1 in streams:
            streams[2] = streams[1].hold()
        return streams

    def _let_go(self, outputs: list[tuple[Channel, PipeReader]]) -> None:
        # as when the API server's side has gone: the command lives on, its writes fail, its stdin ends
        for _, reader in outputs:
            reader.drop()
        if self.stdin is not None:
            self.stdin.no_writer = True
            self.stdin.wake()

    async def _pump(self, channel: Channel, reader: PipeReader) -> None:
        while part := await reader.read(OUTPUT_SIZE):
            await self.channels.send(channel, part)

    async def _until_end(self, process: Process, pumps: Sequence[asyncio.Future[None]]) -> int:
        code = await process.wait()
        # whoever else holds the outputs (a background child) holds the Status too
        await asyncio.gather(*pumps)
        if self.is_frozen or (self.channels.input_waits and self.service.settings.stdin_wedges):
            await asyncio.Event().wait()
        return code

    def end_status(self, code: int) -> Json:
        """Return the Status of an exit code; v5 has the client-go translator's words, v4 the runtime's."""
        if code == 0:
            return {"metadata": {}, "status": "Success"}
        if self.protocol is Protocol.V5:
            words = f"command terminated with exit code {code}"
        else:
            words = f"error executing command [{' '.join(self.command.argv)}], exit code {code}"
        return {
            "metadata": {},
            "status": "Failure",
            "message": f"command terminated with non-zero exit code: {words}",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
        }

    def not_started(self, error: NotStartedError) -> Json:
        """Return the Status of a command that could not begin, as containerd and runc word it."""
        name = error.name
        why = f'exec: "{name}": executable file not found in $PATH'
        if error.errno == errno.EACCES:
            why = f'exec: "{name}": permission denied'
        elif error.by_path:
            why = f'exec: "{name}": stat {name}: no such file or directory'
        attempt = hashlib.sha256(f"{id(self)}".encode()).hexdigest()
        return self.runtime_failure(
            f'failed to exec in container: failed to start exec "{attempt}": OCI runtime exec failed: exec failed: '
            f"unable to start container process: {why}: unknown"
        )

    def runtime_failure(self, words: str) -> Json:
        """Return the Status of an error in the runtime; a v5 translator wraps it once more."""
        status = failure_status(f"error executing command in container: {words}")
        return failure_status(str(status["message"])) if self.protocol is Protocol.V5 else status

    async def finish(self, status: Json) -> None:
        """Write the Status and close."""
        if self.protocol.tells_status:
            await self.channels.send(Channel.ERROR, encode(status)[:-1])
        elif status["status"] != "Success":
            await self.channels.send(Channel.ERROR, str(status["message"]).encode())
        await self.channels.close()


class _KeptReader(PipeReader):
    """A process's end of stdin: the runtime keeps the pipe open when the process ends."""

    def close(self) -> None:
        """Leave the pipe as it is."""


def failure_status(words: str) -> Json:
    """Return an InternalError as it goes through channel 3: without kind and apiVersion."""
    body = internal(words).body()
    return {key: value for key, value in body.items() if key not in ("kind", "apiVersion")}


def exec_url(command: Command, address: str) -> str:
    """Return the kubelet's URL for an exec, as the API server's errors show it."""
    query = "&".join(
        f"{name}=1"
        for name, wanted in (("error", command.stderr), ("input", command.stdin), ("output", command.stdout))
        if wanted
    )
    words = "&".join(f"command={word}" for word in command.argv)
    path = f"exec/{command.pod.namespace}/{command.pod.name}/{command.container}"
    return f"https://{address}:10250/{path}?{words}&{query}"


__all__ = ["Command", "ExecService", "Session", "StatusError"]
