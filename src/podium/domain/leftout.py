"""Why a pod or a container cannot be a target, from what the snapshot says of it."""

from __future__ import annotations

from podium.domain.inventory import Container, ContainerKind, ContainerState, Node, Pod
from podium.domain.selection import LeftOut, LeftOutWhy

#: kubelet pkg/kubelet/images/types.go: waiting reasons in which the image is what matters
_IMAGE_REASONS = frozenset(
    {"ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
)
_NOT_BEGUN = frozenset({"", "ContainerCreating", "PodInitializing"})
_PASSING = frozenset({ContainerKind.INIT, ContainerKind.EPHEMERAL})


def whole_pod(pod: Pod) -> LeftOut | None:
    """Why none of its containers can be a target; None where that is a question for each container."""
    if pod.terminating:
        return _of_pod(pod, LeftOutWhy.TERMINATING, should_run=False, label="Terminating")
    if pod.phase == "Succeeded":
        return _of_pod(pod, LeftOutWhy.COMPLETED, should_run=False, label="Completed")
    if pod.phase == "Failed":
        return _of_pod(pod, LeftOutWhy.FAILED, should_run=False, label=pod.reason or _last_word(pod) or "Failed")
    if pod.phase == "Pending" and pod.node == "":
        return _of_pod(pod, LeftOutWhy.PENDING, should_run=True, label="Pending")
    return None


def one_container(pod: Pod, container: Container, node: Node | None) -> LeftOut | None:
    """Why this container cannot be a target; None where it can. `node` is the pod's, None where nodes are unknown."""
    match container.state:
        case ContainerState.RUNNING:
            return None
        case ContainerState.WAITING:
            return _waiting(pod, container)
        case ContainerState.TERMINATED:
            return _terminated(pod, container)
        case ContainerState.UNKNOWN:
            if _went_silent(pod, node):
                return None
            return _left(pod, container, LeftOutWhy.NOT_STARTED, _label_before_start(pod), should_run=True)


def no_such_container(pod: Pod, name: str, *, named: bool) -> LeftOut:
    """Left out because the pod has no container of that name; only one `named` exactly should be there."""
    return LeftOut(pod, name if named else "", LeftOutWhy.NO_SUCH_CONTAINER, named, f"no container {name}")


def without_containers(pod: Pod) -> LeftOut:
    """Left out because the snapshot knows none of its containers."""
    return _of_pod(pod, LeftOutWhy.NOT_STARTED, should_run=True, label=_label_before_start(pod))


def by_choice(pod: Pod, why: LeftOutWhy, label: str, container: str = "") -> LeftOut:
    """Left out because the selection says so."""
    return LeftOut(pod, container, why, should_run=False, label=label)


def short_image(image: str) -> str:
    """The image without registry and path: web:4.2.2."""
    return image.rpartition("/")[2]


def restarts_of(pod: Pod) -> int:
    """How often its containers were started again, as kubectl counts: regular ones and sidecars."""
    return sum(one.restarts for one in pod.containers if one.kind not in _PASSING)


def _waiting(pod: Pod, container: Container) -> LeftOut:
    if container.reason in _NOT_BEGUN:
        blocking = _blocking_init(pod)
        if blocking is not None and container.kind not in _PASSING:
            return _left(pod, blocking, LeftOutWhy.WAITING, f"Init:{_word(blocking)}", should_run=True, to=container)
        label = container.reason or _label_before_start(pod)
        return _left(pod, container, LeftOutWhy.NOT_STARTED, label, should_run=True)
    return _left(pod, container, LeftOutWhy.WAITING, _word(container), should_run=True)


def _terminated(pod: Pod, container: Container) -> LeftOut:
    """A container that ended: completed where it is not to run again, as far as its owner tells.

    The restart policy is not in the snapshot; only Jobs and bare pods may have another than Always, and with it a
    container that ended well stays so.
    """
    well = container.exit_code == 0
    passing = container.kind is ContainerKind.EPHEMERAL or (container.kind is ContainerKind.INIT and well)
    may_end = pod.controller is None or pod.controller.kind == "Job"
    if passing or (well and may_end and container.kind is ContainerKind.REGULAR):
        return _left(pod, container, LeftOutWhy.COMPLETED, "Completed", should_run=False)
    return _left(pod, container, LeftOutWhy.RESTARTING, container.reason or "Restarting", should_run=True)


def _went_silent(pod: Pod, node: Node | None) -> bool:
    """Whether the kubelet stopped to tell of a pod that did run: nobody knows, so an attempt must."""
    return pod.phase != "Pending" and ((node is not None and not node.ready) or pod.reason == "NodeLost")


def _blocking_init(pod: Pod) -> Container | None:
    """The init container that keeps the others from starting by failing or lacking its image."""
    for container in pod.containers:
        if container.kind in {ContainerKind.INIT, ContainerKind.SIDECAR}:
            waits = container.state is ContainerState.WAITING and container.reason not in _NOT_BEGUN
            failed = container.state is ContainerState.TERMINATED and container.exit_code != 0
            if waits or failed:
                return container
    return None


def _word(container: Container) -> str:
    """The kubelet's word for its state, with the image where the image is what is wrong."""
    word = container.reason or "Error"
    return f"{word} {short_image(container.image)}" if word in _IMAGE_REASONS else word


def _label_before_start(pod: Pod) -> str:
    return "Pending" if pod.phase == "Pending" else "Unknown" if pod.phase == "Unknown" else "NotStarted"


def _last_word(pod: Pod) -> str:
    """Why the first container that ended badly did so, "" where none did."""
    bad = _worst(pod)
    return bad.reason if bad is not None else ""


def _worst(pod: Pod) -> Container | None:
    ended = [one for one in pod.containers if one.state is ContainerState.TERMINATED]
    return next((one for one in ended if one.exit_code != 0), ended[0] if ended else None)


def _of_pod(pod: Pod, why: LeftOutWhy, *, should_run: bool, label: str) -> LeftOut:
    worst = _worst(pod)
    code = worst.exit_code if worst is not None else None
    return LeftOut(pod, "", why, should_run, label, code, restarts_of(pod))


def _left(
    pod: Pod, told_by: Container, why: LeftOutWhy, label: str, *, should_run: bool, to: Container | None = None
) -> LeftOut:
    """Left out for what `told_by` shows; `to` is the container it is said of, where that is another."""
    code = told_by.exit_code if told_by.state is ContainerState.TERMINATED else told_by.last_exit_code
    return LeftOut(pod, (to or told_by).name, why, should_run, label, code, told_by.restarts)
