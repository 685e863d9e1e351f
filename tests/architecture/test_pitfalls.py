"""Every pitfall has a test named after it, and each says on which clusters it runs."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
EXEC_PITFALLS = {1, 2, 4, *range(6, 12), *range(13, 20), 23, 24, 29, *range(31, 35)}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def pitfall_tests() -> Iterator[tuple[str, int, Function, list[ast.expr]]]:
    """Each test of a pitfall: file, number, its definition, and its marks, its module's among them."""
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        tree = _Constants(tree).visit(tree)
        shared = [mark for node in tree.body if isinstance(node, ast.Assign) for mark in _module_marks(node)]
        for node in ast.walk(tree):
            if isinstance(node, Function):
                found = re.match(r"test_pitfall_(\d+)_", node.name)
                if found:
                    marks = [*node.decorator_list, *shared]
                    yield path.relative_to(TESTS).as_posix(), int(found.group(1)), node, marks


class _Constants(ast.NodeTransformer):
    """Puts a module's constants in the place of their names, so that a reason may be written once for many tests."""

    def __init__(self, tree: ast.Module) -> None:
        self._values = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._values.get(node.id, node) if isinstance(node.ctx, ast.Load) else node


def _module_marks(node: ast.Assign) -> list[ast.expr]:
    if not any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets):
        return []
    return list(node.value.elts) if isinstance(node.value, ast.List) else [node.value]


def clusters_of(node: Function, marks: list[ast.expr]) -> tuple[set[str], str]:
    """The clusters that a test names, and its reason for leaving out the real one."""
    if any("mark.cluster" in ast.unparse(mark) for mark in marks):
        return {"real"}, ""
    for mark in marks:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.on":
            names = {str(value.value) for value in mark.args if isinstance(value, ast.Constant)}
            whys = [str(ast.literal_eval(word.value)) for word in mark.keywords if word.arg == "why"]
            return names, "".join(whys)
    takes_place = any(argument.arg == "place" for argument in node.args.args)
    return ({"sandbox", "real"}, "") if takes_place else (set(), "")


def test_each_names_its_clusters_or_says_why_not() -> None:
    silent = []
    for path, _, node, marks in pitfall_tests():
        clusters, why = clusters_of(node, marks)
        if "real" not in clusters and not why:
            silent.append(f"{path}: {node.name}: needs @pytest.mark.on('sandbox', 'real') or why='...'")
    assert silent == []


def test_every_pitfall_of_exec_is_tested() -> None:
    tested = defaultdict(list)
    for path, number, node, _ in pitfall_tests():
        tested[number].append(f"{path}:{node.name}")
    assert EXEC_PITFALLS - tested.keys() == set()
