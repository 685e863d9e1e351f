"""Hollow nodes: thousands of pods without containers behind the real API server of cluster A."""

import http.client
import json
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import api, build, kubeconfigs, lifecycle, processes
from .failure import RigError
from .topology import CLUSTER_A, HOLLOW_PORT, Layout, parse_version

NAME = "hollow"
NAMESPACE = "hollow"


@dataclass(frozen=True, slots=True)
class Population:
    """How many hollow nodes and pods, and what the command `act` does in how many of them."""

    nodes: int
    pods: int
    log_lines: int
    acts: str


def up(layout: Layout, population: Population) -> str:
    """Bring hollow nodes and pods up in cluster A; another population is replaced, the same one stays."""
    if population.nodes < 1 or population.pods < 1:
        raise RigError("hollow needs at least one node and one pod")
    lifecycle.programs_in_use(layout)
    said = f"{population.pods} hollow pods on {population.nodes} hollow nodes are Running in namespace {NAMESPACE}"
    version = parse_version(lifecycle.saved_state(layout)["version"])
    programs = build.require(layout, version, build.OWN)
    pki = layout.pki(CLUSTER_A)
    ready = layout.home / "hollow.ready"
    config = kubeconfigs.write_component(layout, CLUSTER_A, "hollow", CLUSTER_A.local_url)
    argv = [str(programs / "hollow"), f"--kubeconfig={config}", f"--client-ca={pki / 'ca.crt'}"]
    argv += [f"--cert={pki / 'hollow.crt'}", f"--key={pki / 'hollow.key'}"]
    argv += [f"--listen=127.0.0.1:{HOLLOW_PORT}", f"--ready={ready}", f"--namespace={NAMESPACE}"]
    argv += [f"--nodes={population.nodes}", f"--pods={population.pods}"]
    argv += [f"--log-lines={population.log_lines}", f"--acts={population.acts}"]
    if _stands(layout, population, argv):
        return f"{said} already"
    down(layout)
    record = processes.start(layout, NAME, argv)
    processes.wait_until(lambda: ready.exists() or not processes.is_alive(record), 300.0, 0.1)
    if not ready.exists():
        raise RigError(f"the hollow pods did not come up: {processes.last_lines(layout, NAME)}")
    (layout.home / "hollow.json").write_text(json.dumps(argv))
    return said


def _stands(layout: Layout, population: Population, argv: Sequence[str]) -> bool:
    """Tell whether the very same program runs with the same settings and all its pods are there."""
    record = processes.find(layout, NAME)
    noted = layout.home / "hollow.json"
    if record is None or not processes.is_alive(record) or not noted.exists():
        return False
    answer = api.ask(layout, CLUSTER_A, "GET", f"/api/v1/namespaces/{NAMESPACE}/pods?limit=1")
    there = len(answer.body["items"]) + int(answer.body["metadata"].get("remainingItemCount", 0))
    return json.loads(noted.read_text()) == argv and there == population.pods


def down(layout: Layout) -> str:
    """End the hollow program and delete its pods and nodes."""
    record = processes.find(layout, NAME)
    if record is not None:
        processes.stop(layout, [record], 5.0)
    for name in ("hollow.ready", "hollow.json"):
        (layout.home / name).unlink(missing_ok=True)
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    nodes = "/api/v1/nodes?labelSelector=app%3Dhollow"
    api.ask(layout, CLUSTER_A, "DELETE", f"{pods}?gracePeriodSeconds=0")
    api.ask(layout, CLUSTER_A, "DELETE", nodes)
    api.ask(layout, CLUSTER_A, "DELETE", f"/api/v1/namespaces/{NAMESPACE}")
    for path in (pods, nodes):
        if not processes.wait_until(_is_empty(layout, path), 120.0, 0.2):
            raise RigError(f"hollow objects stay: {path}")
    gone = f"/api/v1/namespaces/{NAMESPACE}"
    if not processes.wait_until(lambda: not api.exists(layout, CLUSTER_A, gone), 120.0, 0.2):
        raise RigError(f"the namespace {NAMESPACE} stays")
    return "the hollow nodes are gone"


def _is_empty(layout: Layout, path: str) -> Callable[[], bool]:
    joint = "&" if "?" in path else "?"
    return lambda: not api.ask(layout, CLUSTER_A, "GET", f"{path}{joint}limit=1").body["items"]


def ledger(layout: Layout, method: str) -> str:
    """Give what the hollow kubelets ran, as JSON: `active` now, `starts` and `ends` by pod; DELETE also begins anew."""
    pki = layout.pki(CLUSTER_A)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki / "ca.crt")
    context.load_cert_chain(pki / "rig.crt", pki / "rig.key")
    connection = http.client.HTTPSConnection("127.0.0.1", HOLLOW_PORT, context=context, timeout=10.0)
    try:
        connection.request(method, "/ledger")
        return connection.getresponse().read().decode().strip()
    except OSError as error:
        raise RigError(f"hollow does not answer ({error}): run ./scripts/cluster hollow up") from error
    finally:
        connection.close()
