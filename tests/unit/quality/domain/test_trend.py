"""Where scores are heading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.quality.domain.trend import Point, crossings, trend

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def points(*scores: float, every: timedelta = timedelta(days=1)) -> list[Point]:
    return [Point(BEGAN + number * every, score) for number, score in enumerate(scores)]


def test_a_steady_rise_rises_and_is_forecast_to_go_on() -> None:
    found = trend(points(50, 52, 54, 56, 58))
    assert found.direction == "rising"
    assert found.slope_per_day == pytest.approx(2)
    assert found.forecast is not None
    assert found.forecast.overall == pytest.approx(66)
    assert found.forecast.timestamp == BEGAN + timedelta(days=8)


def test_a_fall_falls() -> None:
    assert trend(points(80, 71, 59, 52, 40)).direction == "falling"


@pytest.mark.parametrize("scores", [(50, 50, 50, 50), (50, 60, 48, 57, 51, 55)])
def test_what_only_wavers_is_steady(scores: tuple[float, ...]) -> None:
    assert trend(points(*scores)).direction == "steady"


def test_the_interval_is_that_of_ordinary_least_squares() -> None:
    # the reference: scipy.stats.linregress with t.ppf(0.975, 3)
    found = trend(points(50, 53, 52, 57, 58))
    assert found.slope_per_day == pytest.approx(2.0)
    assert found.low == pytest.approx(0.5768, abs=0.001)
    assert found.high == pytest.approx(3.4232, abs=0.001)


@pytest.mark.parametrize("scores", [(), (50,), (50, 60, 70)])
def test_few_points_are_no_trend(scores: tuple[float, ...]) -> None:
    assert trend(points(*scores)).direction == "unknown"
    assert trend(points(*scores)).forecast is None


def test_points_within_minutes_are_no_trend() -> None:
    assert trend(points(10, 20, 30, 40, every=timedelta(minutes=1))).direction == "unknown"


def test_a_forecast_stays_between_0_and_100_and_looks_no_further_ahead_than_was_looked_back() -> None:
    found = trend(points(70, 80, 90, 99, every=timedelta(hours=6))).forecast
    assert found is not None
    assert found.overall == 100
    assert 0 <= found.low <= found.high <= 100
    assert found.timestamp == BEGAN + timedelta(hours=36)


def test_crossing_a_threshold_is_told_once_each_way() -> None:
    found = crossings(points(40, 75, 71, 69, 69.9, 70))
    assert [(each.threshold, each.direction) for each in found] == [
        (50, "above"), (70, "above"), (70, "below"), (70, "above")
    ]  # fmt: skip


def test_the_first_point_crosses_nothing() -> None:
    assert crossings(points(95)) == []
