"""Images without a registry: OCI archives from Debian's busybox, the host's shells and the rig's own programs."""

import hashlib
import io
import json
import platform
import re
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .failure import RigError
from .topology import Layout

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
EPOCH = "1970-01-01T00:00:00Z"
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n"
GROUP = b"root:x:0:\nnogroup:x:65534:\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a layer: a file (content), a link (target) or a folder (neither)."""

    path: str
    mode: int
    content: bytes | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """An image of one layer."""

    name: str
    entries: Sequence[Entry]
    command: Sequence[str]
    entrypoint: Sequence[str] = ()


def _folder(path: str, mode: int = 0o755) -> Entry:
    return Entry(path, mode)


def _base() -> list[Entry]:
    plain = [_folder(path) for path in ("bin", "dev", "etc", "home", "proc", "sys", "usr", "usr/bin", "var", "run")]
    plain += [_folder("tmp", 0o1777), _folder("root", 0o700)]
    return [*plain, Entry("etc/passwd", 0o644, PASSWD), Entry("etc/group", 0o644, GROUP)]


def _busybox() -> list[Entry]:
    found = shutil.which("busybox")
    if found is None:
        raise RigError("busybox is not installed")
    applets = [line for line in processes.run([found, "--list"]).split() if line != "busybox"]
    links = [Entry(f"bin/{name}", 0o777, target="busybox") for name in applets]
    env = Entry("usr/bin/env", 0o777, target="../../bin/busybox")
    return [Entry("bin/busybox", 0o755, Path(found).read_bytes()), *links, env]


def _with_libraries(program: str) -> list[Entry]:
    found = shutil.which(program, path="/bin:/usr/bin")
    if found is None:
        raise RigError(f"{program} is not installed")
    entries = [Entry(f"bin/{program}", 0o755, Path(found).read_bytes())]
    for library in re.findall(r"(/\S+) \(0x", processes.run(["ldd", found])):
        entries.append(Entry(library.lstrip("/"), 0o755, Path(library).read_bytes()))
    return entries


def busybox_image() -> Image:
    """Describe `podium.test/busybox:1`: Debian's static busybox and its applets."""
    return Image("podium.test/busybox:1", [*_base(), *_busybox()], ["sh"])


def shells_image() -> Image:
    """Describe `podium.test/shells:1`: dash as sh, bash, and busybox for the rest."""
    taken = {"bin/sh", "bin/dash", "bin/bash"}
    rest = [entry for entry in _busybox() if entry.path not in taken]
    shells = {entry.path: entry for entry in [*_with_libraries("dash"), *_with_libraries("bash")]}
    return Image(
        "podium.test/shells:1",
        [*_base(), *rest, *shells.values(), Entry("bin/sh", 0o777, target="dash")],
        ["sh"],
    )


def static_image(program: Path) -> Image:
    """Describe `podium.test/static:1`: one static program, no shell, no tar, like a distroless image."""
    base = [_folder("etc"), _folder("tmp", 0o1777), Entry("etc/passwd", 0o644, PASSWD)]
    return Image("podium.test/static:1", [*base, Entry("static", 0o755, program.read_bytes())], [], ["/static"])


def pause_image(source: Path) -> Image:
    """Describe `podium.test/pause:1`, compiled from the C source."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "pause"
        processes.run(["gcc", "-static", "-Os", "-s", "-o", str(target), str(source)])
        content = target.read_bytes()
    return Image("podium.test/pause:1", [Entry("pause", 0o755, content)], [], ["/pause"])


def _layer(entries: Sequence[Entry]) -> bytes:
    buffer = io.BytesIO()
    folders: set[str] = set()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in entries:
            for parent in reversed(Path(entry.path).parents):
                if str(parent) != "." and str(parent) not in folders:
                    folders.add(str(parent))
                    archive.addfile(_header(Entry(str(parent), 0o755)))
            if entry.content is None and entry.target is None:
                folders.add(entry.path)
            archive.addfile(_header(entry), io.BytesIO(entry.content or b""))
    return buffer.getvalue()


def _header(entry: Entry) -> tarfile.TarInfo:
    header = tarfile.TarInfo(entry.path)
    header.mode = entry.mode
    if entry.content is not None:
        header.size = len(entry.content)
    elif entry.target is not None:
        header.type = tarfile.SYMTYPE
        header.linkname = entry.target
    else:
        header.type = tarfile.DIRTYPE
    return header


def _descriptor(kind: str, content: bytes) -> dict[str, object]:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    return {"mediaType": kind, "digest": digest, "size": len(content)}


def write_archive(image: Image, target: Path) -> None:
    """Write an image as an OCI archive that `ctr images import` takes."""
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    layer = _layer(image.entries)
    layer_descriptor = _descriptor("application/vnd.oci.image.layer.v1.tar", layer)
    settings = {
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "Cmd": list(image.command),
        "Entrypoint": list(image.entrypoint),
    }
    config = json.dumps(
        {
            "created": EPOCH,
            "architecture": architecture,
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [layer_descriptor["digest"]]},
        }
    ).encode()
    config_descriptor = _descriptor("application/vnd.oci.image.config.v1+json", config)
    manifest_kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": manifest_kind,
            "config": config_descriptor,
            "layers": [layer_descriptor],
        }
    ).encode()
    named = {
        **_descriptor(manifest_kind, manifest),
        "platform": {"architecture": architecture, "os": "linux"},
        "annotations": {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": "1"},
    }
    index = json.dumps({"schemaVersion": 2, "manifests": [named]}).encode()
    files = [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", index)]
    for content in (layer, config, manifest):
        files.append((f"blobs/sha256/{hashlib.sha256(content).hexdigest()}", content))
    target.write_bytes(_layer([Entry(path, 0o644, content) for path, content in files]))


def make_all(layout: Layout, own: Path) -> list[Path]:
    """Write all archives into the rig's folder; the pause image comes first."""
    folder = layout.home / "images"
    folder.mkdir(parents=True, exist_ok=True)
    images = (
        pause_image(layout.sources / "pause.c"),
        busybox_image(),
        static_image(own / "static"),
        shells_image(),
    )
    paths = []
    for image in images:
        path = folder / (image.name.replace("/", "_").replace(":", "_") + ".tar")
        write_archive(image, path)
        paths.append(path)
    return paths
