"""Credential plugins: programs that print an ExecCredential (KEP-541, v1 and v1beta1).

Source: client-go `plugin/pkg/client/auth/exec/exec.go`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from podium.adapters.kube.access import Secret
from podium.adapters.kube.kubeconfig_entries import ClusterEntry, ExecPlugin, InteractiveMode
from podium.adapters.kube.rotation import Material
from podium.adapters.kube.surroundings import Surroundings
from podium.adapters.kube.tokens import bearer, certificate_pem, key_pem
from podium.domain.errors import ClusterError, UsageError

_GROUP = "client.authentication.k8s.io"
_VERSIONS = frozenset({f"{_GROUP}/v1", f"{_GROUP}/v1beta1"})


@dataclass(frozen=True, slots=True)
class PluginSource:
    """Run a plugin and believe what it prints. `cluster` is told to it where it asks for that."""

    user: str
    plugin: ExecPlugin
    cluster: ClusterEntry
    ca_pem: bytes
    surroundings: Surroundings

    def __post_init__(self) -> None:
        if self.plugin.api_version not in _VERSIONS:
            raise UsageError(
                f'user "{self.user}": exec plugin of apiVersion "{self.plugin.api_version}" is not supported; '
                f"{_GROUP}/v1 and v1beta1 are"
            )

    async def fetch(self, *, refused: bool) -> Material:  # noqa: ARG002 - a plugin is run afresh each time
        """Run the plugin; raises ClusterError in one line that names it and what to do."""
        interactive = self._interactive()
        program = self._program()
        environment = {
            **self.surroundings.environ,
            **dict(self.plugin.env),
            "KUBERNETES_EXEC_INFO": json.dumps(self._info(interactive=interactive), separators=(",", ":")),
        }
        printed = await self._run(program, environment, interactive=interactive)
        return self._believe(printed)

    def _interactive(self) -> bool:
        match self.plugin.interactive:
            case InteractiveMode.NEVER:
                return False
            case InteractiveMode.IF_AVAILABLE:
                return self.surroundings.terminal and not self.surroundings.stdin_taken
            case InteractiveMode.ALWAYS:
                if self.surroundings.stdin_taken:
                    raise self._failure(f"it must ask on stdin, which is taken: {self.surroundings.stdin_taken}")
                if not self.surroundings.terminal:
                    raise self._failure("it must ask on stdin, which is not a terminal")
                return True

    def _program(self) -> str:
        command = self.plugin.command
        if "/" in command:
            return command
        found = shutil.which(command, path=self.surroundings.environ.get("PATH", os.defpath))
        if found is None:
            raise self._missing()
        if not os.path.isabs(found):  # noqa: PTH117 - a question about text, not about the disk
            # A program that lies in the working directory only is not run, as Go refuses to.
            raise self._failure(f"it was found only relative to the working directory ({found}); put it in PATH")
        return found

    def _info(self, *, interactive: bool) -> dict[str, object]:
        spec: dict[str, object] = {"interactive": interactive}
        if self.plugin.provide_cluster_info:
            spec["cluster"] = self._cluster_info()
        return {"kind": "ExecCredential", "apiVersion": self.plugin.api_version, "spec": spec}

    def _cluster_info(self) -> dict[str, object]:
        cluster = self.cluster
        told: dict[str, object] = {"server": cluster.server}
        if cluster.tls_server_name:
            told["tls-server-name"] = cluster.tls_server_name
        if cluster.insecure:
            told["insecure-skip-tls-verify"] = True
        if self.ca_pem:
            told["certificate-authority-data"] = base64.b64encode(self.ca_pem).decode()
        if cluster.proxy_url:
            told["proxy-url"] = cluster.proxy_url
        if cluster.disable_compression:
            told["disable-compression"] = True
        told["config"] = cluster.plugin_config
        return told

    async def _run(self, program: str, environment: Mapping[str, str], *, interactive: bool) -> bytes:
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                *self.plugin.args,
                stdin=None if interactive else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=self.surroundings.stderr,
                env=environment,
            )
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing() from None
        except (OSError, ValueError) as error:
            raise self._failure(f"it could not be started: {getattr(error, 'strerror', None) or error}") from None
        try:
            printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
            status = await process.wait()
        if status < 0:
            raise self._failure(f"it was ended by signal {-status}")
        if status > 0:
            raise self._failure(f"exit code {status}; its own words stand above, if it had any")
        return printed

    def _believe(self, printed: bytes) -> Material:
        try:
            answer = json.loads(printed)
        except ValueError:
            raise self._failure("it printed no JSON on stdout") from None
        answer = answer if isinstance(answer, dict) else {}
        if answer.get("kind") != "ExecCredential":
            raise self._failure("what it printed is not an ExecCredential")
        version = answer.get("apiVersion")
        if version != self.plugin.api_version:
            raise self._failure(f"it answered in apiVersion {version}, the kubeconfig says {self.plugin.api_version}")
        status = answer.get("status")
        if not isinstance(status, dict):
            raise self._failure("its ExecCredential has no status")
        return self._material(status)

    def _material(self, status: Mapping[str, object]) -> Material:
        token, certificate, key = (
            self._text(status, name) for name in ("token", "clientCertificateData", "clientKeyData")
        )
        if not (token or certificate or key):
            raise self._failure("it gave neither a token nor a certificate with its key")
        if bool(certificate) != bool(key):
            raise self._failure("it gave only one of certificate and key")
        where = f'exec plugin "{self._name()}" of user "{self.user}"'
        try:
            return Material(
                headers=bearer(Secret(token)) if token else (),
                certificate_pem=certificate_pem(certificate.encode(), where) if certificate else None,
                key_pem=key_pem(key.encode(), where) if key else None,
                fresh_until=self._expiry(self._text(status, "expirationTimestamp")),
            )
        except UsageError as error:
            raise ClusterError(str(error)) from None

    def _text(self, status: Mapping[str, object], name: str) -> str:
        value = status.get(name)
        if value is not None and not isinstance(value, str):
            raise self._failure(f"its status.{name} is not text")
        return value or ""

    def _expiry(self, stamp: str) -> float | None:
        if not stamp:
            return None
        try:
            moment = datetime.fromisoformat(stamp)
        except ValueError:
            raise self._failure("its expirationTimestamp is not RFC 3339") from None
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()

    def _name(self) -> str:
        return self.plugin.command.rpartition("/")[2]

    def _missing(self) -> ClusterError:
        hint = f": {self.plugin.install_hint}" if self.plugin.install_hint else "; install it, or put it in PATH"
        return ClusterError(f'exec plugin "{self.plugin.command}" of user "{self.user}" is not installed{hint}')

    def _failure(self, problem: str) -> ClusterError:
        return ClusterError(f'exec plugin "{self._name()}" of user "{self.user}" failed: {problem}')
