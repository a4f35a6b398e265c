"""Two kills under load, ten in `make test-all`; `make torture` does a hundred. And the torture notices what is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.run import Torture


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_in_two_kills(data: Path) -> None:
    torture = Torture(data, seed=6)
    for _ in range(2):
        await torture.round()
    assert torture.counts.clean, str(torture.counts)
    assert torture.counts.verified >= torture.counts.acknowledged // 2


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_in_ten_kills(data: Path) -> None:
    torture = Torture(data, seed=7)
    for _ in range(10):
        await torture.round()
    assert torture.counts.clean, str(torture.counts)
    assert torture.counts.verified >= torture.counts.acknowledged // 2


@pytest.mark.slow
async def test_the_torture_notices_a_store_that_forgets(data: Path) -> None:
    torture = Torture(data, seed=8)
    while torture.counts.acknowledged < 10:  # some of it the next round may delete
        await torture.round()
    for path in (data / "memory").glob("memory.duckdb*"):
        path.unlink()
    await torture.round()
    assert torture.counts.lost > 0
