"""Build Kubernetes and the rig's own programs with Go, once for each version and state of the sources."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .failure import RigError
from .topology import DEFAULT_VERSION, Layout, Version, parse_version

VERSION_VARIABLES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True, slots=True)
class Kit:
    """A set of programs that are built together: Kubernetes, or the rig's own."""

    stem: str
    names: tuple[str, ...]
    packages: str
    with_sources: bool


KUBERNETES = Kit(
    "kubernetes",
    ("kube-apiserver", "kubelet", "kube-controller-manager", "kube-scheduler"),
    "k8s.io/kubernetes/cmd/{name}",
    with_sources=False,
)
OWN = Kit("own", ("hollow", "static"), "./{name}", with_sources=True)


def folder_of(layout: Layout, version: Version, kit: Kit) -> Path:
    """Give the cache folder of a kit, named by version and a digest of what it is built from."""
    paths = [layout.sources / "go.mod", layout.sources / "go.sum"]
    if kit.with_sources:
        paths += sorted(layout.sources.glob("*/*.go"))
    digest = hashlib.sha256(_link_flags(version).encode())
    for path in paths:
        digest.update(f"{path.relative_to(layout.sources)}\0".encode())
        digest.update(path.read_bytes() + b"\0")
    return layout.cache / f"{kit.stem}-{version}-{digest.hexdigest()[:12]}"


def require(layout: Layout, version: Version, kit: Kit) -> Path:
    """Give the folder with a kit's programs; build them when they are not there (Kubernetes: 4 to 7 minutes)."""
    target = folder_of(layout, version, kit)
    if _is_built(target, kit):
        return target
    if shutil.which("go") is None:
        raise RigError(f"Go is not installed: the rig compiles Kubernetes {version} (Go 1.26 or newer on PATH)")
    layout.cache.mkdir(parents=True, exist_ok=True)
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_built(target, kit):
            _build_whole(layout, version, kit)
    return target


def _is_built(target: Path, kit: Kit) -> bool:
    return all((target / name).exists() for name in kit.names)


def _build_whole(layout: Layout, version: Version, kit: Kit) -> None:
    """Build in a draft folder and rename it, so that a folder in the cache is whole or absent."""
    target = folder_of(layout, version, kit)
    draft = target.with_name(f"building-{target.name}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _build(layout, version, kit, draft)
        shutil.rmtree(target, ignore_errors=True)
        (draft / "bin").rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _build(layout: Layout, version: Version, kit: Kit, draft: Path) -> None:
    module = draft / "module"
    (draft / "bin").mkdir(parents=True)
    module.mkdir()
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(layout.sources / name, module / name)
    for name in OWN.names:
        shutil.copytree(layout.sources / name, module / name)
    if version != parse_version(DEFAULT_VERSION):
        (module / "go.mod").write_text(_module_file(version, (module / "go.mod").read_text(), module))
        (module / "go.sum").unlink()
        _go(module, ["mod", "tidy"])
    flags = ["-trimpath", "-ldflags", _link_flags(version)]
    for name in kit.names:
        package = kit.packages.format(name=name)
        _timed(module, name, ["build", *flags, "-o", str(draft / "bin" / name), package])


def _timed(module: Path, name: str, arguments: list[str]) -> None:
    print(f"building {name} ...", file=sys.stderr, end=" ", flush=True)
    begun = time.monotonic()
    _go(module, arguments)
    print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def _go(folder: Path, arguments: list[str]) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}
    argv = ["nice", "go", *arguments]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " | ".join(done.stderr.strip().splitlines()[-5:])
        raise RigError(f"`go {arguments[0]} ... {arguments[-1]}` failed: {said}")
    return done.stdout


def _link_flags(version: Version) -> str:
    values = {
        "gitVersion": f"v{version}",
        "gitMajor": str(version.major),
        "gitMinor": str(version.minor),
        "gitCommit": "podium-rig",
        "gitTreeState": "clean",
    }
    return " ".join(f"-X {package}.{name}={value}" for package in VERSION_VARIABLES for name, value in values.items())


def _module_file(version: Version, template: str, folder: Path) -> str:
    """Write go.mod for another version: our tools, its own go lines, its staging modules as published."""
    answer = json.loads(_go(folder, ["mod", "download", "-json", f"k8s.io/kubernetes@v{version}"]))
    upstream = Path(answer["GoMod"]).read_text()
    lines = re.findall(r"^(?:go|godebug) .*$", upstream, re.MULTILINE)
    staging = re.findall(r"^\t(k8s\.io/\S+) => \./staging/", upstream, re.MULTILINE)
    tools = re.search(r"^tool \(.*?^\)$", template, re.MULTILINE | re.DOTALL)
    if not staging or tools is None:
        raise RigError(f"cannot read the go.mod of k8s.io/kubernetes v{version}")
    replaced = "\n".join(f"\t{name} => {name} {version.staging}" for name in staging)
    head = "\n\n".join(["module podium.test/rig", *lines, tools[0], f"require k8s.io/kubernetes v{version}"])
    return f"{head}\n\nreplace (\n{replaced}\n)\n"
