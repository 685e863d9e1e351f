"""A cluster stanza with flags over it: server, authorities, proxy - checked as client-go checks them.

Source: client-go `tools/clientcmd/client_config.go` (getCluster), `validation.go`, `helpers.go`,
`transport/transport.go`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from podium.adapters.kube.access import TlsSettings
from podium.adapters.kube.kubeconfig_entries import ClusterEntry, Overrides
from podium.adapters.kube.tokens import certificate_pem
from podium.domain.errors import UsageError

_PROXY_SCHEMES = ("http", "https", "socks5")


def cluster_with(stated: ClusterEntry, flags: Overrides) -> ClusterEntry:
    """Return the cluster as flags leave it.

    --insecure-skip-tls-verify and --certificate-authority each replace all the stanza says of both; --server also
    replaces its tls-server-name. Raises UsageError without a server.
    """
    merged = replace(
        stated,
        server=_with_scheme(flags.server or stated.server),
        proxy_url=flags.proxy_url or stated.proxy_url,
    )
    if not merged.server:
        raise UsageError(f'cluster "{stated.name}" has no server; add one, or give --server')
    if flags.insecure_skip_tls_verify or flags.certificate_authority:
        merged = replace(
            merged, insecure=flags.insecure_skip_tls_verify, ca_file=flags.certificate_authority, ca_data=b""
        )
    if flags.tls_server_name or flags.server:
        merged = replace(merged, tls_server_name=flags.tls_server_name)
    return merged


def _with_scheme(server: str) -> str:
    return f"http://{server}" if server and "://" not in server else server


def access_server(cluster: ClusterEntry) -> str:
    """Return the server's URL without query, fragment and closing slash; raises UsageError where it is none."""
    parts = _url(cluster.server)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f'cluster "{cluster.name}": server is not a URL such as https://HOST:6443')
    if parts.username is not None:
        raise UsageError(f'cluster "{cluster.name}": server must not carry a user name or password')
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def proxy_of(cluster: ClusterEntry) -> str | None:
    """Return proxy-url, None where the environment's variables decide; raises UsageError where it is no proxy."""
    if not cluster.proxy_url:
        return None
    parts = _url(cluster.proxy_url)
    if parts is None or parts.scheme not in _PROXY_SCHEMES or not parts.hostname:
        # Not the URL itself: it may carry a password.
        raise UsageError(f'cluster "{cluster.name}": proxy-url must be a URL with http, https or socks5')
    return cluster.proxy_url


def _url(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        return None
    return parts


def tls_of(cluster: ClusterEntry) -> TlsSettings:
    """Return how the server is verified; raises UsageError where the stanza contradicts itself or a file is missing."""
    if cluster.ca_file and cluster.ca_data:
        raise UsageError(
            f'cluster "{cluster.name}": certificate-authority and certificate-authority-data are both given; keep one'
        )
    if cluster.insecure and (cluster.ca_file or cluster.ca_data):
        raise UsageError(
            f'cluster "{cluster.name}": insecure-skip-tls-verify with a certificate authority is not allowed; keep one'
        )
    authority = cluster.ca_data
    if cluster.ca_file:
        try:
            authority = Path(cluster.ca_file).read_bytes()
        except OSError as error:
            raise UsageError(f'cluster "{cluster.name}": cannot read {cluster.ca_file}: {error.strerror}') from None
    if cluster.ca_file or cluster.ca_data:
        certificate_pem(authority, f'cluster "{cluster.name}": certificate authority')
    return TlsSettings(
        ca_pem=authority or None,
        server_name=cluster.tls_server_name,
        verify=not cluster.insecure,
    )
