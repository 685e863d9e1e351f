"""Keys and certificates of one cluster (ECDSA P-256), made with openssl."""

from dataclasses import dataclass
from pathlib import Path

from . import processes
from .topology import HOST_ADDRESS, Cluster, Layout, Node

DAYS = "365"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate to make: file stem, subject, and subject alternative names of a server."""

    stem: str
    subject: str
    names: str = ""


def identities(cluster: Cluster, nodes: tuple[Node, ...]) -> list[Identity]:
    """List every certificate that a cluster needs."""
    server = (
        f"IP:127.0.0.1,IP:{HOST_ADDRESS},DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc,"
        f"DNS:{cluster.context}.podium.test"
    )
    fixed = [
        Identity("apiserver", "/CN=kube-apiserver", server),
        Identity("kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
        Identity("admin", "/O=system:masters/CN=podium-rig-admin"),
        Identity("rig", "/O=system:masters/CN=podium-rig"),
        Identity("controller-manager", "/CN=system:kube-controller-manager"),
        Identity("scheduler", "/CN=system:kube-scheduler"),
        Identity("hollow", "/O=system:masters/CN=podium-rig-hollow", "IP:127.0.0.1,DNS:localhost"),
    ]
    for node in nodes:
        fixed.append(Identity(f"node-{node.name}", f"/O=system:nodes/CN=system:node:{node.name}", f"IP:{node.address}"))
    return fixed


def make(layout: Layout, cluster: Cluster, nodes: tuple[Node, ...]) -> None:
    """Make the CA, all certificates and the service account key pair of a cluster, files 0600."""
    folder = layout.pki(cluster)
    folder.mkdir(parents=True, mode=0o700)
    ca = ("-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.crt"))
    extensions = ("-addext", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign")
    subject = f"/CN=podium-rig-{cluster.name.value}-ca"
    processes.run(["openssl", "req", "-x509", *CURVE, *ca, "-days", DAYS, "-subj", subject, *extensions])
    for identity in identities(cluster, nodes):
        issue(folder, identity)
    key = folder / "service-account.key"
    processes.run(["openssl", "genrsa", "-out", str(key), "2048"])
    processes.run(["openssl", "rsa", "-in", str(key), "-pubout", "-out", str(folder / "service-account.pub")])
    for path in folder.iterdir():
        path.chmod(0o600)


def issue(folder: Path, identity: Identity) -> None:
    """Issue one certificate, signed by the CA in the same folder, for client and server use."""
    argv = ["openssl", "req", "-x509", *CURVE, "-days", DAYS, "-subj", identity.subject]
    argv += ["-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key")]
    argv += ["-keyout", str(folder / f"{identity.stem}.key"), "-out", str(folder / f"{identity.stem}.crt")]
    argv += ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"]
    argv += ["-addext", "extendedKeyUsage=clientAuth,serverAuth"]
    if identity.names != "":
        argv += ["-addext", f"subjectAltName={identity.names}"]
    processes.run(argv)
