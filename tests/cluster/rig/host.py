"""What the rig borrows from the machine: cgroups, mounts, kernel settings, folders; and giving it all back."""

import contextlib
import ctypes
import ctypes.util
import os
import signal
from pathlib import Path

from . import processes
from .failure import RigError
from .topology import Layout

MNT_DETACH = 2
CONTAINER_CGROUP = "k8s.io"
SHIM_SOCKETS = Path("/run/containerd")
LOG_LINKS = Path("/var/log/containers")
CNI_RESULTS = Path("/var/lib/cni/results")
KUBELET_FOLDER = Path("/var/lib/kubelet")
# The kubelet sets these for the whole machine at its start.
KERNEL_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def cgroup_roots() -> list[Path]:
    """List the mount points of all cgroup hierarchies, version 1 and 2."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [Path(fields[1]) for fields in map(str.split, lines) if fields[2] in ("cgroup", "cgroup2")]


def container_ids(layout: Layout) -> set[str]:
    """List the containers that the rig's containerds know, by the folders that their shims leave."""
    found = layout.home.glob("nodes/*/containerd/state/io.containerd.runtime.v2.task/k8s.io/*")
    return {folder.name for folder in found}


def _cgroups_of(ids: set[str]) -> list[Path]:
    """List the cgroups of containers, children first: `/k8s.io/ID`, where containerd puts them without a parent."""
    found: list[Path] = []
    for root in cgroup_roots():
        for name in ids:
            found += [Path(folder) for folder, _, _ in os.walk(root / CONTAINER_CGROUP / name, topdown=False)]
    return found


def kill_containers(ids: set[str]) -> None:
    """Kill every process in the containers' cgroups; raise RigError when some do not die."""

    def is_empty() -> bool:
        members: set[int] = set()
        for folder in _cgroups_of(ids):
            with contextlib.suppress(OSError):
                members.update(int(pid) for pid in (folder / "cgroup.procs").read_text().split())
        members = {pid for pid in members if processes.start_time(pid) is not None}
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not members

    if not processes.wait_until(is_empty, 15.0):
        raise RigError("container processes do not die within 15 s")


def remove_cgroups(ids: set[str]) -> None:
    """Remove the containers' cgroups, which are empty by now, and their parent if nobody else has any in it."""

    def is_gone() -> bool:
        for folder in _cgroups_of(ids):
            with contextlib.suppress(OSError):
                folder.rmdir()
        return not _cgroups_of(ids)

    if not processes.wait_until(is_gone, 5.0):
        raise RigError(f"cgroups stay: {', '.join(str(folder) for folder in _cgroups_of(ids)[:5])}")
    for root in cgroup_roots():
        with contextlib.suppress(OSError):
            (root / CONTAINER_CGROUP).rmdir()


def remove_traces(layout: Layout, ids: set[str]) -> None:
    """Remove what kubelet and CNI leave in folders of the machine: links to the rig's logs, cached results."""
    for link in LOG_LINKS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(layout.home):
            link.unlink(missing_ok=True)
    cached = [*CNI_RESULTS.glob(f"{layout.network}-*-eth0"), *CNI_RESULTS.glob("cni-loopback-*-lo")]
    for path in cached:
        if path.name.startswith(layout.network) or path.name.split("-")[2] in ids:
            path.unlink(missing_ok=True)
    for folder in (LOG_LINKS, CNI_RESULTS, CNI_RESULTS.parent, SHIM_SOCKETS):
        remove_empty(folder)


def marked(layout: Layout) -> list[int]:
    """List the processes whose environment names the rig's home: its daemons and what they started, as shims."""
    mark = f"{processes.MARK}={layout.home}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in environment and processes.start_time(int(entry.name)) is not None:
            found.append(int(entry.name))
    return found


def kill_marked(layout: Layout) -> None:
    """Kill what is left of the rig's processes, recorded or not, and remove the shims' sockets."""

    def is_empty() -> bool:
        pids = marked(layout)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    if not processes.wait_until(is_empty, 10.0):
        raise RigError(f"processes of the rig do not die: {marked(layout)}")
    for address in layout.home.glob("nodes/*/containerd/state/io.containerd.runtime.v2.task/*/*/address"):
        with contextlib.suppress(OSError):
            Path(address.read_text().strip().removeprefix("unix://")).unlink(missing_ok=True)


def mounts_under(folder: Path) -> list[Path]:
    """List the mount points under a folder, the latest first."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = Path(line.split()[4].encode().decode("unicode_escape"))
        if point.is_relative_to(folder):
            found.append(point)
    return found[::-1]


def unmount_all(folder: Path) -> None:
    """Unmount everything under a folder."""
    library = ctypes.CDLL(None, use_errno=True)
    for point in mounts_under(folder):
        library.umount2(os.fsencode(point), MNT_DETACH)
    left = mounts_under(folder)
    if left:
        raise RigError(f"still mounted: {', '.join(str(point) for point in left[:5])}")


def kernel_settings() -> dict[str, str]:
    """Read the kernel settings that a kubelet changes."""
    found = {}
    for name in KERNEL_SETTINGS:
        with contextlib.suppress(OSError):
            found[name] = (Path("/proc/sys") / name).read_text().strip()
    return found


def restore_kernel_settings(before: dict[str, str]) -> None:
    """Give the kernel settings back as they were."""
    for name, value in before.items():
        if name in KERNEL_SETTINGS:
            with contextlib.suppress(OSError):
                (Path("/proc/sys") / name).write_text(value)


def remove_empty(folder: Path) -> None:
    """Remove a folder tree as far as it holds nothing but empty folders."""
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(path).rmdir()
