"""Say how the rig stands, for people (a table) and for shells (export lines)."""

import shlex

from . import api, lifecycle, network, processes
from .topology import CLUSTERS, NODES, Layout


def table(layout: Layout) -> str:
    """Draw a table of processes and nodes."""
    state = lifecycle.saved_state(layout)
    if not state:
        return f"the rig is down (nothing in {layout.home})"
    lines = [f"Kubernetes {state['version']} in {layout.home}", "", f"{'PROCESS':<24}{'PID':>8}  STATE"]
    expected = lifecycle.expected_processes()
    found = {record.name: record for record in processes.recorded(layout)}
    for name in [*expected, *(name for name in found if name not in expected)]:
        record = found.get(name)
        alive = record is not None and processes.is_alive(record)
        lines.append(f"{name:<24}{'-' if record is None else record.pid:>8}  {'runs' if alive else 'DEAD'}")
    lines += ["", f"{'NODE':<12}{'CONTEXT':<10}{'ADDRESS':<14}{'READY':<8}NETWORK"]
    spaces = network.remains()
    for cluster in CLUSTERS:
        ready = api.ready_nodes(layout, cluster)
        for node in [node for node in NODES if node.cluster == cluster]:
            link = "missing" if node.netns not in spaces else "cut" if network.is_cut(node) else "joined"
            word = "yes" if ready.pop(node.name, False) else "NO"
            lines.append(f"{node.name:<12}{cluster.context:<10}{node.address:<14}{word:<8}{link}")
        if ready:
            count = sum(1 for is_ready in ready.values() if is_ready)
            lines.append(f"{'(hollow)':<12}{cluster.context:<10}{'127.0.0.1':<14}{count} of {len(ready)}")
    return "\n".join(lines)


def environment(layout: Layout) -> str:
    """Write export lines for `eval`."""
    folders = f"{layout.bin}:{layout.repository / '.venv' / 'bin'}"
    return "\n".join(
        [
            f"export KUBECONFIG={shlex.quote(str(layout.kubeconfig))}",
            f"export PATH={shlex.quote(folders)}:$PATH",
            f"export PODIUM_RIG_HOME={shlex.quote(str(layout.home))}",
        ]
    )
