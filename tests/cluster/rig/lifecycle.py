"""Bring the rig up, tell how it stands, take it down."""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import api, build, control, host, images, kubeconfigs, network, nodes, packages, pki, processes
from .failure import RigError
from .topology import CLUSTERS, ETCD_PEER_PORT, ETCD_PORT, HOLLOW_PORT, NODES, Cluster, Layout, Version

LOCK = Path("/run/podium-rig.lock")


@contextlib.contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Hold the machine's one lock on rigs; raise RigError when a rig with another home is up.

    The lock file names the home of the rig that took the bridge, the namespaces and the ports.
    """
    with LOCK.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        owner = file.read().strip()
        if owner not in ("", str(layout.home)) and Path(owner).exists():
            raise RigError(f"another rig has this machine: PODIUM_RIG_HOME={owner} ./scripts/cluster down ends it")
        file.truncate(0)
        file.write(f"{layout.home}\n")
        file.flush()
        yield


def require_free_ports() -> None:
    """Raise RigError when somebody else listens on a port that the rig needs."""
    for port in (ETCD_PORT, ETCD_PEER_PORT, HOLLOW_PORT, *(cluster.port for cluster in CLUSTERS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise RigError(
                    f"port {port} of 127.0.0.1 is taken; `ss -ltnp sport = :{port}` shows by whom"
                ) from error


def require_root() -> None:
    """Raise RigError for anybody but root on Linux."""
    if sys.platform != "linux":
        raise RigError("the rig runs on Linux only: it needs network namespaces, cgroups and containerd")
    if os.geteuid() != 0:
        raise RigError("the rig needs root (network namespaces, mounts, containers): run it with sudo")


def saved_state(layout: Layout) -> dict[str, str]:
    """Read what `up` noted: version, folder of programs, kernel settings before."""
    try:
        found = json.loads((layout.home / "state.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return {str(key): str(value) for key, value in found.items()}


def programs_in_use(layout: Layout) -> Path:
    """Give the folder of programs that the running rig uses; raise RigError when it is down."""
    state = saved_state(layout)
    if "programs" not in state:
        raise RigError("the rig is down: run ./scripts/cluster up")
    return Path(state["programs"])


def expected_processes() -> list[str]:
    """List the names of the processes of a whole rig."""
    names = ["etcd"]
    for cluster in CLUSTERS:
        letter = cluster.name.value
        names += [control.apiserver_name(cluster), f"controller-manager-{letter}", f"scheduler-{letter}"]
    for node in NODES:
        names += [nodes.containerd_name(node), nodes.kubelet_name(node)]
    return names


def dead_processes(layout: Layout) -> list[str]:
    """List the processes of a whole rig that do not run."""
    alive = {record.name for record in processes.recorded(layout) if processes.is_alive(record)}
    return [name for name in expected_processes() if name not in alive]


def complaints(layout: Layout) -> list[str]:
    """List what is wrong with the rig, empty when it is whole and every node is Ready."""
    found = [f"{name} does not run" for name in dead_processes(layout)]
    found += [f"{node.name} is cut off" for node in NODES if network.is_cut(node)]
    for cluster in CLUSTERS:
        ready = api.ready_nodes(layout, cluster)
        wanted = [node.name for node in NODES if node.cluster == cluster]
        found += [f"{name} is not Ready" for name in wanted if not ready.get(name, False)]
    return found


def is_whole(layout: Layout) -> bool:
    """Tell whether the rig is up; where all processes run, give the nodes time to get Ready."""
    if dead_processes(layout) or any(network.is_cut(node) for node in NODES):
        return False
    return processes.wait_until(lambda: not complaints(layout), 30.0, 0.2)


def prepare(layout: Layout, version: Version) -> str:
    """Install packages and build programs; return a line that says where they are."""
    packages.require()
    programs = build.require(layout, version, build.KUBERNETES)
    own = build.require(layout, version, build.OWN)
    return f"Kubernetes {version} is in {programs}, the rig's own programs in {own}"


def up(layout: Layout, version: Version) -> str:
    """Bring the rig up; return a line that says what was done."""
    begun = time.monotonic()
    state = saved_state(layout)
    programs = build.folder_of(layout, version, build.KUBERNETES)
    if state.get("programs") == str(programs) and is_whole(layout):
        return f"the rig is up already (Kubernetes {state['version']}, {layout.home})"
    packages.require()
    programs = build.require(layout, version, build.KUBERNETES)
    own = build.require(layout, version, build.OWN)
    if layout.home.exists() or network.remains():
        print("clearing what a previous rig left ...", file=sys.stderr, flush=True)
        down(layout)
    require_free_ports()
    _note(layout, version, programs)
    _raise_all(layout, programs, own)
    return f"the rig is up: Kubernetes {version}, {len(NODES)} nodes Ready, {time.monotonic() - begun:.1f} s"


def _note(layout: Layout, version: Version, programs: Path) -> None:
    layout.home.mkdir(parents=True, mode=0o711)
    state = {
        "version": str(version),
        "programs": str(programs),
        "kernel": json.dumps(host.kernel_settings()),
        "kubelet-folder": "present" if host.KUBELET_FOLDER.exists() else "absent",
        "netns-folder": "present" if network.NAMESPACES.exists() else "absent",
    }
    (layout.home / "state.json").write_text(json.dumps(state, indent=1))


def _raise_all(layout: Layout, programs: Path, own: Path) -> None:
    network.make()
    control.start_etcd(layout)
    for cluster in CLUSTERS:
        pki.make(layout, cluster, tuple(node for node in NODES if node.cluster == cluster))
        control.start_apiserver(layout, programs, cluster)
    kubeconfigs.write_merged(layout)
    link_programs(layout)
    archives = images.make_all(layout, own)
    for node in NODES:
        nodes.start_containerd(layout, node)
    with ThreadPoolExecutor(max_workers=len(NODES) + len(CLUSTERS)) as pool:
        loads = [pool.submit(nodes.load_images, layout, node, archives) for node in NODES]
        servers = [pool.submit(_raise_cluster, layout, programs, cluster) for cluster in CLUSTERS]
        for task in (*loads, *servers):
            task.result()
    for node in NODES:
        nodes.start_kubelet(layout, programs, node)
    if not processes.wait_until(lambda: not complaints(layout), 90.0, 0.2):
        raise RigError(f"the rig did not come up: {'; '.join(complaints(layout))}; logs in {layout.logs}")
    for cluster in CLUSTERS:
        await_account(layout, cluster)


def _raise_cluster(layout: Layout, programs: Path, cluster: Cluster) -> None:
    control.await_apiserver(layout, cluster)
    control.start_controllers(layout, programs, cluster)


def await_account(layout: Layout, cluster: Cluster) -> None:
    """Wait for the default service account, without which no pod is admitted."""
    path = "/api/v1/namespaces/default/serviceaccounts/default"
    if not processes.wait_until(lambda: api.exists(layout, cluster, path), 30.0, 0.1):
        raise RigError(f"{cluster.context} made no default service account")


def link_programs(layout: Layout) -> None:
    """Link kubectl into the rig's bin folder when one is found."""
    layout.bin.mkdir(parents=True, exist_ok=True)
    ours = layout.repository / ".venv" / "bin" / "kubectl"
    found = str(ours) if ours.exists() else shutil.which("kubectl")
    if found is not None:
        link = layout.bin / "kubectl"
        link.unlink(missing_ok=True)
        link.symlink_to(found)


def down(layout: Layout) -> str:
    """End every process of the rig and give everything back that it took from the machine."""
    state = saved_state(layout)
    everything = processes.recorded(layout)
    runtimes = [record for record in everything if record.name.startswith(("containerd-", "etcd"))]
    processes.stop(layout, [record for record in everything if record not in runtimes], 5.0)
    ids = host.container_ids(layout)
    host.kill_containers(ids)
    processes.stop(layout, runtimes, 5.0)
    ids |= host.container_ids(layout)
    host.kill_containers(ids)
    host.kill_marked(layout)
    host.unmount_all(layout.home)
    network.remove()
    if state.get("netns-folder") == "absent":
        host.unmount_all(network.NAMESPACES)
        host.remove_empty(network.NAMESPACES)
    host.remove_cgroups(ids)
    host.remove_traces(layout, ids)
    host.restore_kernel_settings(json.loads(state.get("kernel", "{}")))
    if state.get("kubelet-folder") == "absent":
        shutil.rmtree(host.KUBELET_FOLDER, ignore_errors=True)
    if layout.home.exists():
        shutil.rmtree(layout.home)
    return "the rig is down"
