"""The trend of a project's scores: slope with its confidence, forecast, crossings of thresholds. Pure.

Continuing the slope is a worse forecast than "no change", and so is every average that was tried (`make bench` prints
some), so no change is what is expected; what is forecast is the interval around it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import linear_regression
from typing import Literal

points_min = 4
"""With fewer points an interval is meaningless: a line through three has one degree of freedom."""
span_min = timedelta(hours=1)
forecast_ahead = timedelta(days=7)
forecast_ahead_max = timedelta(days=28)
"""A score that was measured later than this says nothing of the next week."""
forecast_days_max = 50
forecast_changes_min = 10
forecast_confidence = 0.8
THRESHOLDS = (50.0, 70.0, 90.0)
_DAY_S = 86_400.0
# Two-sided 95 % quantiles of Student's t by degrees of freedom, from 1; beyond them the normal distribution is close.
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_normal95 = 1.960

Direction = Literal["rising", "falling", "steady", "unknown"]


@dataclass(frozen=True, slots=True)
class Point:
    """A score at a time; `commit` is empty outside of a repository. `summary` says of how much it is, and what next."""

    timestamp: datetime
    overall: float
    health: float = 0.0
    permissions: float = 0.0
    tools: float = 0.0
    coverage: float = 0.0
    commit: str = ""
    kind: str = "check"
    operation_id: str = ""
    rules: int = 1
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Crossing:
    """The overall score rose above or fell below a threshold; a score equal to it counts as above."""

    threshold: float
    direction: Literal["above", "below"]
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected score, and the interval in which it will be four times out of five; within 0 and 100."""

    timestamp: datetime
    overall: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Trend:
    """Points per day, with the 95 % confidence interval; `unknown` if it cannot be determined."""

    direction: Direction = "unknown"
    slope_per_day: float = 0.0
    low: float | None = None
    high: float | None = None


def under_latest_rules(points: Sequence[Point]) -> list[Point]:
    """The points that the latest rules scored: others do not compare with them."""
    return [each for each in points if each.rules == points[-1].rules]


def trend(points: Sequence[Point]) -> Trend:
    """Ordinary least squares; rises or falls only if the interval excludes zero."""
    if len(points) < points_min or points[-1].timestamp - points[0].timestamp < span_min:
        return Trend()
    began = points[0].timestamp
    days = [(point.timestamp - began).total_seconds() / _DAY_S for point in points]
    scores = [point.overall for point in points]
    slope, intercept = linear_regression(days, scores)
    mean = math.fsum(days) / len(days)
    spread = math.fsum((day - mean) ** 2 for day in days)
    residual = math.fsum((score - intercept - slope * day) ** 2 for day, score in zip(days, scores, strict=True))
    freedom = len(points) - 2
    deviation = math.sqrt(residual / freedom)
    quantile = _T95[freedom - 1] if freedom <= len(_T95) else _normal95
    margin = quantile * deviation / math.sqrt(spread)
    low, high = slope - margin, slope + margin
    return Trend(_direction(low, high), round(slope, 4), round(low, 4), round(high, 4))


def forecast(points: Sequence[Point]) -> Forecast | None:
    """The score a week after the last point; None with fewer than `forecast_changes_min` changes over a week.

    The interval is that of split conformal prediction (Vovk et al. 2005): the change that ceil(0.8 (n + 1)) of the n
    changes over about a week did not exceed, up or down, among the last scores of the last `forecast_days_max` days on
    which there was one.
    """
    daily = list({point.timestamp.date(): point for point in points}.values())[-forecast_days_max:]
    changes = sorted(abs(after.overall - before.overall) for before, after in _weeks(daily))
    if len(changes) < forecast_changes_min:
        return None
    margin = changes[math.ceil(forecast_confidence * (len(changes) + 1)) - 1]
    last = daily[-1]
    low, high = _score(last.overall - margin), _score(last.overall + margin)
    return Forecast(last.timestamp + forecast_ahead, last.overall, low, high)


def _weeks(points: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    """Each point with the first one that is a week later, or somewhat more."""
    for before in points:
        wanted = before.timestamp + forecast_ahead
        place = bisect_left(points, wanted, key=lambda each: each.timestamp)
        if place < len(points) and points[place].timestamp <= before.timestamp + forecast_ahead_max:
            yield before, points[place]


def _direction(low: float, high: float) -> Direction:
    tiny = 1e-9  # rounding errors of a level line
    return "rising" if low > tiny else "falling" if high < -tiny else "steady"


def _score(value: float) -> float:
    return round(min(100.0, max(0.0, value)), 2)


def crossings(points: Sequence[Point]) -> list[Crossing]:
    """Every threshold crossed between consecutive points, in order."""
    found: list[Crossing] = []
    for before, after in pairwise(points):
        for threshold in THRESHOLDS:
            if before.overall < threshold <= after.overall:
                found.append(Crossing(threshold, "above", after.timestamp))
            elif after.overall < threshold <= before.overall:
                found.append(Crossing(threshold, "below", after.timestamp))
    return found
