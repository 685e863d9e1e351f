"""The house holds: its contracts catch what they forbid, its limits are kept, its names resolve."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "podium"

PLANTED = [
    ("a feature imports an adapter", "features/exec/report.py", "import podium.adapters.clock"),
    ("an adapter imports a feature", "adapters/clock.py", "import podium.features.exec.report"),
    ("the runner imports a feature", "runner/order.py", "import podium.features.exec.report"),
    ("a port imports the runner", "ports/store.py", "import podium.runner.plan"),
    ("the domain imports a port", "domain/targets.py", "import podium.ports"),
    ("an adapter imports the runner", "adapters/clock.py", "import podium.runner.plan"),
    ("the domain reads the clock", "domain/targets.py", "import time"),
    ("the domain goes async", "domain/outcomes.py", "import asyncio"),
    ("the sandbox imports ours", "sandbox/__init__.py", "import podium.domain.targets"),
    ("a feature imports the sandbox", "features/exec/report.py", "import podium.sandbox"),
    ("aiohttp on the way of an exec", "adapters/kube/exec.py", "import aiohttp"),
    ("a feature imports another", "features/other/__init__.py", "import podium.features.exec.report"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(SOURCES, tmp_path / "podium", ignore=shutil.ignore_patterns("__pycache__"))
    config = (ROOT / ".importlinter").read_text()
    (tmp_path / ".importlinter").write_text(config)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports_command as lint; sys.exit(lint())"
    command = [sys.executable, "-c", code, "--no-cache", "--config", str(folder / ".importlinter")]
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return subprocess.run(
        command, check=False, cwd=folder, capture_output=True, text=True, env=environment, timeout=100
    )


def test_contracts_hold(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("what", "module", "line"), PLANTED, ids=[what for what, _, _ in PLANTED])
def test_a_planted_violation_is_caught(copy: Path, what: str, module: str, line: str) -> None:
    path = copy / "podium" / module
    path.parent.mkdir(exist_ok=True)
    text = path.read_text() if path.exists() else ""
    path.write_text(text + f"\n{line}\n")
    if "features/other" in module:
        listed = (copy / ".importlinter").read_text()
        (copy / ".importlinter").write_text(
            listed.replace("    podium.features.exec\n", "    podium.features.exec\n    podium.features.other\n")
        )
    done = lint(copy)
    assert done.returncode != 0, f"{what}: {done.stdout}"
    assert "BROKEN" in done.stdout, done.stdout + done.stderr


def test_every_feature_stands_in_the_contract_of_strangers() -> None:
    features = {path.name for path in (SOURCES / "features").iterdir() if (path / "__init__.py").exists()}
    contract = (ROOT / ".importlinter").read_text().split("features-are-strangers]")[1]
    assert {f"podium.features.{name}" for name in features} <= set(contract.split())


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCES.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def test_only_the_gate_makes_an_admission() -> None:
    makers = [
        path.relative_to(SOURCES).as_posix()
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Admission"
    ]
    assert makers == ["runner/gate.py"]


def test_only_render_prints_in_the_command_line() -> None:
    printers = {
        path.relative_to(SOURCES).as_posix()
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert printers <= {"apps/cli/render.py"}


def test_in_a_feature_only_the_service_is_async() -> None:
    found = [
        path.relative_to(SOURCES).as_posix()
        for path, tree in modules()
        if "features" in path.parts and path.name != "service.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert found == []


def test_modules_functions_and_signatures_stay_small() -> None:
    over = []
    for path, tree in modules():
        name = path.relative_to(SOURCES).as_posix()
        lines = path.read_text().count("\n")
        if lines > 400:
            over.append(f"{name}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                count = len(node.args.args) + len(node.args.kwonlyargs)
                if length > 60 or count > 10:
                    over.append(f"{name}:{node.lineno} {node.name}: {length} lines, {count} parameters")
    assert over == []


def test_no_drawers() -> None:
    banned = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
    assert [path for path, _ in modules() if path.stem in banned] == []


def test_ports_fit_on_a_page() -> None:
    for path in (SOURCES / "ports").glob("*.py"):
        assert path.read_text().count("\n") <= 250, path.name


def test_every_module_named_in_a_docstring_exists() -> None:
    stale = []
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for name in re.findall(
                    r"\b((?:domain|runner|adapters|features|apps)/[\w/]+\.py)", ast.get_docstring(node) or ""
                ):
                    if not (SOURCES / name).exists():
                        stale.append(f"{path.name}: {name}")
    assert stale == []


def test_every_package_states_its_law() -> None:
    silent = [
        path.parent.name for path, tree in modules() if path.name == "__init__.py" and ast.get_docstring(tree) is None
    ]
    assert silent == []


def test_the_public_surface_resolves() -> None:
    import podium

    for name in podium.__all__:
        assert getattr(podium, name) is not None
    with pytest.raises(AttributeError):
        _ = podium.nothing
