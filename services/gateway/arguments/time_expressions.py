"""Parses times as people and models write them: ISO 8601, or words such as `yesterday`, `last week`, `in March`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from services.gateway.arguments.foreign_times import in_english, with_digits
from services.gateway.arguments.time_spans import Span, month_of, shift, whole
from services.gateway.arguments.time_words import COUNTS, any_of, span_of_words, without_leading
from services.kit import iso8601
from services.kit.errors import InvalidInput

if TYPE_CHECKING:
    from dateparser.date import DateDataParser

__all__ = ["Span", "local_zone", "moment", "span", "timestamp"]

words_max_chars = 100
languages = ("en", "de", "fr", "es", "it", "pt", "nl", "ru", "zh", "ja", "ko")
_example = "Send one such as 2026-03-01T09:30:00+01:00."
_words_example = "Send ISO 8601, or words such as yesterday, last week, 3 days ago, in March."
_day = re.compile(r"\d{4}-?\d{2}-?\d{2}|\d{4}-?W\d{2}-?\d", re.IGNORECASE)
_week = re.compile(r"\d{4}-?W\d{2}", re.IGNORECASE)
_month = re.compile(r"(\d{4})[-/](0?[1-9]|1[0-2])")
_year = re.compile(r"(?:(?:in|since|until|the|year|before|after|from) )*(\d{4})", re.IGNORECASE)
_ordinal_day = re.compile(r"(\d{4})-([0-3]\d{2})")
_seconds = re.compile(r"\d{10}(?:\.\d{1,9})?")
_milliseconds = re.compile(r"\d{13}")
_no_time = re.compile(rf"\W*\d*\W*|\d{{4}}[-/.]\d{{1,2}}|{any_of(COUNTS)}", re.IGNORECASE)
_parts_of_day = {"part_of_day": 6, "time": 0}


def moment(text: str | None, name: str = "timestamp") -> Timestamp:
    """ISO 8601 with an offset as a protobuf time; now for None. InvalidInput, which names `name`, for anything else."""
    if text is None:
        time = Timestamp()
        time.GetCurrentTime()
        return time
    try:
        parsed = iso8601.parse(text.strip())
    except (ValueError, AttributeError) as error:  # a body may contain a number here
        raise InvalidInput(f"{name} is not ISO 8601.", _example) from error
    if parsed.tzinfo is None:
        raise InvalidInput(f"{name} has no offset.", _example)
    return timestamp(parsed, name)


def timestamp(time: datetime, name: str = "timestamp") -> Timestamp:
    """The time as protobuf; InvalidInput for a year outside its range."""
    made = Timestamp()
    try:
        made.FromDatetime(time.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{name} is out of range.", _example) from error
    return made


def span(text: str, now: datetime, zone: ZoneInfo, name: str = "time") -> Span:
    """The time span that `text` names in the time zone, relative to `now`: `yesterday` is a day, `in March` a month.

    Weeks begin on Monday. An ambiguous time is taken as past. Times beyond the calendar's end become its end. Raises
    InvalidInput, which names `name` but not the text, if the text is not a time.

    """
    text = " ".join(text.split())
    if len(text) > words_max_chars:
        raise InvalidInput(f"{name} is too long for a time.", _words_example)
    local = now.astimezone(zone)
    try:
        found = _numeric(text) or span_of_words(text, local) or _foreign(text, local)
        found = found or _parse_with_dateparser(with_digits(text), local)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{name} is not a time that Segue understands.", _words_example) from error
    return found.in_zone(zone)


def _numeric(text: str) -> Span | None:
    """A time written in digits: a year, a month, the day of a year, seconds since 1970, or ISO 8601."""
    for pattern, meaning in _figures:
        if found := pattern.fullmatch(text):
            return meaning(found)
    try:
        time = iso8601.parse(text)
    except ValueError:
        return None
    for pattern, unit in ((_day, "day"), (_week, "week")):
        if pattern.fullmatch(text):
            return whole(time, unit)
    return Span(time, time)


def _foreign(text: str, now: datetime) -> Span | None:
    english = in_english(text)
    return span_of_words(english, now) or _parse_with_dateparser(english, now) if english else None


def _january(year: str) -> datetime:
    return month_of(int(year), 1).begin


def _since_1970(seconds: float) -> Span:
    time = datetime.fromtimestamp(seconds, UTC)
    return Span(time, time)


_figures: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Span]], ...] = (
    (_year, lambda found: whole(_january(found[1]), "year")),
    (_month, lambda found: month_of(int(found[1]), int(found[2]))),
    (_ordinal_day, lambda found: whole(shift(_january(found[1]), int(found[2]) - 1, "day"), "day")),
    (_seconds, lambda found: _since_1970(float(found[0]))),
    (_milliseconds, lambda found: _since_1970(float(found[0]) / 1000)),
)


def _parse_with_dateparser(text: str, now: datetime) -> Span:
    """The time as dateparser reads it; ValueError if it cannot."""
    plain = without_leading(text)
    if _no_time.fullmatch(plain):
        raise ValueError("a number alone is not a time")  # dateparser would read it as a month
    settings = {
        "RELATIVE_BASE": now.replace(tzinfo=None),
        "PREFER_DATES_FROM": "past",
        "RETURN_TIME_AS_PERIOD": True,
    }
    found = _parser(settings).get_date_data(plain)
    if found.date_obj is None:
        raise ValueError("no time")
    return _period(found.date_obj, found.period or "day")


def _parser(settings: dict[str, object]) -> DateDataParser:
    from dateparser.date import DateDataParser  # it loads its tables when imported

    return DateDataParser(languages=list(languages), settings=settings)


def _period(time: datetime, period: str) -> Span:
    if period in _parts_of_day:
        return Span(time, shift(time, _parts_of_day[period], "hour"))
    return whole(time, period if period in {"week", "month", "year"} else "day")


@cache
def local_zone() -> ZoneInfo:
    """This machine's time zone."""
    from tzlocal import get_localzone

    return get_localzone()
