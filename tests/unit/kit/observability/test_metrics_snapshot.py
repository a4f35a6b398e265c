"""What a process measured is read once for all services in it that are asked at the same time."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.observability import metrics_snapshot
from services.kit.observability.metrics_snapshot import Figures


async def test_who_asks_at_the_same_time_gets_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def totals() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        read.append(1)
        return {("calls", ()): float(len(read))}

    monkeypatch.setattr(metrics_snapshot, "totals", totals)
    figures = Figures()
    answers = await asyncio.gather(*(figures.now() for _ in range(4)))
    assert [series[0].value for _, series in answers] == [1.0] * 4
    _, series = await figures.now()
    assert series[0].value == 2.0
