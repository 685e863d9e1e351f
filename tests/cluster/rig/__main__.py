"""The command line of the rig; `scripts/cluster` is the way in."""

import argparse
import os
import sys
from pathlib import Path

from . import lifecycle, status
from .failure import RigError
from .topology import DEFAULT_VERSION, Layout, layout_from, parse_version


def parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    top = argparse.ArgumentParser(prog="./scripts/cluster", description="A real Kubernetes on this machine.")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="bring the rig up (KUBERNETES=VERSION for another version)")
    commands.add_parser("down", help="take it down: nothing stays running or mounted")
    commands.add_parser("status", help="processes and nodes; exit status 1 when something is wrong")
    commands.add_parser("kubeconfig", help="print the path of the kubeconfig")
    commands.add_parser("env", help="print export lines for eval")
    return top


def main() -> int:
    """Run one command; return its exit status."""
    arguments = parser().parse_args()
    layout = layout_from(os.environ, Path(__file__).resolve().parents[3])
    try:
        return _dispatch(layout, arguments)
    except (RigError, ValueError) as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1


def _dispatch(layout: Layout, arguments: argparse.Namespace) -> int:
    if arguments.command == "kubeconfig":
        print(layout.kubeconfig)
        return 0
    if arguments.command == "env":
        print(status.environment(layout))
        return 0
    lifecycle.require_root()
    if arguments.command == "status":
        print(status.table(layout))
        return 1 if not lifecycle.saved_state(layout) or lifecycle.complaints(layout) else 0
    with lifecycle.exclusive(layout):
        if arguments.command == "up":
            print(lifecycle.up(layout, parse_version(os.environ.get("KUBERNETES") or DEFAULT_VERSION)))
        elif arguments.command == "down":
            print(lifecycle.down(layout))
    return 0


if __name__ == "__main__":
    sys.exit(main())
