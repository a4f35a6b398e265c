"""Where scores are heading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.quality.domain.trend import Point, crossings, forecast, trend

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def points(*scores: float, every: timedelta = timedelta(days=1)) -> list[Point]:
    return [Point(BEGAN + number * every, score) for number, score in enumerate(scores)]


def test_a_steady_rise_rises() -> None:
    found = trend(points(50, 52, 54, 56, 58))
    assert found.direction == "rising"
    assert found.slope_per_day == pytest.approx(2)


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


def test_points_within_minutes_are_no_trend() -> None:
    assert trend(points(10, 20, 30, 40, every=timedelta(minutes=1))).direction == "unknown"


def test_no_change_is_expected_within_what_four_of_five_weeks_did_not_exceed() -> None:
    # over a week the ten points that have one changed by 1, 2, … 10; the ninth counts, as 0.8 of 11 is 8.8
    scores = [*[50] * 7, *range(51, 58), 51 + 8, 52 + 9, 53 + 10]
    found = forecast(points(*scores))
    assert found is not None
    assert found.timestamp == BEGAN + timedelta(days=16 + 7)
    assert (found.low, found.overall, found.high) == (54, 63, 72)


def test_a_forecast_goes_by_the_last_score_of_each_day() -> None:
    calm = points(*[70] * 30)
    noisy = [Point(each.timestamp - timedelta(hours=number), 10 * number) for each in calm for number in (3, 2, 1)]
    assert forecast(sorted([*calm, *noisy], key=lambda each: each.timestamp)) == forecast(calm)


def test_a_forecast_stays_between_0_and_100() -> None:
    found = forecast(points(*[0, 100] * 30))
    assert found is not None
    assert (found.low, found.high) == (0, 100)


@pytest.mark.parametrize("made", [points(), points(*[50] * 16), points(*[50] * 40, every=timedelta(days=40))])
def test_too_few_weeks_are_no_forecast(made: list[Point]) -> None:
    assert forecast(made) is None


def test_crossing_a_threshold_is_told_once_each_way() -> None:
    found = crossings(points(40, 75, 71, 69, 69.9, 70))
    assert [(each.threshold, each.direction) for each in found] == [
        (50, "above"), (70, "above"), (70, "below"), (70, "above")
    ]  # fmt: skip


def test_the_first_point_crosses_nothing() -> None:
    assert crossings(points(95)) == []
