"""Make the read-only trees of images: a base, minus some programs, plus a scenario's files."""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from podium.sandbox.runtime.files import Device, Directory, Entry, File, Link

IMAGE_TIME = 1_750_000_000.0


class Base(Enum):
    """What an image starts from."""

    DEBIAN = "debian"
    ALPINE = "alpine"
    DISTROLESS = "distroless"


@dataclass(frozen=True, slots=True)
class Extra:
    """A program that a scenario adds."""

    path: str
    program: str


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


BIN = _words(
    "cat chmod chown cp date dd df echo false grep hostname kill ln ls mkdir mktemp mv ps pwd rm rmdir sed sh sleep "
    "stat stty sync tar touch true uname"
)
USR_BIN = _words(
    "[ awk base64 basename cut dirname du env expr find free head id md5sum nproc od printenv printf readlink realpath "
    "seq sha256sum sort tail tee test tr tty uniq uptime wc which whoami xargs yes"
)
DIRECTORIES = _words(
    "/ /app /bin /dev /etc /home /lib /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /usr/bin /usr/lib "
    "/usr/local /usr/local/bin /usr/local/sbin /usr/sbin /var /var/lib /var/log /var/run /var/run/secrets "
    "/var/run/secrets/kubernetes.io /var/run/secrets/kubernetes.io/serviceaccount"
)
OS_RELEASE = {
    Base.DEBIAN: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n',
    Base.ALPINE: 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.21.0\nPRETTY_NAME="Alpine Linux v3.21"\n',
    Base.DISTROLESS: 'PRETTY_NAME="Distroless"\nNAME="Debian GNU/Linux"\nID="debian"\n',
}
ACCOUNTS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"


def build(base: Base, without: Iterable[str], files: Mapping[str, str], extras: Iterable[Extra]) -> dict[str, Entry]:
    """Return an image's tree by absolute path; `files` end with their text, parents are made."""
    tree: dict[str, Entry] = {path: Directory(mtime=IMAGE_TIME) for path in DIRECTORIES}
    tree["/tmp"] = Directory(0o1777, 0, IMAGE_TIME)  # noqa: S108 - a path inside the sandbox's own tree
    for name in ("null", "zero", "full", "tty"):
        tree[f"/dev/{name}"] = Device(name)
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        tree[f"/dev/{name}"] = Link(f"/proc/self/fd/{number}", IMAGE_TIME)
    _add_text(tree, "/etc/os-release", OS_RELEASE[base])
    _add_text(tree, "/etc/passwd", ACCOUNTS)
    _add_text(tree, "/etc/group", "root:x:0:\nnogroup:x:65534:\n")
    if base is not Base.DISTROLESS:
        for folder, names in (("/bin", BIN), ("/usr/bin", USR_BIN)):
            for name in names:
                tree[f"{folder}/{name}"] = File(b"\x7fELF", 0o755, 0, IMAGE_TIME, name)
    if base is Base.DEBIAN:
        tree["/bin/bash"] = File(b"\x7fELF", 0o755, 0, IMAGE_TIME, "bash")
        tree["/bin/dash"] = File(b"\x7fELF", 0o755, 0, IMAGE_TIME, "sh")
    if base is Base.ALPINE:
        tree["/bin/sh"] = tree["/bin/ash"] = File(b"\x7fELF", 0o755, 0, IMAGE_TIME, "ash")
    for path, text in files.items():
        _add_text(tree, path, text)
    for extra in extras:
        _parents(tree, extra.path)
        tree[extra.path] = File(b"\x7fELF", 0o755, 0, IMAGE_TIME, extra.program)
    gone = set(without)
    return {
        path: entry
        for path, entry in tree.items()
        if posixpath.basename(path) not in gone or isinstance(entry, Directory)
    }


def _parents(tree: dict[str, Entry], path: str) -> None:
    parent = posixpath.dirname(path)
    while parent not in tree:
        tree[parent] = Directory(mtime=IMAGE_TIME)
        parent = posixpath.dirname(parent)


def _add_text(tree: dict[str, Entry], path: str, text: str) -> None:
    _parents(tree, path)
    mode = 0o755 if text.startswith("#!") else 0o644
    tree[path] = File(text.encode(), mode, 0, IMAGE_TIME)
