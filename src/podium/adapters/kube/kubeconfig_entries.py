"""What a kubeconfig says, as values: one cluster, one user, one context.

Source: client-go `tools/clientcmd/api/v1/types.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from podium.adapters.kube.access import Secret


class InteractiveMode(Enum):
    """Whether a plugin may, could or must ask the user."""

    NEVER = "Never"
    IF_AVAILABLE = "IfAvailable"
    ALWAYS = "Always"


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A credential plugin: a program that prints an ExecCredential (KEP-541)."""

    command: str
    api_version: str
    interactive: InteractiveMode
    args: tuple[str, ...] = field(default=(), repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    install_hint: str = ""
    provide_cluster_info: bool = False


@dataclass(frozen=True, slots=True)
class AuthProvider:
    """An auth-provider stanza; `settings` holds tokens, so it is never shown."""

    name: str
    settings: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Who we act as. `extra` keeps its order; a key may repeat."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterEntry:
    """A cluster stanza; file paths are absolute. `plugin_config` is the extension handed to plugins, as JSON values."""

    name: str = ""
    server: str = ""
    tls_server_name: str = ""
    insecure: bool = False
    ca_file: str = ""
    ca_data: bytes = b""
    proxy_url: str = field(default="", repr=False)
    disable_compression: bool = False
    plugin_config: object = None


@dataclass(frozen=True, slots=True)
class UserEntry:
    """A user stanza; file paths are absolute. `origin` is the file it came from, None where no file names it."""

    name: str = ""
    origin: Path | None = None
    certificate_file: str = ""
    certificate_data: bytes = b""
    key_file: str = ""
    key_data: Secret | None = None
    token: Secret | None = None
    token_file: str = ""
    username: str = ""
    password: Secret | None = None
    impersonation: Impersonation = Impersonation()
    auth_provider: AuthProvider | None = None
    exec_plugin: ExecPlugin | None = None


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """A context stanza."""

    name: str = ""
    cluster: str = ""
    user: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What flags say in place of the kubeconfig; empty means: as the kubeconfig says.

    `as_user_extra` holds (key, value) pairs; keys may repeat.
    """

    cluster: str = ""
    user: str = ""
    server: str = ""
    token_file: str = ""
    certificate_authority: str = ""
    tls_server_name: str = ""
    proxy_url: str = field(default="", repr=False)
    insecure_skip_tls_verify: bool = False
    namespace: str = ""
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    as_uid: str = ""
    as_user_extra: tuple[tuple[str, str], ...] = ()
