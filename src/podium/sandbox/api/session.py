"""One exec after its 101: the command, its streams, its Status, and what breaks them."""

import asyncio
import contextlib
import errno
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from podium.sandbox.api.nodes import NodeDialError, Nodes
from podium.sandbox.api.statuses import Json, encode, internal
from podium.sandbox.faults.grammar import Fault, Kind
from podium.sandbox.faults.sessions import SessionFaults
from podium.sandbox.runtime.containers import Containers
from podium.sandbox.runtime.process import NotStartedError, Process
from podium.sandbox.runtime.streams import BrokenPipe, Pipe, PipeReader, PipeWriter, Stream
from podium.sandbox.settings import Settings
from podium.sandbox.wire.channels import Channel, Channels, Protocol
from podium.sandbox.wire.http import Connection, DropError
from podium.sandbox.world.pods import Pod

OUTPUT_SIZE = 32 * 1024
STDIN_SIZE = 160 * 1024
"""Bytes of stdin on the way to a process that does not read: its pipe and the buffers before it."""
SUCCESS: Json = {"metadata": {}, "status": "Success"}


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

    def not_running(self) -> str | None:
        """Return the kubelet's words where the container does not run (kubelet_pods.go GetExec)."""
        return None if self.pod.runs(self.container) else f'container not found ("{self.container}")'


class Host(Interface):
    """What a session needs of the service."""

    settings: Settings
    containers: Containers
    nodes: Nodes

    def act(self, kind: Kind, pod: Pod, /) -> None:
        """Do to a pod what a fault says."""


class Session:
    """One exec after its 101."""

    def __init__(
        self,
        host: Host,
        command: Command,
        connection: Connection,
        protocol: Protocol,
        *,
        translated: bool,
        faults: SessionFaults,
    ) -> None:
        """Serve this command on this connection."""
        self.host, self.command, self.protocol, self.translated = host, command, protocol, translated
        self.faults = faults
        self.stdin: Pipe | None = Pipe(STDIN_SIZE) if command.stdin else None
        self.channels = Channels(connection, protocol, self._take_input, faults.shape)
        self.listening: asyncio.Task[None] | None = None
        self.is_frozen = False

    async def serve(self) -> None:
        """Run the command and tell its end."""
        # the first frame is empty: it tells the client that the streams stand
        first = Channel.STDOUT if self.command.stdout else Channel.STDERR if self.command.stderr else Channel.ERROR
        await self.channels.send(first, b"")
        self.listening = asyncio.ensure_future(self.channels.listen())
        try:
            status = await self._reach_and_run()
            if status is not None:
                await self._finish(status)
        finally:
            self.listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.listening

    async def _take_input(self, data: bytes | None) -> None:
        if self.stdin is None:
            return
        if data is None:
            self.stdin.no_writer = True
            self.stdin.wake()
            return
        rate = self.faults.value(Kind.SLOW_STDIN)
        if rate is not None:
            await asyncio.sleep(len(data) / max(rate, 1.0))
        with contextlib.suppress(BrokenPipe):
            await self.stdin.write(data)

    async def _reach_and_run(self) -> Json | None:
        if self.translated:
            try:
                await self.host.nodes.dial(self.command.pod.node)
            except NodeDialError as error:
                url = exec_url(self.command, self.host.nodes.address(self.command.pod.node))
                return failure_status(f'error sending request: Post "{url}": {error}')
            words = self.command.not_running()
            if words is not None:
                return failure_status(f"unable to upgrade connection: {words}")
            await asyncio.sleep(self.faults.value(Kind.LATENCY) or 0.0)
        return await self._run()

    async def _run(self) -> Json | None:
        """Run the command; returns its Status, None when nothing more is to be said."""
        outputs: list[tuple[Channel, PipeReader]] = []
        streams = self._streams(outputs)
        try:
            if not self.command.argv:
                raise NotStartedError(errno.ENOENT, "", by_path=False)
            container = self.host.containers.find(self.command.pod, self.command.container)
            process = container.start(list(self.command.argv), streams)
        except NotStartedError as error:
            return self.not_started(error)
        pumps = [asyncio.ensure_future(self._pump(channel, reader)) for channel, reader in outputs]
        ended = asyncio.ensure_future(self._until_end(process, pumps))
        gone = asyncio.ensure_future(self.channels.client_gone.wait())
        struck = asyncio.ensure_future(self.faults.due.wait())
        self.faults.arm(asyncio.get_running_loop().call_later)
        try:
            await asyncio.wait((ended, gone, struck), return_when=asyncio.FIRST_COMPLETED)
            return await self._ending(ended, struck, pumps)
        finally:
            self._let_go(outputs)
            for task in (ended, gone, struck, *pumps):
                task.cancel()
            await asyncio.gather(ended, gone, struck, *pumps, return_exceptions=True)

    async def _ending(
        self, ended: asyncio.Task[int], struck: asyncio.Task[bool], pumps: Sequence[asyncio.Future[None]]
    ) -> Json | None:
        fault = self.faults.end if struck.done() else None
        if fault is not None and fault.kind in (Kind.RESTART, Kind.REPLACE, Kind.VANISH):
            self.host.act(fault.kind, self.command.pod)
            gone = asyncio.ensure_future(self.channels.client_gone.wait())
            await asyncio.wait((ended, gone), return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
        elif fault is not None:
            return await self._break(fault, pumps)
        if not ended.done():
            return None
        status = self.end_status(await ended)
        fault = self.faults.at_status
        if fault is None:
            return status
        if fault.kind is Kind.DROP_AFTER_STATUS:
            await self._tell(status)
        return await self._break(fault, pumps)

    async def _break(self, fault: Fault, pumps: Sequence[asyncio.Future[None]]) -> Json | None:
        for pump in pumps:
            pump.cancel()
        match fault.kind:
            case Kind.FALSE_SUCCESS:
                return SUCCESS
            case Kind.EMPTY_END:
                await self.channels.close()
                return None
            case Kind.HALF_OPEN:
                if self.listening is not None:
                    self.listening.cancel()
                await self.channels.connection.gone()
                return None
        raise DropError

    def _streams(self, outputs: list[tuple[Channel, PipeReader]]) -> dict[int, Stream]:
        streams: dict[int, Stream] = {}
        if self.stdin is not None:
            streams[0] = _KeptReader(self.stdin)
        wanted = (
            (1, Channel.STDOUT, self.command.stdout),
            (2, Channel.STDERR, self.command.stderr and not self.command.tty),
        )
        for number, channel, asked in wanted:
            if asked:
                pipe = Pipe()
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
        rate = self.faults.value(Kind.SLOW_OUTPUT)
        step = OUTPUT_SIZE if rate is None else max(1, int(rate / 10))
        while part := await reader.read(step):
            if self.is_frozen:
                await asyncio.Event().wait()
            allowed = self.faults.allow(len(part))
            if allowed > 0:
                await self.channels.send(channel, part[:allowed])
            if allowed < len(part):
                await asyncio.Event().wait()
            if rate is not None:
                await asyncio.sleep(len(part) / max(rate, 1.0))

    async def _until_end(self, process: Process, pumps: Sequence[asyncio.Future[None]]) -> int:
        code = await process.wait()
        # whoever else holds the outputs (a background child) holds the Status too
        await asyncio.gather(*pumps)
        if self.is_frozen or (self.channels.input_waits and self.host.settings.stdin_wedges):
            await asyncio.Event().wait()
        return code

    def end_status(self, code: int) -> Json:
        """Return the Status of an exit code; v5 has the client-go translator's words, v4 the runtime's."""
        if code == 0:
            return SUCCESS
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
        attempt = hashlib.sha256(f"{id(self)}".encode()).hexdigest()
        start = f'failed to exec in container: failed to start exec "{attempt}": OCI runtime exec failed: exec failed: '
        if not self.command.argv:
            return self._runtime_failure(f"{start}args must not be empty: unknown")
        why = f'exec: "{name}": executable file not found in $PATH'
        if error.errno == errno.EACCES:
            why = f'exec: "{name}": permission denied'
        elif error.by_path:
            missing = "not a directory" if error.errno == errno.ENOTDIR else "no such file or directory"
            why = f'exec: "{name}": stat {name}: {missing}'
        return self._runtime_failure(f"{start}unable to start container process: {why}: unknown")

    def _runtime_failure(self, words: str) -> Json:
        status = failure_status(f"error executing command in container: {words}")
        # the translator of v5 wraps what the runtime said once more
        return failure_status(str(status["message"])) if self.protocol is Protocol.V5 else status

    async def _tell(self, status: Json) -> None:
        if self.protocol.tells_status:
            await self.channels.send(Channel.ERROR, encode(status)[:-1])
        elif status["status"] != "Success":
            await self.channels.send(Channel.ERROR, str(status["message"]).encode())

    async def _finish(self, status: Json) -> None:
        await self._tell(status)
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
    flags = (("error", command.stderr), ("input", command.stdin), ("output", command.stdout), ("tty", command.tty))
    query = [f"command={word}" for word in command.argv] + [f"{name}=1" for name, wanted in flags if wanted]
    path = f"exec/{command.pod.namespace}/{command.pod.name}/{command.container}"
    return f"https://{address}:10250/{path}?{'&'.join(query)}"
