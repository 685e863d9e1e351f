"""Two clients pointed at one recording API server: the real kubectl, and ours."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from podium.adapters.kube.api import Api, Wire
from podium.adapters.kube.http import Response
from podium.adapters.kube.kubeconfig import load
from podium.adapters.kube.kubeconfig_entries import Overrides
from podium.adapters.kube.surroundings import Surroundings
from support.authorities import Authority
from support.recording_server import RecordingServer, Request

KUBECTL = Path(sys.executable).parent / "kubectl"
PATH = "/api/v1/namespaces/x/pods"


def b64(data: bytes) -> str:
    """Return base64 as text."""
    return base64.b64encode(data).decode()


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run of kubectl ended."""

    status: int
    stdout: str
    stderr: str


@dataclass(slots=True)
class Lab:
    """Both clients, with one kubeconfig and one environment."""

    folder: Path
    server: RecordingServer
    authority: Authority
    environ: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file into the lab's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def cluster(self, **fields: object) -> dict[str, object]:
        """A cluster stanza for the recording server; `fields` with underscores for dashes, None removes."""
        stanza: dict[str, object] = {
            "server": self.server.url,
            "certificate-authority-data": b64(self.authority.pem),
        }
        stanza.update({key.replace("_", "-"): value for key, value in fields.items()})
        return {key: value for key, value in stanza.items() if value is not None}

    def kubeconfig(
        self, user: Mapping[str, object], cluster: Mapping[str, object] | None = None, name: str = "kubeconfig"
    ) -> Path:
        """Write a kubeconfig of one context and let both clients use it."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "c", "cluster": self.cluster() if cluster is None else cluster}],
            "users": [{"name": "u", "user": dict(user)}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        }
        path = self.write(name, json.dumps(config, indent=1))
        self.environ["KUBECONFIG"] = str(path)
        return path

    def surroundings(self) -> Surroundings:
        """The lab as our credentials see it."""
        return Surroundings({"PATH": os.environ["PATH"], **self.environ})

    async def kubectl(self, *flags: str, stdin: int = asyncio.subprocess.DEVNULL) -> Ran:
        """Run kubectl get --raw."""
        return await self.run("get", "--raw", PATH, *flags, stdin=stdin)

    async def run(self, *words: str, stdin: int = asyncio.subprocess.DEVNULL) -> Ran:
        """Run kubectl with a home of its own."""
        self.runs += 1
        home = self.folder / f"home-{self.runs}"
        home.mkdir()
        process = await asyncio.create_subprocess_exec(
            KUBECTL,
            *words,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "KUBECTL_KUBERC": "false", **self.environ},
        )
        try:
            async with asyncio.timeout(30):
                stdout, stderr = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Ran(process.returncode or 0, stdout.decode(), stderr.decode())

    async def ours(self, overrides: Overrides | None = None) -> Response:
        """Ask the same through our own kubeconfig, credentials and connections."""
        async with self.api(overrides) as api:
            return await api.get(PATH)

    @contextlib.asynccontextmanager
    async def api(self, overrides: Overrides | None = None) -> AsyncIterator[Api]:
        """Our own way to the server, from the kubeconfig on."""
        config = load(None, self.surroundings())
        name = config.select((), overrides)[0]
        api = Api(config.resolve(name, overrides), user_agent="podium/test", wire=Wire(environ=self.environ))
        try:
            yield api
        finally:
            await api.close()

    async def both(self, *flags: str, overrides: Overrides | None = None) -> tuple[Request, Request]:
        """Return the one request that each client sent: kubectl's, ours."""
        self.server.take()
        ran = await self.kubectl(*flags)
        assert ran.status == 0, ran.stderr
        theirs = self.server.take()
        assert (await self.ours(overrides)).status == 200
        ours = self.server.take()
        assert (len(theirs), len(ours)) == (1, 1)
        return theirs[0], ours[0]
