"""A small client of the API server, as `podium-rig` (not audited): enough to wait for things and to make them."""

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any

from .topology import Cluster, Layout


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API server: HTTP status and decoded body."""

    status: int
    body: Any


def ask(layout: Layout, cluster: Cluster, method: str, path: str, body: object | None = None) -> Answer:
    """Send one request; raise OSError or http.client.HTTPException when the server cannot be reached."""
    pki = layout.pki(cluster)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki / "ca.crt")
    context.load_cert_chain(pki / "rig.crt", pki / "rig.key")
    connection = http.client.HTTPSConnection("127.0.0.1", cluster.port, context=context, timeout=10.0)
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    try:
        encoded = None if body is None else json.dumps(body)
        connection.request(method, path, encoded, {"Content-Type": kind, "Accept": "application/json"})
        response = connection.getresponse()
        raw = response.read()
    finally:
        connection.close()
    try:
        return Answer(response.status, json.loads(raw))
    except json.JSONDecodeError:
        return Answer(response.status, raw.decode(errors="replace"))


def is_ready(layout: Layout, cluster: Cluster) -> bool:
    """Tell whether the API server says that it is ready."""
    try:
        return ask(layout, cluster, "GET", "/readyz").status == 200
    except (OSError, http.client.HTTPException):
        return False


def ready_nodes(layout: Layout, cluster: Cluster) -> dict[str, bool]:
    """Map each registered node to: Ready and free of the not-ready taint? Empty when the server is silent."""
    try:
        answer = ask(layout, cluster, "GET", "/api/v1/nodes")
    except (OSError, http.client.HTTPException):
        return {}
    if answer.status != 200:
        return {}
    return {item["metadata"]["name"]: _is_ready(item) for item in answer.body["items"]}


def _is_ready(node: Any) -> bool:
    if any(taint["key"] == "node.kubernetes.io/not-ready" for taint in node["spec"].get("taints", [])):
        return False
    conditions = node.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def exists(layout: Layout, cluster: Cluster, path: str) -> bool:
    """Tell whether an object exists."""
    try:
        return ask(layout, cluster, "GET", path).status == 200
    except (OSError, http.client.HTTPException):
        return False
