"""Times as people write them, read in their time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.gateway.config import GatewaySettings
from services.gateway.moments import moment, span
from services.kit.errors import InvalidInput

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)  # the 26th, a Thursday, half past midnight in Berlin

SPANS = {
    "yesterday": ("2026-11-25", "2026-11-26"),
    "today": ("2026-11-26", "2026-11-27"),
    "last week": ("2026-11-16", "2026-11-23"),
    "this week": ("2026-11-23", "2026-11-30"),
    "in March": ("2026-03-01", "2026-04-01"),
    "December": ("2025-12-01", "2026-01-01"),
    "since March 2024": ("2024-03-01", "2024-04-01"),
    "last month": ("2026-10-01", "2026-11-01"),
    "2025": ("2025-01-01", "2026-01-01"),
    "the past 3 days": ("2026-11-23", "2026-11-24"),
    "gestern": ("2026-11-25", "2026-11-26"),
    "2026-03-01": ("2026-03-01", "2026-03-02"),
}


@pytest.mark.parametrize(("words", "expected"), SPANS.items())
def test_words_name_a_stretch_of_the_users_days(words: str, expected: tuple[str, str]) -> None:
    meant = span(words, NOW, BERLIN)
    assert (meant.begin, meant.end) == tuple(datetime.fromisoformat(day).replace(tzinfo=BERLIN) for day in expected)


def test_a_moment_is_no_stretch() -> None:
    meant = span("2026-03-01T09:30:00+01:00", NOW, ZoneInfo("UTC"))
    assert meant.begin == meant.end == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert span("2 hours ago", NOW, BERLIN).begin == datetime(2026, 11, 25, 21, 30, tzinfo=UTC)


@pytest.mark.parametrize("words", ["", "foo", "🦑", "9" * 50, "x" * 101, "99999-01-01", "'; DROP TABLE x"])
def test_what_is_no_time_is_refused(words: str) -> None:
    with pytest.raises(InvalidInput):
        span(words, NOW, BERLIN)


@pytest.mark.parametrize("text", ["yesterday", "2026-03-01T09:30:00", "0001-01-01T00:00:00+14:00", ""])
def test_a_timestamp_is_iso_8601_with_an_offset(text: str) -> None:
    with pytest.raises(InvalidInput):
        moment(text)


def test_an_unknown_time_zone_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="Nowhere"):
        GatewaySettings(time_zone="Europe/Nowhere")
