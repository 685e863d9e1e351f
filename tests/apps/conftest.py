"""What every test of the command line needs."""

from __future__ import annotations

import pytest

from apps.stages import Terminal


@pytest.fixture
def podium(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Terminal:
    """Runs a command line against a stage, in this process."""
    for name in ("KUBECONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent/config")  # no settings of whoever runs the tests
    return Terminal(monkeypatch, capfdbinary)
