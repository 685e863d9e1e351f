"""What a snapshot says of a target that others may share: revision, image, node, zone, pool, age and the like."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from podium.domain.errors import UsageError
from podium.domain.inventory import Container, ContainerKind, Node, Pod
from podium.domain.leftout import short_image
from podium.domain.names import format_owner


class TraitKind(enum.Enum):
    """The kinds, in the order in which they explain: what was rolled out, then where it runs, then how it fares."""

    REVISION = "revision"
    IMAGE = "image"
    CLUSTER = "cluster"
    NAMESPACE = "namespace"
    WORKLOAD = "workload"
    NODE = "node"
    ZONE = "zone"
    POOL = "pool"
    INSTANCE_TYPE = "instance type"
    KUBELET = "kubelet"
    AGE = "age"
    RESTARTS = "restarts"
    LABEL = "label"  # only where asked for


@dataclass(frozen=True, slots=True)
class Trait:
    """One kind and its value. `scope` tells equal values of different meaning apart: revision 3 of two workloads."""

    kind: TraitKind
    value: str
    scope: str = ""


_NODE_LABELS: Mapping[TraitKind, tuple[str, ...]] = MappingProxyType(
    {
        TraitKind.ZONE: ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
        TraitKind.POOL: (
            "cloud.google.com/gke-nodepool",
            "eks.amazonaws.com/nodegroup",
            "kubernetes.azure.com/agentpool",
            "agentpool",
            "karpenter.sh/nodepool",
            "pool",
            "nodepool",
            "node-pool",
        ),
        TraitKind.INSTANCE_TYPE: ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type"),
    }
)
_AGES = ((3600.0, "younger than 1h"), (86_400.0, "1h to 1d old"), (604_800.0, "1d to 7d old"))
_OLDEST = "older than 7d"
_CHOICES = {kind.value: kind for kind in TraitKind if kind is not TraitKind.LABEL}


def traits_of(pod: Pod, container: str, node: Node | None, now: float) -> tuple[Trait, ...]:
    """All traits that are known of a container of a pod, in the kinds' order. `now` in seconds since the epoch."""
    found = _container_of(pod, container)
    owner = pod.workload or pod.controller
    workload = format_owner(owner) if owner is not None else ""
    scope = f"{pod.cluster} {pod.namespace} {workload}"
    traits = [
        Trait(TraitKind.REVISION, pod.revision, scope),
        Trait(TraitKind.IMAGE, found.image if found else ""),
        Trait(TraitKind.CLUSTER, pod.cluster),
        Trait(TraitKind.NAMESPACE, pod.namespace, pod.cluster),
        Trait(TraitKind.WORKLOAD, workload, f"{pod.cluster} {pod.namespace}"),
        Trait(TraitKind.NODE, pod.node, pod.cluster),
        *_node_traits(node),
        Trait(TraitKind.AGE, _age(now - pod.created) if pod.created > 0 else ""),
        Trait(TraitKind.RESTARTS, _restarts(found)),
    ]
    return tuple(trait for trait in traits if trait.value)


def parse_key(text: str) -> str:
    """Check the KEY of `--group-by`: one of the kinds, else a label's name; raises UsageError for an empty one."""
    if not text:
        raise UsageError(f"--group-by: empty; give {', '.join(sorted(_CHOICES))} or the name of a label")
    return text


def value_for(key: str, pod: Pod, container: str, node: Node | None, now: float) -> str:
    """The value of a `--group-by` key, as a title: image web:4.2.1, tier=front, no tier. Pod labels win over nodes'."""
    kind = _CHOICES.get(key)
    if kind is None:
        value = pod.labels.get(key) or (node.labels.get(key) if node is not None else None)
        return f"{key}={value}" if value else f"no {key}"
    for trait in traits_of(pod, container, node, now):
        if trait.kind is kind:
            return title_of(trait, brief=False)
    return f"no {key}"


def title_of(trait: Trait, *, brief: bool = True) -> str:
    """How a trait is written: revision 41, image web:4.2.1, pool=c; a `brief` image lacks registry and path."""
    match trait.kind:
        case TraitKind.IMAGE:
            return f"image {_shortened(trait.value) if brief else trait.value}"
        case TraitKind.POOL:
            return f"pool={trait.value}"
        case TraitKind.WORKLOAD | TraitKind.AGE | TraitKind.RESTARTS | TraitKind.LABEL:
            return trait.value
        case _:
            return f"{trait.kind.value} {trait.value}"


def long_title_of(trait: Trait) -> str:
    """The title where the brief one is not clear: with what it is a revision, namespace, workload or node of."""
    owner = trait.scope.split(" ")[-1] if trait.scope else ""
    if trait.kind is TraitKind.REVISION and owner:
        return f"{owner} revision {trait.value}"
    title = title_of(trait, brief=False)
    return f"{title} of {trait.scope.replace(' ', '/')}" if trait.scope else title


def _container_of(pod: Pod, name: str) -> Container | None:
    regular = [each for each in pod.containers if each.kind is ContainerKind.REGULAR]
    named = [each for each in pod.containers if each.name == (name or pod.default_container)]
    return next(iter((*named, *regular)), None)


def _node_traits(node: Node | None) -> Iterable[Trait]:
    if node is not None:
        for kind, keys in _NODE_LABELS.items():
            yield Trait(kind, next((node.labels[key] for key in keys if node.labels.get(key)), ""))
        yield Trait(TraitKind.KUBELET, node.kubelet_version)


def _age(seconds: float) -> str:
    return next((text for limit, text in _AGES if seconds < limit), _OLDEST)


def _restarts(container: Container | None) -> str:
    if container is None:
        return ""
    return "restarted" if container.restarts > 0 else "never restarted"


def _shortened(image: str) -> str:
    name, at, digest = short_image(image).partition("@sha256:")
    return f"{name}@{digest[:12]}" if at else name
