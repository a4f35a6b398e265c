"""The history of scores: points of other rules are kept, and not compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from services.quality.domain.trend import Point, under_latest_rules
from services.quality.storage.history import open_history
from services.quality.storage.schema import MIGRATIONS

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
POINT = Point(MARCH, 80.0, operation_id="a", rules=2)


async def test_points_of_an_earlier_schema_have_the_first_rules(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "quality.duckdb") as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        connection.execute(MIGRATIONS[0])
        connection.execute("INSERT INTO schema_version VALUES (1)")
        values = ["ada", "shop", "old", MARCH - timedelta(days=1), "check", 40.0, 40.0, 100.0, 100.0, 0.5, ""]
        connection.execute("INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    async with open_history(tmp_path / "quality.duckdb") as history:
        first = await history.record("ada", "shop", POINT)
        points = await history.points("ada", "shop", 10)
    assert [(each.overall, each.rules) for each in points] == [(40.0, 1), (80.0, 2)]
    assert (first.delta, list(first.events)) == (None, [])
    assert [each.overall for each in under_latest_rules(points)] == [80.0]


async def test_points_of_the_same_rules_are_compared(tmp_path: Path) -> None:
    async with open_history(tmp_path / "quality.duckdb") as history:
        await history.record("ada", "shop", POINT)
        later = replace(POINT, overall=85.0, operation_id="b", timestamp=MARCH + timedelta(days=1))
        recorded = await history.record("ada", "shop", later)
    assert recorded.delta == 5.0


async def test_a_point_is_told_to_others_once_and_without_its_summary(tmp_path: Path) -> None:
    point = replace(POINT, summary="the otter swims", commit="a" * 40)
    async with open_history(tmp_path / "quality.duckdb", events_max=10) as history:
        await history.record("ada", "shop", point)
        await history.record("ada", "shop", point)  # the same again
        ((number, event),) = (await history.take(10)).events
        await history.settle(number)
        assert not (await history.take(10)).events
    assert (event.subject, event.user) == ("quality.recorded", "ada")
    assert event.data["quality"] == 80.0
    assert event.data["operation_id"] == "a"
    assert "otter" not in event.text()
    assert "shop" not in event.text()
