"""Small fleets for the tests of selection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings

from podium.domain.inventory import Container, ContainerKind, ContainerState, Node, Owner, Pod, Snapshot
from podium.domain.labels import parse
from podium.domain.names import parse_words
from podium.domain.resolve import resolve
from podium.domain.selection import LeftOut, Resolution, Selection, Where

#: how long an example takes says nothing here, and a busy machine takes longer
steady = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NOW = 1_000_000.0
OWN = {"east": "shop", "west": "shop"}
EVERYWHERE = Where(everywhere=True)
RUNNING = Container("app", "reg.example/shop/web:1", state=ContainerState.RUNNING, ready=True)


def container(name: str = "app", state: str = "running", kind: str = "container", **more: Any) -> Container:
    """One container; `more` are further fields of Container."""
    base = Container(name, f"reg.example/shop/{name}:1", ContainerKind(kind), ContainerState(state))
    return replace(base, **more)


def pod(name: str = "web-1", namespace: str = "shop", *containers: Container, **more: Any) -> Pod:
    """One pod, running and ready where `more` does not say otherwise."""
    base = Pod(
        cluster="east",
        namespace=namespace,
        name=name,
        uid=f"uid-{namespace}-{name}",
        phase="Running",
        node="n1",
        created=NOW - 3600,
        ready=True,
        containers=containers or (RUNNING,),
    )
    return replace(base, **more)


def owned(name: str, workload: str, *, revision: str = "1", **more: Any) -> Pod:
    """A pod of a deployment."""
    return pod(
        name,
        controller=Owner("ReplicaSet", f"{workload}-{revision}"),
        workload=Owner("Deployment", workload),
        revision=revision,
        **more,
    )


def fleet(*pods: Pod, silent: tuple[str, ...] = (), **more: Any) -> Snapshot:
    """A snapshot with the nodes of its pods; those in `silent` are not ready."""
    nodes = {(p.cluster, p.node): Node(p.cluster, p.node, ready=p.node not in silent) for p in pods if p.node}
    return replace(Snapshot(pods, nodes), **more)


def select(*words: str, labels: tuple[str, ...] = (), **more: Any) -> Selection:
    """A selection by the words of TARGETS and -l, in the contexts' own namespaces."""
    read = parse_words(words)
    base = Selection(names=read.names, owners=read.owners, labels=tuple(map(parse, labels)))
    return replace(base, **more)


def resolved(selection: Selection, snapshot: Snapshot, own: Mapping[str, str] = OWN) -> Resolution:
    """Resolve at NOW."""
    return resolve(selection, snapshot, NOW, own)


def picks(selection: Selection, snapshot: Snapshot) -> list[str]:
    """POD/CONTAINER of each target, in order; the namespace before it where it is not shop."""
    found = [one.target for one in resolved(selection, snapshot).picked]
    return [("" if t.namespace == "shop" else f"{t.namespace}/") + f"{t.pod}/{t.container}" for t in found]


def left(selection: Selection, snapshot: Snapshot) -> list[LeftOut]:
    """Who was left out."""
    return list(resolved(selection, snapshot).left_out)
