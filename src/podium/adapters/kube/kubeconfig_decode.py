"""From stanzas to entries: the fields of a kubeconfig, typed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from podium.adapters.kube.access import Secret
from podium.adapters.kube.kubeconfig_entries import (
    AuthProvider,
    ClusterEntry,
    ContextEntry,
    ExecPlugin,
    Impersonation,
    InteractiveMode,
    UserEntry,
)
from podium.adapters.kube.kubeconfig_file import PlainFlag, PlainNumber, Stanza, against, texts_of
from podium.domain.errors import UsageError

# The extension of a cluster that is handed to plugins as `spec.cluster.config`.
_PLUGIN_EXTENSION = "client.authentication.k8s.io/exec"
# Plugins of these versions could not say whether they ask; client-go takes "when it can".
_BEFORE_INTERACTIVE_MODE = frozenset({"client.authentication.k8s.io/v1beta1", "client.authentication.k8s.io/v1alpha1"})


def cluster_of(stanza: Stanza) -> ClusterEntry:
    """Return a cluster stanza as an entry; raises UsageError with file and line."""
    return ClusterEntry(
        name=stanza.name,
        server=stanza.text("server"),
        tls_server_name=stanza.text("tls-server-name"),
        insecure=stanza.flag("insecure-skip-tls-verify"),
        ca_file=stanza.path("certificate-authority"),
        ca_data=stanza.data("certificate-authority-data"),
        proxy_url=stanza.text("proxy-url"),
        disable_compression=stanza.flag("disable-compression"),
        plugin_config=_plugin_config(stanza),
    )


def context_of(stanza: Stanza) -> ContextEntry:
    """Return a context stanza as an entry; raises UsageError with file and line."""
    return ContextEntry(
        name=stanza.name,
        cluster=stanza.text("cluster"),
        user=stanza.text("user"),
        namespace=stanza.text("namespace"),
    )


def user_of(stanza: Stanza) -> UserEntry:
    """Return a user stanza as an entry; raises UsageError with file and line."""
    provider = stanza.inner("auth-provider")
    plugin = stanza.inner("exec")
    return UserEntry(
        name=stanza.name,
        origin=stanza.file,
        certificate_file=stanza.path("client-certificate"),
        certificate_data=stanza.data("client-certificate-data"),
        key_file=stanza.path("client-key"),
        key_data=_secret(stanza.data("client-key-data")),
        token=_secret(stanza.text("token")),
        token_file=stanza.path("tokenFile"),
        username=stanza.text("username"),
        password=_secret(stanza.text("password")),
        impersonation=Impersonation(
            user=stanza.text("as"),
            uid=stanza.text("as-uid"),
            groups=stanza.texts("as-groups"),
            extra=_extra(stanza),
        ),
        auth_provider=None if provider is None else _auth_provider(provider),
        exec_plugin=None if plugin is None else _exec_plugin(plugin),
    )


def _secret(value: str | bytes) -> Secret | None:
    return Secret(value) if value else None


def _extra(stanza: Stanza) -> tuple[tuple[str, str], ...]:
    def complaint() -> UsageError:
        return stanza.complaint("as-user-extra", "must map keys to lists of texts")

    extra = stanza.mapping("as-user-extra")
    return tuple((str(key), value) for key, values in extra.items() for value in texts_of(values, complaint))


def _auth_provider(stanza: Stanza) -> AuthProvider:
    settings = {}
    for key, value in stanza.mapping("config").items():
        if value is not None and not isinstance(value, str):
            raise stanza.complaint("config", f"must map keys to texts ({key} is none)")
        settings[str(key)] = str(value or "")
    return AuthProvider(name=stanza.text("name"), settings=settings)


def _exec_plugin(stanza: Stanza) -> ExecPlugin:
    version = stanza.text("apiVersion")
    command = stanza.text("command")
    if not command:
        raise stanza.complaint("command", "must name the plugin's program")
    if not version:
        raise stanza.complaint("apiVersion", "must be set, such as client.authentication.k8s.io/v1")
    mode = stanza.text("interactiveMode") or ("IfAvailable" if version in _BEFORE_INTERACTIVE_MODE else "")
    try:
        interactive = InteractiveMode(mode)
    except ValueError:
        raise stanza.complaint("interactiveMode", "must be Never, IfAvailable or Always") from None
    return ExecPlugin(
        # Only a path is relative to the kubeconfig; a bare name is looked up in PATH.
        command=against(stanza.file, command) if "/" in command else command,
        api_version=version,
        interactive=interactive,
        args=stanza.texts("args"),
        env=_env(stanza),
        install_hint=printable(stanza.text("installHint")),
        provide_cluster_info=stanza.flag("provideClusterInfo"),
    )


def _env(stanza: Stanza) -> tuple[tuple[str, str], ...]:
    entries = stanza.fields.get("env") or []
    pairs = []
    for entry in entries if isinstance(entries, list) else [None]:
        name = entry.get("name") if isinstance(entry, Mapping) else None
        value = (entry.get("value") or "") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not name or not isinstance(value, str):
            raise stanza.complaint("env", "must be a list of name and value")
        pairs.append((str(name), str(value)))
    return tuple(pairs)


def printable(text: str) -> str:
    """Return text in one line, without anything a terminal would obey."""
    kept = "".join(char if char.isprintable() or char.isspace() else f"U+{ord(char):04X}" for char in text)
    return " ".join(kept.split())


def _plugin_config(stanza: Stanza) -> object:
    extensions = stanza.fields.get("extensions")
    if not isinstance(extensions, list):
        return None
    for extension in extensions:
        if isinstance(extension, Mapping) and extension.get("name") == _PLUGIN_EXTENSION:
            return _as_json(extension.get("extension"))
    return None


def _as_json(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, PlainFlag):
        return value.lower() in {"true", "yes", "on", "y"}
    if isinstance(value, PlainNumber):
        return _number(str(value))
    return value


def _number(text: str) -> object:
    plain = text.replace("_", "")
    if re.fullmatch(r"[-+]?0[0-7]+", plain):
        return int(plain, 8)
    try:
        return int(plain, 0)
    except ValueError:
        pass
    try:
        return float(plain)
    except ValueError:
        return text
