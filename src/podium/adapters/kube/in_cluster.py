"""The service account of the pod we run in.

Source: client-go `rest/config.go` (InClusterConfig), `tools/clientcmd/client_config.go` (inClusterClientConfig).
"""

from __future__ import annotations

from podium.adapters.kube.kubeconfig_entries import ClusterEntry, ContextEntry, UserEntry
from podium.adapters.kube.surroundings import Surroundings

NAME = "in-cluster"


def is_possible(surroundings: Surroundings) -> bool:
    """Return whether a service account is mounted and the API server's address is known."""
    environ = surroundings.environ
    return bool(
        environ.get("KUBERNETES_SERVICE_HOST")
        and environ.get("KUBERNETES_SERVICE_PORT")
        and (surroundings.service_account / "token").is_file()
    )


def context_of(surroundings: Surroundings) -> ContextEntry:
    """Return the context of the pod: its namespace is POD_NAMESPACE, else the service account's, else default."""
    namespace = surroundings.environ.get("POD_NAMESPACE", "")
    if not namespace:
        try:
            namespace = (surroundings.service_account / "namespace").read_text().strip()
        except (OSError, UnicodeDecodeError):
            namespace = ""
    return ContextEntry(name=NAME, cluster=NAME, user=NAME, namespace=namespace or "default")


def cluster_of(surroundings: Surroundings) -> ClusterEntry:
    """Return the API server as the pod's environment names it."""
    host = surroundings.environ["KUBERNETES_SERVICE_HOST"]
    port = surroundings.environ["KUBERNETES_SERVICE_PORT"]
    authority = surroundings.service_account / "ca.crt"
    shown = f"[{host}]" if ":" in host else host
    return ClusterEntry(
        name=NAME, server=f"https://{shown}:{port}", ca_file=str(authority) if authority.is_file() else ""
    )


def user_of(surroundings: Surroundings) -> UserEntry:
    """Return the service account; its token is read from the file, again every minute."""
    return UserEntry(name=NAME, token_file=str(surroundings.service_account / "token"))
