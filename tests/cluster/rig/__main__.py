"""The command line of the rig; `scripts/cluster` is the way in."""

import argparse
import http.client
import os
import signal
import sys
from pathlib import Path

from . import faults as plant
from . import hollow, lifecycle, network, show
from .failure import RigError
from .topology import DEFAULT_VERSION, Layout, Version, find_cluster, find_node, layout_from, parse_version


def parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    top = argparse.ArgumentParser(prog="./scripts/cluster", description="A real Kubernetes on this machine.")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="bring the rig up (KUBERNETES=VERSION for another version)")
    commands.add_parser("build", help="compile what `up` needs, without bringing anything up")
    commands.add_parser("down", help="take it down: nothing stays running or mounted")
    commands.add_parser("status", help="processes and nodes; exit status 1 when something is wrong")
    commands.add_parser("kubeconfig", help="print the path of the kubeconfig")
    commands.add_parser("env", help="print export lines for eval")
    _describe_faults(commands.add_parser("fault", help="plant a fault, or take it away"))
    _describe_hollow(commands.add_parser("hollow", help="thousands of pods without containers in cluster A"))
    return top


def _describe_hollow(top: argparse.ArgumentParser) -> None:
    verbs = top.add_subparsers(dest="hollow", required=True)
    up = verbs.add_parser("up", help="make nodes and pods (namespace hollow, label app=hollow, tainted nodes)")
    up.add_argument("--pods", type=int, default=2000)
    up.add_argument("--nodes", type=int, default=20)
    up.add_argument("--log-lines", type=int, default=1000, help="lines that each container has logged")
    up.add_argument("--acts", default="", metavar="ACT=COUNT,...", help="ok exit-3 drop drip stall refuse missing")
    verbs.add_parser("down", help="delete them")
    ledger = verbs.add_parser("ledger", help="what ran, as JSON: active, and starts and ends by pod")
    ledger.add_argument("--reset", action="store_true", help="begin anew after printing")


def _describe_faults(top: argparse.ArgumentParser) -> None:
    faults = top.add_subparsers(dest="fault", required=True)
    for name, text in (
        ("node-stop", "stop the kubelet of NODE; its containers go on"),
        ("node-start", "start it and wait until NODE is Ready"),
        ("net-cut", "drop every packet between NODE and the rest"),
        ("net-heal", "join NODE again and wait until it is Ready"),
    ):
        faults.add_parser(name, help=text).add_argument("node", metavar="NODE")
    for name, text in (
        ("tcp-list", "list the established connections that tcp-cut would cut"),
        ("tcp-cut", "cut one TCP connection with RST, and prove it; exit status 1 when none matched"),
    ):
        one = faults.add_parser(name, help=text)
        one.add_argument("target", metavar="NODE|CLUSTER|hollow", help="whose connections")
        legs = [leg.value for leg in (plant.Leg.KUBELET, plant.Leg.RUNTIME)]
        one.add_argument(
            "--leg", choices=legs, default="kubelet", help="of a NODE: API server -> kubelet, or kubelet -> containerd"
        )
        one.add_argument("--port", type=int, help="the local port of the end that dialled")
        one.add_argument("--all", action="store_true", dest="everything", help="every match")
    restart = faults.add_parser("apiserver-restart", help="end the API server and start it again")
    restart.add_argument("cluster", metavar="CLUSTER")
    restart.add_argument("--kill", action="store_true", help="SIGKILL instead of SIGTERM")
    compact = faults.add_parser("compact", help="compact etcd, so that old versions are gone (410)")
    compact.add_argument("cluster", metavar="CLUSTER")


def main() -> int:
    """Run one command; return its exit status."""
    arguments = parser().parse_args()
    layout = layout_from(os.environ, Path(__file__).resolve().parents[3])
    try:
        return _dispatch(layout, arguments)
    except (RigError, ValueError, OSError, http.client.HTTPException) as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1


def _dispatch(layout: Layout, arguments: argparse.Namespace) -> int:
    if arguments.command == "kubeconfig":
        print(layout.kubeconfig)
        return 0
    if arguments.command == "env":
        print(show.environment(layout))
        return 0
    lifecycle.require_root()
    if arguments.command == "status":
        print(show.table(layout))
        return 1 if not lifecycle.saved_state(layout) or lifecycle.complaints(layout) else 0
    if arguments.command == "fault":
        lifecycle.programs_in_use(layout)
        print(_plant(layout, arguments))
        return 0
    if arguments.command == "hollow" and arguments.hollow == "ledger":
        print(hollow.ledger(layout, "DELETE" if arguments.reset else "GET"))
        return 0
    if arguments.command == "build":
        print(lifecycle.prepare(layout, wanted_version()))
        return 0
    with lifecycle.exclusive(layout):
        print(_alone(layout, arguments))
    return 0


def wanted_version() -> Version:
    """Read the version from KUBERNETES."""
    return parse_version(os.environ.get("KUBERNETES") or DEFAULT_VERSION)


def _alone(layout: Layout, arguments: argparse.Namespace) -> str:
    """Run what nobody else may run at the same time."""
    if arguments.command == "up":
        return lifecycle.up(layout, wanted_version())
    if arguments.command == "down":
        return lifecycle.down(layout)
    lifecycle.programs_in_use(layout)
    if arguments.hollow == "down":
        return hollow.down(layout)
    wanted = hollow.Population(arguments.nodes, arguments.pods, arguments.log_lines, arguments.acts)
    return hollow.up(layout, wanted)


def _plant(layout: Layout, arguments: argparse.Namespace) -> str:
    fault = arguments.fault
    if fault in ("tcp-list", "tcp-cut"):
        place = plant.place_of(arguments.target, plant.Leg(arguments.leg))
        if fault == "tcp-list":
            return "\n".join(str(one) for one in plant.connections(place))
        done = plant.cut(place, arguments.port, everything=arguments.everything)
        return "\n".join(f"cut {one}" for one in done)
    if fault == "apiserver-restart":
        number = signal.SIGKILL if arguments.kill else signal.SIGTERM
        return plant.restart_apiserver(layout, find_cluster(arguments.cluster), number)
    if fault == "compact":
        return plant.compact(layout, find_cluster(arguments.cluster))
    node = find_node(arguments.node)
    if fault == "node-stop":
        return plant.stop_node(layout, node)
    if fault == "node-start":
        return plant.start_node(layout, node)
    if fault == "net-heal":
        return plant.heal(layout, node)
    network.cut(node)
    return f"{node.name} is cut off: every packet is dropped, nobody is told"


if __name__ == "__main__":
    sys.exit(main())
