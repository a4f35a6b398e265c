"""Times are read in the viewer's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.gateway.page.display.time_display import ago, clock, day, duration, midnight, span_of_day

BERLIN, AUCKLAND = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Auckland")


def test_the_hour_alone_is_today() -> None:
    now = datetime.now(BERLIN)
    assert f">{now:%H:%M}</time>" in str(clock(now.astimezone(UTC).isoformat(), BERLIN))


def test_another_day_is_named_and_another_year_too() -> None:
    yesterday = datetime.now(AUCKLAND) - timedelta(days=1)
    assert day(yesterday.isoformat(), AUCKLAND) == "Yesterday"
    assert ">Mon 4 Mar 2019, 09:30</time>" in str(clock("2019-03-04T08:30:00+00:00", BERLIN))
    assert str(ago(None, BERLIN)) == "<span class=none>never</span>"


def test_a_day_of_a_form_is_one_of_the_zone_also_when_the_clock_changes() -> None:
    assert span_of_day("2026-03-29", BERLIN, is_end=False) == "2026-03-29T00:00:00+01:00"
    assert span_of_day("2026-03-29", BERLIN, is_end=True) == "2026-03-29T23:59:59.999999+02:00"
    assert span_of_day("last week", BERLIN, is_end=True) == "last week"
    assert midnight(AUCKLAND).utcoffset() is not None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7_200, "2 hours ago"),
        (86_400, "1 day ago"),
        (40 * 86_400, "1 month ago"),
        (-7_300, "in 2 hours"),
        (800 * 86_400, "2 years ago"),
    ],
)
def test_how_long_ago_is_said_in_the_largest_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words
