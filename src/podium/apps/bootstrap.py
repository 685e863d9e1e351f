"""Wiring: the one module that knows every adapter's name. Functions only."""

from __future__ import annotations

import asyncio
import functools
import getpass
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from podium import __version__
from podium.adapters.clock import SystemClock
from podium.adapters.kube.access import Access
from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.discovery import endpoint_of, server_of
from podium.adapters.kube.exec import KubeExec
from podium.adapters.kube.inventory import KubeInventory
from podium.adapters.kube.kubeconfig import Config, load
from podium.adapters.kube.kubeconfig_entries import Overrides
from podium.adapters.kube.limits import raise_open_files, shrink_tls_buffers
from podium.adapters.kube.reviews import KubeReviews
from podium.adapters.kube.surroundings import Surroundings, to_stderr
from podium.adapters.store.blobs import Limits, TemporaryBlobs
from podium.adapters.store.disk import DiskJournals, DiskRuns
from podium.adapters.store.folder import Folder
from podium.adapters.store.journal import MemoryJournals
from podium.adapters.store.layered import LayeredBlobs
from podium.adapters.store.trail import FileTrail
from podium.apps.state import state_dir
from podium.domain.errors import ClusterError, UsageError
from podium.domain.inventory import Unreached, UnreachedReason
from podium.domain.run_ids import run_id
from podium.features.exec.refusals import nothing_reached
from podium.ports import Blobs, Clock, Journals, Runs
from podium.runner.fleet import About, Cluster, Fleet
from podium.runner.gate import Actor

REQUEST_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Connect:
    """How to reach clusters, and as whom: the Cluster flags. None and empty mean: as the kubeconfig says.

    `contexts` are names or globs. Times in seconds. `max_output` bounds the bytes kept per target and stream.
    `state_dir` is where runs and the audit trail are kept; without `journal` runs are forgotten with the process.
    `warn` takes one line that does not end the run. `stdin_taken` says why a plugin may not ask on stdin.
    """

    kubeconfig: str | None = None
    contexts: tuple[str, ...] = ()
    cluster: str | None = None
    user: str | None = None
    server: str | None = None
    token_file: str | None = None
    certificate_authority: str | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = field(default=None, repr=False)
    insecure_skip_tls_verify: bool = False
    request_timeout: float | None = None
    connect_timeout: float = 10.0
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    as_uid: str | None = None
    as_user_extra: tuple[tuple[str, str], ...] = ()
    max_output: int | None = None
    state_dir: str | None = None
    journal: bool = True
    stdin_taken: str = ""
    terminal: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    warn: Callable[[str], None] | None = None


@asynccontextmanager
async def connect(settings: Connect) -> AsyncIterator[Fleet]:
    """Reach the clusters of `settings` and give the fleet; closes all of it at the end.

    Raises UsageError for a kubeconfig that is wrong, and for two contexts of one cluster. A cluster that does not
    answer is in `Fleet.unreached`.
    """
    raise_open_files()
    if not type(asyncio.get_running_loop()).__module__.startswith("uvloop"):
        shrink_tls_buffers()
    clock = SystemClock()
    first_run = run_id(clock.wall(), os.urandom(10))
    accesses = _accesses(settings)
    async with AsyncExitStack() as stack:
        own = TemporaryBlobs(Limits(stream=settings.max_output) if settings.max_output is not None else None)
        stack.callback(own.close)
        blobs, journals, runs = _kept(stack, settings, own)
        found = [await _open(stack, settings, access, first_run, clock) for access in accesses]
        clusters, unreached = await _tell_apart(found)
        yield Fleet(
            clusters,
            unreached,
            clock,
            blobs,
            journals,
            open_trail(settings.state_dir, settings.environ),
            _actor(settings),
            _run_names(first_run, clock),
            runs,
        )


def _accesses(settings: Connect) -> list[Access]:
    overrides = Overrides(
        cluster=settings.cluster or "",
        user=settings.user or "",
        server=settings.server or "",
        token_file=settings.token_file or "",
        certificate_authority=settings.certificate_authority or "",
        tls_server_name=settings.tls_server_name or "",
        proxy_url=settings.proxy_url or "",
        insecure_skip_tls_verify=settings.insecure_skip_tls_verify,
        as_user=settings.as_user or "",
        as_groups=settings.as_groups,
        as_uid=settings.as_uid or "",
        as_user_extra=settings.as_user_extra,
    )
    config = open_kubeconfig(settings)
    return [config.resolve(name, overrides) for name in config.select(settings.contexts, overrides)]


def open_kubeconfig(settings: Connect) -> Config:
    """Load the kubeconfig that `settings` name; raises UsageError."""
    surroundings = Surroundings(
        settings.environ,
        terminal=settings.terminal,
        stdin_taken=settings.stdin_taken,
        warn=settings.warn or to_stderr,
    )
    return load(settings.kubeconfig, surroundings)


async def _open(
    stack: AsyncExitStack, settings: Connect, access: Access, run: str, clock: SystemClock
) -> tuple[Cluster, KubeInventory]:
    request_timeout = REQUEST_TIMEOUT if settings.request_timeout is None else settings.request_timeout
    api = Api(
        access,
        user_agent=f"podium/{__version__} run/{run}",
        connect_timeout=settings.connect_timeout,
        request_timeout=request_timeout if request_timeout > 0 else None,
        wire=Wire(environ=settings.environ),
    )
    stack.push_async_callback(api.close)
    endpoint = endpoint_of(access.server, access.tls.ca_pem)
    note = settings.warn or _unsaid
    inventory = KubeInventory(api, access.context, access.namespace, clock=clock, note=note, endpoint=endpoint)
    cluster = Cluster(
        name=access.context or access.server,
        server=access.server,
        namespace=access.namespace,
        identity=endpoint,
        inventory=inventory,
        exec=KubeExec(api),
        reviews=KubeReviews(api),
        about=functools.partial(_about, api, clock),
    )
    return cluster, inventory


async def _about(api: Api, clock: SystemClock) -> About:
    server = await server_of(api, clock)
    return About(server.version, server.skew)


async def _tell_apart(
    found: Sequence[tuple[Cluster, KubeInventory]],
) -> tuple[tuple[Cluster, ...], tuple[Unreached, ...]]:
    """Refuse two contexts of one cluster: a run would act twice in each pod. One context needs no asking."""
    if len(found) == 1:
        return (found[0][0],), ()
    identities = await asyncio.gather(*(_identity(inventory) for _, inventory in found))
    names: dict[str, str] = {}
    reached: list[Cluster] = []
    unreached: list[Unreached] = []
    for (cluster, _), identity in zip(found, identities, strict=True):
        if isinstance(identity, ClusterError):
            unreached.append(Unreached(cluster.name, "", UnreachedReason.UNREACHABLE, str(identity)))
            continue
        other = names.setdefault(identity, cluster.name)
        if other != cluster.name:
            raise UsageError(f"contexts {other} and {cluster.name} are one cluster: name one of them")
        reached.append(cluster)
    if not reached:
        raise nothing_reached(unreached)
    return tuple(reached), tuple(unreached)


async def _identity(inventory: KubeInventory) -> str | ClusterError:
    try:
        return await inventory.identity()
    except ClusterError as error:
        return error


def open_trail(given_state_dir: str | None, environ: Mapping[str, str]) -> FileTrail:
    """The audit trail of this user; raises NotAllowedError where there is nowhere to keep it."""
    return FileTrail(state_dir(given_state_dir, environ) / "trail.jsonl")


def open_runs(given_state_dir: str | None, environ: Mapping[str, str]) -> DiskRuns:
    """The kept runs of this user; raises NotAllowedError where there is nowhere to keep them."""
    return DiskRuns(Folder(state_dir(given_state_dir, environ)))


async def call_back(where: str, document: bytes) -> str:
    """Hand a document to a command or a URL; gives "" or why that failed."""
    from podium.adapters.notify.callback import call_back as hand_over

    return await hand_over(where, document, f"podium/{__version__}")


def clock() -> Clock:
    """The machine's clocks."""
    return SystemClock()


def _kept(stack: AsyncExitStack, settings: Connect, own: TemporaryBlobs) -> tuple[Blobs, Journals, Runs]:
    """Where outputs are read, and where runs are kept."""
    if not settings.journal:
        forgetful = MemoryJournals(_owner(), own)
        stack.callback(forgetful.close)
        return own, forgetful, forgetful
    folder = Folder(state_dir(settings.state_dir, settings.environ))
    runs = DiskRuns(folder)
    journals = DiskJournals(folder, _owner(), own)
    stack.callback(runs.close)
    stack.push_async_callback(journals.close)
    return LayeredBlobs(own, runs), journals, runs


def _actor(settings: Connect) -> Actor:
    user, _, host = _owner().rpartition("@")
    return Actor("", settings.as_user or "", user, host)


def _run_names(first: str, clock: SystemClock) -> Callable[[], str]:
    names = iter([first])
    return lambda: next(names, None) or run_id(clock.wall(), os.urandom(10))


def _unsaid(_: str) -> None:
    """Say nothing."""


def _owner() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
