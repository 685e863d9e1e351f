"""The nodes: a containerd and a kubelet of their own, in the node's network namespace."""

import json
from pathlib import Path

from . import kubeconfigs, processes
from .failure import RigError
from .topology import KUBELET_PORT, STREAM_PORT, Layout, Node

# restrict_oom_score_adj: without CAP_SYS_RESOURCE runc dies with "can't get final child's PID from pipe".
CONTAINERD_CONFIG = """\
version = 2
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "podium.test/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "{stream_port}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{folder}/runc"
"""
# Cgroups of version 1 and no systemd: containers sit in /k8s.io, nothing is enforced. Heartbeats every 4 s.
KUBELET_SETTINGS: dict[str, object] = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "port": KUBELET_PORT,
    "failCgroupV1": False,
    "cgroupDriver": "cgroupfs",
    "cgroupsPerQOS": False,
    "enforceNodeAllocatable": [],
    "failSwapOn": False,
    "oomScoreAdj": 0,
    "maxPods": 250,
    "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
    "imageGCHighThresholdPercent": 100,
    "imageGCLowThresholdPercent": 99,
    "nodeStatusUpdateFrequency": "4s",
    "nodeStatusReportFrequency": "4s",
    "nodeLeaseDurationSeconds": 16,
    "enableControllerAttachDetach": False,
    "makeIPTablesUtilChains": False,
    "resolvConf": "",
    "kubeAPIQPS": 100,
    "kubeAPIBurst": 200,
    "eventRecordQPS": 100,
    "eventBurst": 200,
    "logging": {"verbosity": 1},
}


def containerd_name(node: Node) -> str:
    """Name the process of the node's containerd."""
    return f"containerd-{node.name}"


def kubelet_name(node: Node) -> str:
    """Name the process of the node's kubelet."""
    return f"kubelet-{node.name}"


def start_containerd(layout: Layout, node: Node) -> None:
    """Write the configuration of containerd and CNI and start containerd."""
    folder = layout.node(node)
    (folder / "cni").mkdir(parents=True)
    (folder / "cni" / "10-bridge.conf").write_text(json.dumps(_cni_config(layout, node)))
    config = folder / "containerd.toml"
    socket = layout.containerd_socket(node)
    config.write_text(CONTAINERD_CONFIG.format(folder=folder, socket=socket, stream_port=STREAM_PORT))
    argv = processes.in_netns(node, ["containerd", "--config", str(config), "--log-level", "warn"])
    processes.start(layout, containerd_name(node), argv)


def _cni_config(layout: Layout, node: Node) -> dict[str, object]:
    ipam = {
        "type": "host-local",
        "dataDir": str(layout.node(node) / "ipam"),
        "ranges": [[{"subnet": node.pod_range}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipam": ipam}
    return {"cniVersion": "0.4.0", "name": layout.network, **bridge}


def load_images(layout: Layout, node: Node, archives: list[Path]) -> None:
    """Wait for containerd and import the images; raise RigError with its last words when it stays silent."""
    control = ["ctr", "--address", str(layout.containerd_socket(node)), "--namespace", "k8s.io"]
    socket = layout.containerd_socket(node)
    if not processes.wait_until(socket.exists, 20.0):
        name = containerd_name(node)
        raise RigError(f"{name} does not answer: {processes.last_lines(layout, name)}")
    for archive in archives:
        processes.run([*control, "images", "import", str(archive)])


def _kubelet_config(layout: Layout, node: Node) -> dict[str, object]:
    folder = layout.node(node)
    pki = layout.pki(node.cluster)
    return {
        **KUBELET_SETTINGS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True, "cacheTTL": "2m0s"},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / f"node-{node.name}.crt"),
        "tlsPrivateKeyFile": str(pki / f"node-{node.name}.key"),
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket(node)}",
        "podLogsDir": str(folder / "pod-logs"),
        "volumePluginDir": str(folder / "plugins"),
    }


def start_kubelet(layout: Layout, programs: Path, node: Node) -> None:
    """Start the kubelet of a node, new or stopped before."""
    folder = layout.node(node)
    config = folder / "kubelet.json"
    config.write_text(json.dumps(_kubelet_config(layout, node), indent=1))
    identity = kubeconfigs.write_component(layout, node.cluster, f"node-{node.name}", node.cluster.node_url)
    argv = [str(programs / "kubelet"), f"--config={config}", f"--kubeconfig={identity}"]
    argv += [f"--root-dir={folder / 'kubelet'}", f"--cert-dir={folder / 'kubelet-pki'}"]
    argv += [f"--hostname-override={node.name}", f"--node-ip={node.address}"]
    processes.start(layout, kubelet_name(node), processes.in_netns(node, argv))
