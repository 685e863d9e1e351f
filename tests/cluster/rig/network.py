"""The rig's network: one bridge, one network namespace and one veth for each node."""

import shutil
import socket
from pathlib import Path

from . import processes
from .topology import BRIDGE, HOST_ADDRESS, NODES, Node

NAMESPACES = Path("/run/netns")


def _link_exists(name: str) -> bool:
    return name in (link for _, link in socket.if_nameindex())


def make() -> None:
    """Make the bridge and every node's namespace and veth."""
    processes.run(["ip", "link", "add", BRIDGE, "type", "bridge"])
    processes.run(["ip", "address", "add", f"{HOST_ADDRESS}/24", "dev", BRIDGE])
    processes.run(["ip", "link", "set", BRIDGE, "up"])
    for node in NODES:
        _join(node)


def _join(node: Node) -> None:
    processes.run(["ip", "netns", "add", node.netns])
    pair = ["ip", "link", "add", node.link, "type", "veth", "peer", "name", "eth0", "netns", node.netns]
    processes.run(pair)
    processes.run(["ip", "link", "set", node.link, "master", BRIDGE, "up"])
    inside = ["ip", "-n", node.netns]
    processes.run([*inside, "link", "set", "lo", "up"])
    processes.run([*inside, "address", "add", f"{node.address}/24", "dev", "eth0"])
    processes.run([*inside, "link", "set", "eth0", "up"])
    processes.run([*inside, "route", "add", "default", "via", HOST_ADDRESS])
    processes.run(["ip", "route", "add", node.pod_range, "via", node.address])


def remove() -> None:
    """Remove what `make` made; what is missing is fine."""
    for node in NODES:
        if _link_exists(node.link):
            processes.run(["ip", "link", "delete", node.link])
        if (NAMESPACES / node.netns).exists():
            processes.run(["ip", "netns", "delete", node.netns])
    if _link_exists(BRIDGE):
        processes.run(["ip", "link", "delete", BRIDGE])


def remains() -> list[str]:
    """List what of the rig's network exists."""
    links = [name for name in (BRIDGE, *(node.link for node in NODES)) if _link_exists(name)]
    spaces = [node.netns for node in NODES if (NAMESPACES / node.netns).exists()]
    return links + spaces


def cut(node: Node) -> None:
    """Drop every packet between the node and the rest, in both directions, without a word to either."""
    heal(node)
    for chain, side in (("INPUT", "-i"), ("OUTPUT", "-o"), ("FORWARD", "-i"), ("FORWARD", "-o")):
        processes.run(processes.in_netns(node, [_iptables(), "-w", "-I", chain, side, "eth0", "-j", "DROP"]))


def heal(node: Node) -> None:
    """Take the rules of `cut` away."""
    for chain in ("INPUT", "OUTPUT", "FORWARD"):
        processes.run(processes.in_netns(node, [_iptables(), "-w", "-F", chain]))


def is_cut(node: Node) -> bool:
    """Tell whether the node is cut off by `cut`."""
    if not (NAMESPACES / node.netns).exists():
        return False
    rules = processes.run(processes.in_netns(node, [_iptables(), "-w", "-S", "INPUT"]))
    return "-j DROP" in rules


def _iptables() -> str:
    return shutil.which("iptables") or "/usr/sbin/iptables"
