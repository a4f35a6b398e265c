"""The time that a query names in words relative to now: `what broke last week` asks for what was said last week.

Days and months by name are left to memory, which knows in which years there is something. What may be no time at all,
such as `30 days` or `the current month`, is left alone, and so is what stands in quotes or in code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.gateway.arguments.foreign_times import foreign_times
from services.gateway.arguments.time_spans import FIRST, Span, midnight, shift, whole
from services.gateway.arguments.time_words import span_of_words
from services.kit.late_pattern import late_pattern

READ_MAX_CHARS = 1_000
AROUND_WEEKS_DAYS = 3
"""Two weeks ago is said of any day of that week."""

_weekday = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_month = "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_count = (
    r"(?:\d{1,3}|an?|half an?|(?:a )?couple of|(?:a )?few|several|one|two|three|four|five|six|seven|eight|nine|ten"
    "|eleven|twelve)"
)
_unit = "(?:minute|hour|day|week|fortnight|month|quarter|year)s?"
_phrases = (
    "(?:the )?day before yesterday",
    "(?:earlier |later )?today",
    "yesterday(?: morning| afternoon| evening| night)?",
    "last night|tonight",
    "this (?:morning|afternoon|evening)",
    f"(?:last |this )?{_weekday} (?:morning|afternoon|evening|night)",
    "(?:the )?(?:day|week) (?:before|after) (?:christmas|new year(?:'s)?)",
    "(?:the )?first hour after midnight",
    f"(?:earlier |later )?(?:last|past|previous|this) (?:week|weekend|month|quarter|year|{_weekday}|{_month})",
    "(?:the )?(?:week|weekend|month|year) before last",
    f"(?:the |these )?(?:last|past) {_count} {_unit}",
    "the (?:last|past) hour",
    f"(?:about |around )?{_count} {_unit} (?:ago|back)",
    f"on {_weekday}",
    "(?:the )?other day",
    "recently|lately",
)
_edges = "since|after|until|before|from|during|in|over|within|on|by"
_time = late_pattern(
    rf"(?<![\w'\u2019-])(?:(?P<edge>{_edges}) )?(?P<words>{'|'.join(_phrases)})(?:['\u2019]s)?(?![\w'\u2019-])"
    rf"(?! of\b)(?! in (?:{_month}|\d{{4}})\b)",
    re.IGNORECASE,
)
_whole_time = late_pattern(rf"(?:(?P<edge>{_edges}) )?(?P<words>{'|'.join(_phrases)})")
_weeks_ago = late_pattern("(?:week|fortnight)s? (?:ago|back)$")
_verbatim = late_pattern('"[^"]*"|`[^`]*`|\u201c[^\u201d]*\u201d|\u00ab[^\u00bb]*\u00bb')


@dataclass(frozen=True, slots=True)
class QueryTime:
    """The words for the time in a query, the span they mean, and the query without them."""

    words: str
    span: Span
    rest: str
    zone: ZoneInfo

    @property
    def begin(self) -> str:
        """The first minute, in the user's zone."""
        return _readable(self.span.begin, self.zone)

    @property
    def end(self) -> str:
        """The first minute after it, in the user's zone."""
        return _readable(self.span.end, self.zone)


def query_time(query: str, now: datetime, zone: ZoneInfo) -> QueryTime | None:
    """The one time that the query names; None where it names none, or several."""
    if len(query) > READ_MAX_CHARS:
        return None
    named = list(_named_times(without_verbatim(query)))
    if len(named) != 1:
        return None
    (found,) = named
    local = now.astimezone(zone)
    words = found.words
    span = span_of_words(words.removeprefix("the "), local) or _further(words, local)
    if span is None:
        return None
    around = timedelta(days=AROUND_WEEKS_DAYS if _weeks_ago.search(words) else 0)
    here = Span(_local(span.begin, zone) - around, _local(span.end, zone) + around)
    begin, end = _with_edge(found.edge, here, local)
    if begin >= end:  # what comes after today
        return None
    rest = " ".join(f"{query[: found.begin]} {query[found.end :]}".split())
    said = " ".join(query[found.begin : found.end].split())
    return QueryTime(said, Span(begin, end).in_zone(zone), rest, zone)


class _NamedTime(NamedTuple):
    """Where a time stands in a query, with its preposition, and how it is said in English."""

    begin: int
    end: int
    edge: str
    words: str


def _named_times(readable: str) -> Iterator[_NamedTime]:
    """The times that a query names, in whatever language."""
    english = list(_time.finditer(readable))
    for each in english:
        words = " ".join(each["words"].split()).casefold()
        yield _NamedTime(each.start(), each.end(), (each["edge"] or "").casefold(), words)
    for time in foreign_times(readable):
        found = _whole_time.fullmatch(time.english)
        if found and not any(each.start() < time.end and time.begin < each.end() for each in english):
            yield _NamedTime(time.begin, time.end, found["edge"] or "", found["words"])


def without_verbatim(query: str) -> str:
    """The query with spaces in place of what stands in quotes or in code."""
    return _verbatim.sub(lambda found: " " * len(found[0]), query)


def _readable(time: datetime, zone: ZoneInfo) -> str:
    shown = time if time == FIRST else time.astimezone(zone)
    return shown.isoformat(timespec="minutes")


def _local(time: datetime, zone: ZoneInfo) -> datetime:
    """The time in the user's zone; a time without one is there."""
    return time.astimezone(zone) if time.tzinfo else time.replace(tzinfo=zone)


def _with_edge(edge: str, span: Span, now: datetime) -> tuple[datetime, datetime]:
    """The span as its preposition means it; whole days at least, so that the same query is the same for a day."""
    tomorrow = shift(midnight(now), 1, "day")
    begin, end = midnight(span.begin), span.end if span.end > span.begin else shift(midnight(span.begin), 1, "day")
    if end - span.begin < timedelta(days=1):
        begin = span.begin.replace(minute=0, second=0, microsecond=0)
    end = tomorrow if end >= now else end
    if edge in {"since", "after"}:
        return begin if edge == "since" else end, tomorrow
    if edge in {"until", "before"}:
        return FIRST, end if edge == "until" else begin
    return begin, end


def _further(words: str, now: datetime) -> Span | None:
    """What the table of times does not have."""
    if words.removeprefix("the ") == "day before yesterday":
        return whole(now, "day", -2)
    if words in {"today", "yesterday", "earlier today", "later today"}:
        return whole(now, "day", -(words == "yesterday"))
    return None
