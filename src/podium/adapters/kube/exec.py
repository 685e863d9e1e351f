"""Exec in one cluster: the port's promise over the exec subresource of the API server.

Commands without stdin speak v4, where the runtime itself writes the Status; v5 only where stdin must end, and then
a Success counts only with the end mark of our shell wrapper (docs/adr/0002-exec-protocol.md).
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from podium.adapters.kube.api import Api
from podium.adapters.kube.loader import Loading, load
from podium.adapters.kube.receiving import ExecReceiver
from podium.adapters.kube.session import Session
from podium.adapters.kube.verdicts import V4, V5, Evidence, decide, refused
from podium.adapters.kube.wire_errors import ConnectFailedError, NoAnswerError, SessionClosedError, UpgradeRefusedError
from podium.domain.admission import Admission
from podium.domain.commands import Command, CommandKind
from podium.domain.errors import AdmissionError, ClusterError
from podium.domain.outcomes import Lost, Outcome, Reason, Rejected, Why
from podium.domain.targets import Target
from podium.ports import Exec, Output

STDIN = 0
CHUNK = 32 * 1024
SURELY_TAKEN = 64 * 1024  #: bytes of stdin that cannot hold a Status back: the pipes on the way take them unread


@dataclass(frozen=True, slots=True)
class Way:
    """How a command travels: argv for the URL, protocols offered in order, and the shell's program if any."""

    argv: tuple[str, ...]
    protocols: tuple[str, ...]
    stdin: bool
    by_shell: bool
    loaded: bool


def way_of(command: Command) -> Way:
    """Choose the way: v4 where nothing must be closed, the shell wrapper where it is needed or proves the end."""
    loaded = command.kind is CommandKind.SCRIPT or bool(command.env) or command.cwd != ""
    if command.stdin is not None:
        return Way((), (V5, V4), stdin=True, by_shell=True, loaded=True)
    if loaded:
        return Way((), (V4,), stdin=True, by_shell=True, loaded=True)
    if command.kind is CommandKind.LINE:
        return Way(("sh", "-c", *command.argv), (V4,), stdin=False, by_shell=True, loaded=False)
    return Way(command.argv, (V4,), stdin=False, by_shell=False, loaded=False)


class KubeExec:
    """Runs commands through one cluster's API server."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def exec(self, admission: Admission, target: Target, command: Command, output: Output) -> Outcome:
        """Run `command` once; see ports.Exec."""
        if not admission.covers(target, command):
            raise AdmissionError(f"{target} or its command is outside the admission of run {admission.run}")
        way = way_of(command)
        outcome = await self._go(way, target, command, output)
        if _lacks_shell(outcome) and _can_do_without(command):
            bare = Way(command.argv, (V5,), stdin=True, by_shell=False, loaded=False)
            return await self._go(bare, target, command, output)
        return outcome

    async def _go(self, way: Way, target: Target, command: Command, output: Output) -> Outcome:
        loading = load(command, _nonce(), stdin_size=_size(command), half_close=True) if way.loaded else None
        argv = loading.argv if loading is not None else way.argv
        receiver = ExecReceiver(output, loading)
        try:
            session = await self._open(way, argv, target, receiver)
        except _NoWay as no_way:
            return no_way.outcome
        try:
            return await self._converse(session, receiver, way, loading, command)
        except BaseException:
            session.abort()
            receiver.flush()
            raise

    async def _open(self, way: Way, argv: tuple[str, ...], target: Target, receiver: ExecReceiver) -> Session:
        path = f"/api/v1/namespaces/{quote(target.namespace)}/pods/{quote(target.pod)}/exec"
        query = [("container", target.container), ("stdout", "true"), ("stderr", "true")]
        if way.stdin:
            query.append(("stdin", "true"))
        query += [("command", word) for word in argv]
        try:
            return await self._api.upgrade(path, query, way.protocols, receiver)
        except UpgradeRefusedError as error:
            if V5 not in way.protocols and error.status == 400 and b"protocol" in error.body:
                return await self._open(replace(way, protocols=(V5,)), argv, target, receiver)
            raise _NoWay(refused(error.status, error.body, argv)) from None
        except ConnectFailedError as error:
            raise _NoWay(Rejected(Reason(Why.API_UNREACHABLE, str(error)))) from None
        except NoAnswerError as error:
            raise _NoWay(Lost(Reason(Why.NO_ANSWER, str(error)))) from None
        except ClusterError as error:
            raise _NoWay(Rejected(Reason(Why.UNAUTHORIZED, str(error)))) from None

    async def _converse(
        self, session: Session, receiver: ExecReceiver, way: Way, loading: Loading | None, command: Command
    ) -> Outcome:
        receiver.attach(session)
        feeding: asyncio.Task[None] | None = None
        if loading is not None and session.protocol == V4 and command.stdin is not None:
            bounded = load(command, loading.nonce, stdin_size=_size(command), half_close=False)
            loading = replace(bounded, argv=loading.argv)
        if way.stdin:
            feeding = asyncio.create_task(_feed(session, loading, command.stdin, receiver))
        try:
            await receiver.settled(may_be_unread=(_size(command) or 0) > SURELY_TAKEN)
            await _stopped(feeding)
            await session.close()
        except asyncio.CancelledError:
            # Only formalities were left: a command that is known to have ended was not ended by us.
            if not receiver.has_whole_status:
                raise
            session.abort()
        finally:
            await _stopped(feeding)
        receiver.flush()
        return decide(
            Evidence(
                protocol=session.protocol,
                status=receiver.status,
                mark=receiver.mark,
                expects_mark=loading is not None and loading.ends_with_mark,
                broken=receiver.broken,
                stalled=receiver.stalled,
                argv=loading.argv if loading is not None else way.argv,
                by_shell=way.by_shell,
                cwd=command.cwd,
            )
        )


class _NoWay(Exception):
    """No stream was opened: the outcome, on its way out."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


async def _feed(
    session: Session, loading: Loading | None, stdin: bytes | memoryview | None, receiver: ExecReceiver
) -> None:
    """Send the program and then the command's own input; a command may end without reading it.

    The input waits for the shell's word: sent to a command that never began, it would drown the Status in a reset.
    """
    with suppress(SessionClosedError):
        if loading is not None:
            await session.send(STDIN, loading.program)
        if stdin is not None:
            await receiver.may_feed()
            whole = memoryview(stdin)
            for start in range(0, len(whole), CHUNK):
                await session.send(STDIN, whole[start : start + CHUNK])
            if session.protocol == V5:
                await session.half_close(STDIN)


async def _stopped(feeding: asyncio.Task[None] | None) -> None:
    if feeding is not None:
        feeding.cancel()
        with suppress(asyncio.CancelledError):
            await feeding


def _size(command: Command) -> int | None:
    return None if command.stdin is None else len(command.stdin)


def _nonce() -> str:
    return f"podium-{secrets.token_hex(8)}"


def _lacks_shell(outcome: Outcome) -> bool:
    return isinstance(outcome, Rejected) and outcome.reason.why is Why.NO_SHELL


def _can_do_without(command: Command) -> bool:
    return command.stdin is not None and not command.needs_shell


if TYPE_CHECKING:
    _: type[Exec] = KubeExec
