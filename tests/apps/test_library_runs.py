"""The library keeps runs too, and goes on with them."""

from __future__ import annotations

from pathlib import Path

import pytest

import podium
from apps.test_program import serving


async def test_a_run_of_the_library_is_kept_and_resumed(tmp_path: Path) -> None:
    with serving(tmp_path / "kubeconfig", "--pods", "12"):
        settings = podium.Connect(kubeconfig=str(tmp_path / "kubeconfig"), state_dir=str(tmp_path / "state"))
        async with podium.connect(settings=settings) as fleet:
            begun = aiter(fleet.exec(["hostname"], "*", everywhere=True, pace=podium.Pace(concurrency=2)))
            await anext(begun)
            await begun.aclose()
        async with podium.connect(settings=settings) as fleet:
            (head,) = fleet.runs
            assert (head.is_live, head.ended) == (False, None)
            with pytest.raises(podium.UsageError, match="another command"):
                fleet.resume("last", ["rm", "-rf", "/"])
            run = fleet.resume("last", ["hostname"], idempotent=True)
            ends = [end async for end in run]
            assert run.report.counts == {"succeeded": 12}
            assert 0 < len(ends) < 12, "what ended before stays"
            assert fleet.runs[0].exit_status == 0
