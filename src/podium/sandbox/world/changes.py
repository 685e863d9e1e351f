"""Change the world while it runs: pods come, go, restart and move between states; nodes fall and rise."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace

from podium.sandbox.runtime.containers import Containers
from podium.sandbox.world.events import make_event
from podium.sandbox.world.fleet import Fleet, make_namespace, make_revision, pod_name
from podium.sandbox.world.items import Lease, Plain
from podium.sandbox.world.names import pod_address
from podium.sandbox.world.nodes import HEARTBEAT_LOST, address_of, with_ready
from podium.sandbox.world.pods import ContainerSpec, Pod, PodTemplate, State, Trouble
from podium.sandbox.world.scenario import Workload, WorkloadKind

DEFAULT_IMAGE = "registry.example/shop/cart:2.8.0"
Ended = Callable[[Pod, str], None]


class UnknownPodError(Exception):
    """There is no such pod, node or namespace."""


@dataclass(slots=True)
class World:
    """What tests and the admin endpoint change; every change reaches the watchers."""

    fleet: Fleet
    containers: Containers
    grace: float = 0.5
    """Seconds between a DELETE's deletionTimestamp and the pod's end."""
    on_vanish: list[Ended] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def pod(self, namespace: str, name: str) -> Pod:
        """Return a pod. Raises UnknownPodError."""
        item = self.fleet.store.get("pods", namespace, name)
        if not isinstance(item, Pod):
            raise UnknownPodError(f'pods "{name}" not found')
        return item

    def node_of(self, namespace: str, name: str) -> str:
        """Return the node a pod is on, "" where there is none."""
        item = self.fleet.store.get("pods", namespace, name)
        return item.node if isinstance(item, Pod) else ""

    async def stop(self) -> None:
        """End every process and every task of the world, and wait for them."""
        ending = [*self.tasks]
        for task in ending:
            task.cancel()
        for container in self.containers.made.values():
            ending.extend(process.task for process in container.kill_all() if process.task is not None)
        await asyncio.gather(*ending, return_exceptions=True)

    def _put(self, pod: Pod) -> Pod:
        item = self.fleet.store.put("pods", pod)
        assert isinstance(item, Pod)
        return item

    def add_namespace(self, name: str) -> None:
        """Add a namespace unless it stands."""
        if self.fleet.store.get("namespaces", "", name) is None:
            space = make_namespace(name, self.fleet.names.uid(), self.fleet.now())
            self.fleet.store.put("namespaces", replace(space, created=self.fleet.now()))

    def add_pod(
        self,
        namespace: str,
        name: str,
        *,
        image: str = DEFAULT_IMAGE,
        labels: dict[str, str] | None = None,
        node: str | None = None,
        containers: tuple[str, ...] = ("app",),
    ) -> Pod:
        """Add one running pod without an owner and return it."""
        self.add_namespace(namespace)
        specs = tuple(ContainerSpec(one, image) for one in containers)
        template = PodTemplate(namespace, labels or {}, specs)
        return self._put(self._fresh(template, name, node))

    def add_pods(self, namespace: str, workload: str, count: int) -> list[Pod]:
        """Add running pods of a new Deployment-like owner and return them."""
        self.add_namespace(namespace)
        container = ContainerSpec("app", DEFAULT_IMAGE)
        wanted = Workload(WorkloadKind.DEPLOYMENT, namespace, workload, (container,), labels={"app": workload})
        names = self.fleet.names
        revision = make_revision(wanted, 1, container.image, names.uid(), names.uid())
        fresh = [self._fresh(revision.template, pod_name(wanted, revision, at, names), None) for at in range(count)]
        return [self._put(pod) for pod in fresh]

    def _fresh(self, template: PodTemplate, name: str, node: str | None) -> Pod:
        nodes = self.fleet.nodes
        number = next(self.fleet.addresses)
        chosen = next((one for one in nodes if one.name == node), nodes[number % len(nodes)])
        now = self.fleet.now()
        return Pod(
            template, name, self.fleet.names.uid(), now - 3, chosen.name, pod_address(number), address_of(chosen)
        )

    def delete_pod(self, namespace: str, name: str, *, force: bool = False) -> Pod:
        """Delete a pod: terminating for the grace time, then gone and replaced by its owner. Raises UnknownPodError."""
        pod = self.pod(namespace, name)
        if force:
            self.vanish(namespace, name)
            return pod
        if pod.deleted is not None:
            return pod
        pod = self._put(replace(pod, deleted=self.fleet.now() + 30))
        self.start(self._end_later(pod))
        return pod

    async def _end_later(self, pod: Pod) -> None:
        await asyncio.sleep(self.grace)
        item = self.fleet.store.get("pods", pod.namespace, pod.name)
        if isinstance(item, Pod) and item.uid == pod.uid:
            self.vanish(pod.namespace, pod.name)

    def vanish(self, namespace: str, name: str, *, replaced: bool = True, frozen: bool = False) -> Pod:
        """Take a pod away at once: processes get 137, or `frozen` streams stay open. Raises UnknownPodError."""
        pod = self.pod(namespace, name)
        for hook in self.on_vanish:
            hook(pod, "frozen" if frozen else "gone")
        self.fleet.store.remove("pods", namespace, name)
        self.containers.end(pod)
        if replaced and pod.template.owner is not None and pod.template.owner.kind != "Job":
            self._replace(pod)
        return pod

    def _replace(self, pod: Pod) -> Pod:
        assert pod.template.owner is not None
        keeps_name = pod.template.owner.kind == "StatefulSet"
        name = pod.name if keeps_name else f"{pod.template.owner.name}-{self.fleet.names.suffix()}"
        return self._put(self._fresh(pod.template, name, pod.node if pod.template.owner.kind == "DaemonSet" else None))

    def replace_pod(self, namespace: str, name: str) -> Pod:
        """Put another pod (another UID) under the same name at once. Raises UnknownPodError."""
        pod = self.vanish(namespace, name, replaced=False)
        return self._put(self._fresh(pod.template, name, pod.node))

    def restart(self, namespace: str, name: str, *, exit_code: int = 137, reason: str = "OOMKilled") -> Pod:
        """Restart a pod's containers: processes get 137, files are fresh. Raises UnknownPodError."""
        pod = self.pod(namespace, name)
        for hook in self.on_vanish:
            hook(pod, "restarted")
        self.containers.end(pod)
        trouble = replace(pod.trouble, exit_code=exit_code, reason=reason)
        return self._put(replace(pod, restarts=pod.restarts + 1, restarted=self.fleet.now(), trouble=trouble))

    def set_state(self, namespace: str, name: str, state: State, *, message: str = "") -> Pod:
        """Put a pod into a state (crash loop, pending, completed ...). Raises UnknownPodError."""
        pod = self.pod(namespace, name)
        if not state.runs:
            self.containers.end(pod)
        if state is State.CRASH_LOOP and pod.restarts == 0:
            pod = replace(pod, restarts=3, restarted=self.fleet.now() - 60)
        return self._put(replace(pod, trouble=Trouble(state, message=message, log=pod.trouble.log)))

    def set_labels(self, namespace: str, name: str, labels: dict[str, str]) -> Pod:
        """Replace a pod's labels. Raises UnknownPodError."""
        return self._put(replace(self.pod(namespace, name), own_labels=labels))

    def set_node_ready(self, name: str, *, ready: bool) -> None:
        """Let a node fall or rise; its pods' Ready follows. Raises UnknownPodError."""
        node = self.fleet.store.get("nodes", "", name)
        if not isinstance(node, Plain):
            raise UnknownPodError(f'nodes "{name}" not found')
        now = self.fleet.now()
        self.fleet.store.put("nodes", with_ready(node, now, ready=ready))
        lease = self.fleet.store.get("leases", "kube-node-lease", name)
        if isinstance(lease, Lease):
            self.fleet.store.put("leases", replace(lease, stopped=None if ready else now - HEARTBEAT_LOST))
        for item in self.fleet.store.all("pods"):
            if isinstance(item, Pod) and item.node == name and item.node_lost is ready:
                self._put(replace(item, node_lost=not ready))

    def add_event(self, pod: Pod, reason: str, message: str, *, kind: str = "Normal", source: str = "kubelet") -> None:
        """Record an Event about a pod."""
        self.fleet.store.put(
            "events", make_event(pod, (reason, message), (kind, source), self.fleet.names, self.fleet.now())
        )

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run work beside the server; it ends with the sandbox."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
