"""Kubeconfig files: one for each component, and the merged one for people and tests."""

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

from .topology import CLUSTERS, Cluster, Layout

Entry = dict[str, object]


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _entries(layout: Layout, cluster: Cluster, stem: str, url: str) -> tuple[Entry, Entry, Entry]:
    pki = layout.pki(cluster)
    name = cluster.context
    server: Entry = {"server": url, "certificate-authority-data": _encoded(pki / "ca.crt")}
    user: Entry = {
        "client-certificate-data": _encoded(pki / f"{stem}.crt"),
        "client-key-data": _encoded(pki / f"{stem}.key"),
    }
    context: Entry = {"cluster": name, "user": f"{name}-{stem}", "namespace": "default"}
    return (
        {"name": name, "cluster": server},
        {"name": f"{name}-{stem}", "user": user},
        {"name": name, "context": context},
    )


def _write(path: Path, parts: Sequence[tuple[Entry, Entry, Entry]], current: str) -> None:
    text = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [part[0] for part in parts],
            "users": [part[1] for part in parts],
            "contexts": [part[2] for part in parts],
            "current-context": current,
        },
        indent=1,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    fresh.replace(path)


def write_component(layout: Layout, cluster: Cluster, stem: str, url: str) -> Path:
    """Write the kubeconfig of one component that identifies itself with the certificate `stem`."""
    path = layout.home / "kubeconfigs" / f"{cluster.name.value}-{stem}"
    _write(path, [_entries(layout, cluster, stem, url)], cluster.context)
    return path


def write_merged(layout: Layout) -> None:
    """Write the kubeconfig with an administrator's context for every cluster; `rig-a` is current."""
    parts = [_entries(layout, cluster, "admin", cluster.local_url) for cluster in CLUSTERS]
    _write(layout.kubeconfig, parts, CLUSTERS[0].context)
