"""Build the world from a scenario: nodes, namespaces, workloads and as many pods as were asked for."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from podium.sandbox.settings import Settings
from podium.sandbox.world.events import trouble_events
from podium.sandbox.world.items import Item, Now, Plain
from podium.sandbox.world.names import Names, pod_address, template_hash
from podium.sandbox.world.nodes import address_of, is_ready, make_leases, make_nodes
from podium.sandbox.world.owners import OwnerSet, make_owners
from podium.sandbox.world.pods import WELL, Owner, Pod, PodTemplate, State, Trouble
from podium.sandbox.world.scenario import Odd, Scenario, Workload, WorkloadKind
from podium.sandbox.world.store import Store
from podium.sandbox.world.text import tag_of

AGE = 26 * 3600.0
"""Seconds a pod of the default fleet is old, give or take."""


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """A fault the scenario plants on a pod or a node: `words` still lacks whom it strikes."""

    words: str
    pod: str | None = None
    namespace: str | None = None
    node: str | None = None


@dataclass(slots=True)
class Fleet:
    """The store and what is needed to add to it later."""

    store: Store
    scenario: Scenario
    names: Names
    now: Now
    planted: list[PlantedFault]
    addresses: Iterator[int]

    @property
    def nodes(self) -> list[Plain]:
        """Return the nodes in order of number."""
        found = [item for item in self.store.all("nodes") if isinstance(item, Plain)]
        return sorted(found, key=lambda node: int(node.name.rpartition("-")[2]))

    @property
    def cluster_uid(self) -> str:
        """Return the UID of kube-system, which names the cluster."""
        system = self.store.get("namespaces", "", "kube-system")
        return "" if system is None else system.uid


def build(settings: Settings, scenario: Scenario, now: Now = time.time) -> Fleet:
    """Build a fleet of settings.pods pods on settings.node_count nodes."""
    names = Names(settings.seed)
    fleet = Fleet(Store(settings.watch_window), scenario, names, now, [], itertools.count())
    spaces = {workload.namespace for workload in scenario.workloads}
    spaces |= {"default", "kube-system", "kube-public", "kube-node-lease"}
    fleet.store.load("namespaces", (make_namespace(name, names.uid(), now()) for name in sorted(spaces)))
    nodes = make_nodes(scenario, settings.node_count, settings.version, names, now())
    fleet.store.load("nodes", nodes)
    fleet.store.load("leases", make_leases(nodes, names, now))
    for odd in scenario.odd_nodes:
        of_pool = [node for node in nodes if node.labels["pool"] == odd.pool]
        if odd.fault != "" and odd.index < len(of_pool):
            fleet.planted.append(PlantedFault(odd.fault, node=of_pool[odd.index].name))
    counts = share_out(scenario, settings.pods, settings.node_count)
    pods: list[Pod] = []
    owners = OwnerSet()
    for workload, count in zip(scenario.workloads, counts, strict=True):
        builder = _Builder(fleet, workload, nodes, count)
        pods.extend(builder.pods())
        make_owners(owners, workload, builder.revisions, builder.made, names=names, now=now())
    fleet.store.load("pods", pods)
    fleet.store.load("events", (event for pod in pods for event in trouble_events(pod, names, now())))
    for plural, items in owners.shelves.items():
        fleet.store.load(plural, items)
    return fleet


def make_namespace(name: str, uid: str, now: float) -> Plain:
    """Return a Namespace."""
    labels = {"kubernetes.io/metadata.name": name}
    body = {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    return Plain("v1", "Namespace", "", name, uid, now - 40 * 86400, labels, {}, body, {"status.phase": "Active"})


def share_out(scenario: Scenario, pods: int, node_count: int) -> list[int]:
    """Divide the pods among the workloads: fixed counts first, the rest by share (largest remainder)."""
    fixed = [_fixed(workload, node_count) for workload in scenario.workloads]
    left = pods
    counts: list[int] = []
    for number in fixed:
        taken = min(left, number or 0)
        counts.append(taken)
        left -= taken
    weights = [
        0.0 if number is not None else workload.share
        for workload, number in zip(scenario.workloads, fixed, strict=True)
    ]
    total = sum(weights)
    if total <= 0:
        return counts
    exact = [left * weight / total for weight in weights]
    extra = [int(part) for part in exact]
    order = sorted(range(len(exact)), key=lambda at: extra[at] - exact[at])
    for at in order[: left - sum(extra)]:
        extra[at] += 1
    return [have + more for have, more in zip(counts, extra, strict=True)]


def _fixed(workload: Workload, node_count: int) -> int | None:
    if workload.kind is WorkloadKind.DAEMON_SET:
        return node_count
    if workload.kind is WorkloadKind.CRON_JOB:
        return 0
    return workload.count


@dataclass(slots=True)
class Revision:
    """One template of a workload and how many pods it has."""

    number: int
    hash: str
    template: PodTemplate
    pods: int = 0
    ready: int = 0


class _Builder:
    """Make the pods of one workload."""

    def __init__(self, fleet: Fleet, workload: Workload, nodes: list[Plain], count: int) -> None:
        self.fleet, self.workload, self.count = fleet, workload, count
        self.revisions: dict[tuple[int, str], Revision] = {}
        self.made: list[Pod] = []
        allowed = [node for node in nodes if not workload.pools or node.labels["pool"] in workload.pools]
        self.nodes = allowed or nodes
        self.all_nodes = nodes
        self.owner_uid = fleet.names.uid()
        self.number = 0

    def pods(self) -> list[Pod]:
        """Make and return the pods: the odd ones first, then those that are well."""
        left = self.count
        for odd in self.workload.odd:
            count = min(left, max(odd.least, round(odd.share * self.count)))
            left -= count
            trouble = _trouble(odd)
            for _ in range(count):
                self._make(odd, trouble)
        # the main revision exists even where every pod is odd
        self._revision(None)
        for _ in range(left):
            self._make(None, WELL)
        return self.made

    def _revision(self, odd: Odd | None) -> Revision:
        workload = self.workload
        number = workload.revision if odd is None or odd.revision is None else odd.revision
        image = workload.containers[0].image if odd is None or odd.image is None else odd.image
        key = (number, image)
        found = self.revisions.get(key)
        if found is None:
            found = self.revisions[key] = make_revision(workload, number, image, self.fleet.names.uid(), self.owner_uid)
        return found

    def _make(self, odd: Odd | None, trouble: Trouble) -> None:
        fleet, revision = self.fleet, self._revision(odd)
        node = self._node(odd, trouble)
        name = pod_name(self.workload, revision, self.number, fleet.names)
        self.number += 1
        now = fleet.now()
        created = now - AGE + fleet.names.between(-7200, 7200)
        low, high = (0, 0) if odd is None else odd.restarts
        restarts = fleet.names.between(low, high)
        lost = node is not None and not is_ready(node)
        pod = Pod(
            revision.template,
            name,
            fleet.names.uid(),
            created,
            "" if node is None else node.name,
            pod_address(next(fleet.addresses)),
            "" if node is None else address_of(node),
            trouble,
            restarts,
            now - 200 if restarts > 0 else None,
            None,
            created + 40 if trouble.state in (State.COMPLETED, State.ERROR) else None,
            lost,
        )
        if odd is not None and odd.fault != "":
            fleet.planted.append(PlantedFault(odd.fault, name, self.workload.namespace))
        revision.pods += 1
        revision.ready += trouble.state is State.RUNNING and not lost
        self.made.append(pod)

    def _node(self, odd: Odd | None, trouble: Trouble) -> Plain | None:
        if trouble.state is State.PENDING:
            return None
        nodes = self.nodes
        if self.workload.kind is WorkloadKind.DAEMON_SET:
            nodes = self.all_nodes
        if odd is not None and odd.pool is not None:
            nodes = [node for node in self.all_nodes if node.labels["pool"] == odd.pool] or nodes
        return nodes[self.number % len(nodes)]


def _trouble(odd: Odd) -> Trouble:
    return Trouble(odd.state, odd.exit_code, odd.reason, odd.message, odd.log, odd.answers, odd.files)


def make_revision(workload: Workload, number: int, image: str, uid: str, owner_uid: str) -> Revision:
    """Return a revision of a workload: its template, with the owner the pods get."""
    first = replace(workload.containers[0], image=image)
    digest = template_hash(workload.namespace, workload.name, str(number), image)
    labels = dict(workload.labels)
    facts = {"revision": str(number), "image": image, "tag": tag_of(image), "workload": workload.name}
    owner: Owner | None = None
    match workload.kind:
        case WorkloadKind.DEPLOYMENT:
            labels["pod-template-hash"] = digest
            owner = Owner("apps/v1", "ReplicaSet", f"{workload.name}-{digest}", uid)
        case WorkloadKind.STATEFUL_SET | WorkloadKind.DAEMON_SET:
            # a StatefulSet's pods name their ControllerRevision, a DaemonSet's carry its hash
            whole = workload.kind is WorkloadKind.STATEFUL_SET
            labels["controller-revision-hash"] = f"{workload.name}-{digest}" if whole else digest
            owner = Owner("apps/v1", workload.kind.value, workload.name, owner_uid)
        case WorkloadKind.JOB:
            labels["batch.kubernetes.io/job-name"] = workload.name
            owner = Owner("batch/v1", "Job", workload.name, owner_uid)
    template = PodTemplate(
        workload.namespace,
        labels,
        (first, *workload.containers[1:]),
        workload.init_containers,
        workload.annotations,
        owner,
        workload.name,
        number,
        "Never" if workload.kind is WorkloadKind.JOB else "Always",
        log=workload.log,
        log_seconds=workload.log_seconds,
        facts=facts,
    )
    return Revision(number, digest, template)


def pod_name(workload: Workload, revision: Revision, number: int, names: Names) -> str:
    """Return the name a controller would give the number-th pod."""
    match workload.kind:
        case WorkloadKind.STATEFUL_SET:
            return f"{workload.name}-{number}"
        case WorkloadKind.DEPLOYMENT:
            return f"{workload.name}-{revision.hash}-{names.suffix()}"
        case WorkloadKind.NAKED:
            return workload.name if workload.count == 1 else f"{workload.name}-{number}"
        case _:
            return f"{workload.name}-{names.suffix()}"


def items_of(store: Store, plural: str) -> list[Item]:
    """Return a kind's objects in key order."""
    return list(store.snapshot(plural).items)
