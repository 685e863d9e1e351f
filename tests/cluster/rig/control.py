"""The control planes: one etcd for both, and API server, controller manager and scheduler for each."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from . import api, kubeconfigs, processes
from .failure import RigError
from .topology import ETCD_PEER_PORT, ETCD_PORT, HOST_ADDRESS, Cluster, Layout

# What tests need; the rest (volumes, quotas, certificates, autoscaling) would only burn the two cores.
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "node-lifecycle-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "taint-eviction-controller",
)
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"]},
        {
            "level": "None",
            "users": [
                "system:apiserver",
                "system:kube-controller-manager",
                "system:kube-scheduler",
                "podium-rig",
                "podium-rig-hollow",
            ],
        },
        {"level": "None", "nonResourceURLs": ["/readyz*", "/healthz*", "/livez*"]},
        {"level": "Metadata"},
    ],
}


def etcd_url() -> str:
    """Give etcd's client address."""
    return f"http://127.0.0.1:{ETCD_PORT}"


def start_etcd(layout: Layout) -> None:
    """Start etcd without fsync: the rig's data may die with the machine."""
    peer = f"http://127.0.0.1:{ETCD_PEER_PORT}"
    argv = ["etcd", "--name=rig", f"--data-dir={layout.home / 'etcd'}", "--unsafe-no-fsync"]
    argv += [f"--listen-client-urls={etcd_url()}", f"--advertise-client-urls={etcd_url()}"]
    argv += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
    argv += [f"--initial-cluster=rig={peer}", "--log-level=warn", "--quota-backend-bytes=4294967296"]
    processes.start(layout, "etcd", argv)


def ask_etcd(path: str, body: dict[str, Any]) -> Any:
    """Call etcd's JSON gateway, e.g. `/v3/kv/range`; raise OSError when it cannot be reached."""
    request = urllib.request.Request(etcd_url() + path, json.dumps(body).encode())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10.0) as response:
        return json.loads(response.read())


def apiserver_name(cluster: Cluster) -> str:
    """Name the process of a cluster's API server."""
    return f"apiserver-{cluster.name.value}"


def _apiserver_arguments(layout: Layout, cluster: Cluster) -> list[str]:
    pki = layout.pki(cluster)
    argv = ["--bind-address=0.0.0.0", f"--secure-port={cluster.port}", f"--advertise-address={HOST_ADDRESS}"]
    argv += ["--endpoint-reconciler-type=none", "--allow-privileged=true", "--profiling=false"]
    argv += [f"--etcd-servers={etcd_url()}", f"--etcd-prefix=/rig-{cluster.name.value}"]
    argv += ["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"]
    argv += [f"--client-ca-file={pki / 'ca.crt'}"]
    argv += [f"--tls-cert-file={pki / 'apiserver.crt'}", f"--tls-private-key-file={pki / 'apiserver.key'}"]
    argv += [f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}"]
    argv += [f"--kubelet-client-key={pki / 'kubelet-client.key'}"]
    argv += [f"--kubelet-certificate-authority={pki / 'ca.crt'}"]
    argv += ["--kubelet-preferred-address-types=InternalIP,Hostname"]
    argv += ["--service-account-issuer=https://kubernetes.default.svc"]
    argv += [f"--service-account-key-file={pki / 'service-account.pub'}"]
    argv += [f"--service-account-signing-key-file={pki / 'service-account.key'}"]
    argv += [f"--service-cluster-ip-range={cluster.service_range}", "--event-ttl=10m"]
    argv += [f"--audit-policy-file={layout.home / 'audit' / 'policy.json'}"]
    argv += [f"--audit-log-path={layout.audit_log(cluster)}", "--audit-log-maxsize=1000"]
    if cluster.feature_gates != "":
        argv.append(f"--feature-gates={cluster.feature_gates}")
    return argv


def start_apiserver(layout: Layout, programs: Path, cluster: Cluster) -> None:
    """Start the API server of a cluster; it audits at level Metadata, without the components' own traffic."""
    audit = layout.home / "audit"
    audit.mkdir(exist_ok=True)
    (audit / "policy.json").write_text(json.dumps(AUDIT_POLICY))
    argv = [str(programs / "kube-apiserver"), *_apiserver_arguments(layout, cluster)]
    processes.start(layout, apiserver_name(cluster), argv)


def await_apiserver(layout: Layout, cluster: Cluster, seconds: float = 60.0) -> None:
    """Wait until the API server is ready; raise RigError with its last words when it is not in time."""
    name = apiserver_name(cluster)
    record = processes.find(layout, name)

    def is_over() -> bool:
        return api.is_ready(layout, cluster) or record is None or not processes.is_alive(record)

    processes.wait_until(is_over, seconds, 0.1)
    if not api.is_ready(layout, cluster):
        raise RigError(f"{name} is not ready: {processes.last_lines(layout, name)}")


def start_controllers(layout: Layout, programs: Path, cluster: Cluster) -> None:
    """Start controller manager and scheduler of a cluster whose API server is ready."""
    pki = layout.pki(cluster)
    config = kubeconfigs.write_component(layout, cluster, "controller-manager", cluster.local_url)
    argv = [str(programs / "kube-controller-manager"), f"--kubeconfig={config}", "--leader-elect=false"]
    argv += [f"--service-account-private-key-file={pki / 'service-account.key'}"]
    argv += [f"--root-ca-file={pki / 'ca.crt'}", f"--controllers={','.join(CONTROLLERS)}", "--secure-port=0"]
    # Each controller needs the role of its own service account.
    argv.append("--use-service-account-credentials=true")
    argv += ["--node-monitor-period=2s", "--node-monitor-grace-period=20s", "--node-startup-grace-period=20s"]
    argv += ["--kube-api-qps=300", "--kube-api-burst=600", "--profiling=false"]
    processes.start(layout, f"controller-manager-{cluster.name.value}", argv)
    config = kubeconfigs.write_component(layout, cluster, "scheduler", cluster.local_url)
    argv = [str(programs / "kube-scheduler"), f"--kubeconfig={config}", "--leader-elect=false"]
    argv += ["--secure-port=0", "--kube-api-qps=300", "--kube-api-burst=600", "--profiling=false"]
    processes.start(layout, f"scheduler-{cluster.name.value}", argv)
