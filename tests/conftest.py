"""What all tests share: the `on` marker, which says on which clusters a test runs, and the table of pitfalls."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Generator

import pytest
from hypothesis import settings

from support.places import REAL, SANDBOX, WIRES

# Machines are shared and slow at times: an example's duration proves nothing.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

_PITFALL = re.compile(r"test_pitfall_(\d+)_")


@pytest.fixture(scope="session", autouse=True)
def _state_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """Runs and trails of tests are not kept among the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PODIUM_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "on(*clusters, why='', only=()): clusters a test runs on (sandbox, real); without real, `why` says so; "
        "`only` narrows to places (real-a, real-b)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `place` runs once in each place that its `on` marker names; without a marker in all."""
    if "place" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("on")
    clusters = (SANDBOX, REAL) if marker is None else marker.args
    only = () if marker is None else marker.kwargs.get("only", ())
    places = [
        pytest.param(name, marks=[pytest.mark.cluster] if kind == REAL else [], id=name)
        for name, kind in WIRES.items()
        if kind in clusters and (not only or name in only or kind == SANDBOX)
    ]
    metafunc.parametrize("place", places, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    found = _PITFALL.search(item.name)
    if found is not None and report.when == "call":
        where = re.search(r"\[(?:.*-)?(sandbox|real-a|real-b)\b", item.name)
        column = where.group(1) if where else ("real" if item.get_closest_marker("cluster") else "alone")
        report.user_properties.append(("pitfall", f"{found.group(1)} {column}"))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of pitfalls x clusters."""
    table: dict[tuple[int, str], list[str]] = defaultdict(list)
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for key, value in getattr(report, "user_properties", []):
                if key == "pitfall":
                    number, column = value.split()
                    table[int(number), column].append(outcome)
    if not table:
        return
    columns = ("alone", *WIRES, "real")
    terminalreporter.section("pitfalls (tests passed; ! failed)")
    terminalreporter.line("      " + "".join(f"{column:>10}" for column in columns))
    for number in sorted({number for number, _ in table}):
        cells = [_cell(table.get((number, column), [])) for column in columns]
        terminalreporter.line(f"{number:>6}" + "".join(f"{cell:>10}" for cell in cells))


def _cell(outcomes: list[str]) -> str:
    if not outcomes:
        return "·"
    return "!" if "failed" in outcomes else str(outcomes.count("passed"))
