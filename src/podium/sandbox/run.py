"""Start and stop a sandbox: `async with serve(Settings(...)) as sandbox`."""

import asyncio
import base64
import contextlib
import secrets
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from podium.sandbox.api.admin import Admin
from podium.sandbox.api.auth import MASTERS, Authority
from podium.sandbox.api.exec import ExecService
from podium.sandbox.api.listing import Listing
from podium.sandbox.api.logs import LogService
from podium.sandbox.api.nodes import Nodes
from podium.sandbox.api.server import ApiServer
from podium.sandbox.api.watching import Watching
from podium.sandbox.faults.box import FaultBox
from podium.sandbox.faults.grammar import Kind
from podium.sandbox.faults.requests import RequestFaults
from podium.sandbox.kubeconfig import render_kubeconfig
from podium.sandbox.runtime.containers import Containers
from podium.sandbox.settings import Settings, User
from podium.sandbox.wire.http import HttpServer
from podium.sandbox.wire.tls import Authority as CertificateAuthority
from podium.sandbox.wire.tls import KeyPair, make_authority, server_context
from podium.sandbox.world.changes import UnknownPodError, World
from podium.sandbox.world.fleet import Fleet, build
from podium.sandbox.world.pods import Pod
from podium.sandbox.world.scenario import Scenario, ScenarioError, load

ADMIN = "podium-sandbox"
BACKLOG = 4096


@dataclass(slots=True)
class Sandbox:
    """A running sandbox."""

    settings: Settings
    fleet: Fleet
    api: ApiServer
    world: World
    faults: FaultBox
    certificates: CertificateAuthority
    admin_token: str = field(repr=False)
    port: int = 0

    @property
    def url(self) -> str:
        """Return the API server's URL."""
        return f"https://{self.settings.host}:{self.port}"

    @property
    def admin_url(self) -> str:
        """Return the admin endpoint's URL."""
        return f"{self.url}/sandbox"

    @property
    def ca_pem(self) -> str:
        """Return the certificate authority as PEM."""
        return self.certificates.pem.decode()

    @property
    def cluster_uid(self) -> str:
        """Return the UID of kube-system."""
        return self.fleet.cluster_uid

    @property
    def pods(self) -> list[Pod]:
        """Return every pod in key order."""
        return [item for item in self.fleet.store.snapshot("pods").items if isinstance(item, Pod)]

    def client_certificate(self, user: str = ADMIN, groups: tuple[str, ...] = (MASTERS,)) -> KeyPair:
        """Return a client certificate for a user, signed by the sandbox's authority."""
        return self.certificates.sign_client(user, groups)

    def kubeconfig_text(
        self, token: str | None = None, namespace: str = "default", *, certificate: KeyPair | None = None
    ) -> str:
        """Return a kubeconfig: the admin's token inside, or another user's token or client certificate."""
        ca = base64.b64encode(self.certificates.pem).decode()
        return render_kubeconfig(ADMIN, self.url, ca, namespace, certificate or token or self.admin_token)


@contextlib.asynccontextmanager
async def serve(settings: Settings = Settings()) -> AsyncIterator[Sandbox]:  # noqa: B008 - frozen
    """Run a sandbox until the block ends. Raises ScenarioError, FaultError, OSError (port taken)."""
    if settings.pods < 0 or settings.node_count < 1:
        raise ScenarioError("a fleet needs at least one node, and no fewer than no pods")
    scenario = load(settings.scenario)
    fleet = build(settings, scenario, time.time)
    box = plant_all(settings, scenario, fleet)
    sandbox = _assemble(settings, fleet, box)
    http = HttpServer(sandbox.api.respond)
    context = _context(sandbox.certificates, settings)
    server = await asyncio.start_server(
        http.accept, settings.host, settings.port, ssl=context, backlog=BACKLOG, limit=1 << 20
    )
    sandbox.port = server.sockets[0].getsockname()[1]
    sandbox.api.address = f"{settings.host}:{sandbox.port}"
    try:
        yield sandbox
    finally:
        server.close()
        await http.stop()
        await sandbox.world.stop()


def plant_all(settings: Settings, scenario: Scenario, fleet: Fleet) -> FaultBox:
    """Plant the faults of the settings, the scenario and its odd pods and nodes. Raises FaultError."""
    box = FaultBox()
    for spec in (*settings.faults, *scenario.faults):
        box.plant(spec)
    for planted in fleet.planted:
        whom = {"pod": planted.pod, "namespace": planted.namespace, "node": planted.node}
        box.plant(" ".join((planted.words, *(f"{key}={value}" for key, value in whom.items() if value is not None))))
    return box


def _assemble(settings: Settings, fleet: Fleet, box: FaultBox) -> Sandbox:
    authority = Authority()
    admin_token = secrets.token_urlsafe(24)
    authority.add(User(ADMIN, admin_token, (), (MASTERS,)))
    for user in settings.users:
        authority.add(user)
    nodes = Nodes(fleet.store, settings)
    containers = Containers(fleet.scenario, settings.file_cap)
    world = World(fleet, containers)
    requests = RequestFaults(box, fleet.store, world.node_of)
    nodes.strikes.append(requests.strike_dial)
    listing = Listing(fleet.store, settings, time.time)
    watching = Watching(fleet.store, settings, time.time)
    execs = ExecService(settings, containers, nodes, box, lambda kind, pod: _act(world, kind, pod))
    logs = LogService(fleet.store, nodes, time.time)
    admin = Admin(box, world, execs, watching, logs)
    api = ApiServer(settings, fleet.store, authority, listing, watching, execs, logs, world, admin)
    api.strikes.append(requests.strike)
    world.on_vanish.append(lambda pod, how: execs.freeze(pod) if how == "frozen" else None)
    return Sandbox(settings, fleet, api, world, box, make_authority(), admin_token)


def _act(world: World, kind: Kind, pod: Pod) -> None:
    with contextlib.suppress(UnknownPodError):
        match kind:
            case Kind.RESTART:
                world.restart(pod.namespace, pod.name)
            case Kind.REPLACE:
                world.replace_pod(pod.namespace, pod.name)
            case _:
                world.vanish(pod.namespace, pod.name, frozen=True)


def _context(certificates: CertificateAuthority, settings: Settings) -> ssl.SSLContext:
    return server_context(certificates, tuple(dict.fromkeys((settings.host, "127.0.0.1", "::1"))))
