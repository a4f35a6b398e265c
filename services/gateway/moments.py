"""Moments as people and models write them: ISO 8601, or words such as `yesterday`, `last week`, `in March`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.errors import InvalidInput

if TYPE_CHECKING:
    from dateparser.date import DateDataParser

words_max_chars = 100
languages = ("en", "de", "fr", "es", "it", "pt", "nl", "ru", "zh", "ja", "ko")
_example = "Send one such as 2026-03-01T09:30:00+01:00."
_words_example = "Send ISO 8601, or words such as yesterday, last week, 3 days ago, in March."
_date = re.compile(r"\d{4}-\d{2}-\d{2}")
_leading = re.compile(r"^(?:since|until|before|after|on|from|in|the)\s+", re.IGNORECASE)
_past = re.compile(
    r"^(?:last|past)\s+((?:\d+|a|an|one|two|three|four|five|six|seven|eight|nine|ten|twelve)\s+\w+)$", re.IGNORECASE
)
_parts_of_day = {"part_of_day": timedelta(hours=6), "time": timedelta(0)}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time: `begin` inclusive, `end` exclusive; the same twice for a moment."""

    begin: datetime
    end: datetime


def moment(text: str | None, name: str = "timestamp") -> Timestamp:
    """ISO 8601 with an offset as a protobuf time; now for None. InvalidInput, by the argument's `name`, for else."""
    if text is None:
        time = Timestamp()
        time.GetCurrentTime()
        return time
    try:
        parsed = datetime.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"{name} is not ISO 8601.", _example) from error
    if parsed.tzinfo is None:
        raise InvalidInput(f"{name} has no offset.", _example)
    return timestamp(parsed, name)


def timestamp(time: datetime, name: str = "timestamp") -> Timestamp:
    """As a protobuf time; InvalidInput for a year that it cannot have."""
    made = Timestamp()
    try:
        made.FromDatetime(time.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{name} is out of range.", _example) from error
    return made


def span(text: str, now: datetime, zone: ZoneInfo, name: str = "time") -> Span:
    """The stretch that `text` names in the time zone, seen from `now`: a day for `yesterday`, a month for `in March`.

    Weeks begin on Monday. What could be past or future is past.
    """
    text = text.strip()
    if len(text) > words_max_chars:
        raise InvalidInput(f"{name} is too long for a time.", _words_example)
    try:
        return _iso(text, zone)
    except ValueError:
        return _worded(text, now.astimezone(zone), zone, name)


def _iso(text: str, zone: ZoneInfo) -> Span:
    parsed = datetime.fromisoformat(text)
    begin = parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
    return Span(begin, begin + timedelta(days=1)) if _date.fullmatch(text) else Span(begin, begin)


def _worded(text: str, now: datetime, zone: ZoneInfo, name: str) -> Span:
    plain = _leading.sub("", _leading.sub("", text))
    plain = _past.sub(r"\1 ago", plain)
    settings = {
        "RELATIVE_BASE": now.replace(tzinfo=None),
        "PREFER_DATES_FROM": "past",
        "RETURN_TIME_AS_PERIOD": True,
    }
    try:
        found = _parser(settings).get_date_data(plain)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{name} is no time that Segue understands.", _words_example) from error
    if found.date_obj is None:
        raise InvalidInput(f"{name} is no time that Segue understands.", _words_example)
    return _period(found.date_obj.replace(tzinfo=zone), found.period or "day")


def _parser(settings: dict[str, object]) -> DateDataParser:
    from dateparser.date import DateDataParser  # it reads its tables when it is imported

    return DateDataParser(languages=list(languages), settings=settings)


def _period(time: datetime, period: str) -> Span:
    if period in _parts_of_day:
        return Span(time, time + _parts_of_day[period])
    day = time.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "week":
        monday = day - timedelta(days=day.weekday())
        return Span(monday, monday + timedelta(days=7))
    if period == "month":
        first = day.replace(day=1)
        return Span(first, (first + timedelta(days=32)).replace(day=1))
    if period == "year":
        return Span(day.replace(month=1, day=1), day.replace(year=day.year + 1, month=1, day=1))
    return Span(day, day + timedelta(days=1))


@cache
def local_zone() -> ZoneInfo:
    """This machine's time zone."""
    from tzlocal import get_localzone

    return get_localzone()
