"""English words for times that dateparser does not know or misreads: a table of patterns.

Rolling spans (`past week`, `last 3 days`) end now and begin at midnight; `last week` is the calendar week. A number
with a unit (`7d`, `1w`, `3 days ago`) is a day; for months the whole month, for hours a moment. `recently` is two
weeks, `the other day` one, `a couple` 2, `a few` 3, `several` 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from services.gateway.arguments.time_spans import (
    FIRST,
    LAST,
    MONTHS_OF,
    STEP_OF,
    Span,
    before,
    midnight,
    month_of,
    part,
    rolling,
    shift,
    weekend,
    whole,
)
from services.kit.late_pattern import late_pattern

_spelled = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
COUNTS: Mapping[str, float] = {
    **{word: number for number, word in enumerate(_spelled, 1)},
    **dict.fromkeys(("half", "half a", "half an"), 0.5),
    **dict.fromkeys(("a", "an"), 1),
    **dict.fromkeys(("a couple of", "a couple", "couple of", "couple"), 2),
    **dict.fromkeys(("a few", "few"), 3),
    "several": 5,
}
_units: Mapping[str, str] = {
    **dict.fromkeys(("minute", "minutes", "min", "mins", "m"), "minute"),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), "hour"),
    **dict.fromkeys(("day", "days", "d"), "day"),
    **dict.fromkeys(("week", "weeks", "wk", "wks", "w"), "week"),
    **dict.fromkeys(("fortnight", "fortnights"), "fortnight"),
    **dict.fromkeys(("month", "months", "mo", "mos"), "month"),
    **dict.fromkeys(("quarter", "quarters"), "quarter"),
    **dict.fromkeys(("year", "years", "yr", "yrs", "y"), "year"),
}
_weekdays = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_months = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_day_numbers = {name[:size]: number for number, name in enumerate(_weekdays) for size in (3, 4, 5, len(name))}
_month_numbers = {name[:size]: number for number, name in enumerate(_months, 1) for size in (3, 4, len(name))}
_ordinals = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}
_thirds = {"early": 0, "mid": 1, "middle": 1, "late": 2}
_parts_of_day = {"morning": (5, 12), "afternoon": (12, 18), "evening": (17, 24), "night": (18, 30)}
"""Hours of the day; a night ends in the morning."""
_holidays: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("christmas", "christmas day"), (12, 25)),
    **dict.fromkeys(("new year", "new year's", "new year's day"), (1, 1)),
    "christmas eve": (12, 24),
    "boxing day": (12, 26),
    "new year's eve": (12, 31),
    "halloween": (10, 31),
    "valentine's day": (2, 14),
}
_turns = {"last": -1, "past": -1, "previous": -1, "prior": -1, "this": 0, "current": 0, "next": 1, "coming": 1}


def any_of(names: Mapping[str, Any]) -> str:
    """A pattern that matches any of the names."""
    return f"(?:{'|'.join(sorted(map(re.escape, names), key=len, reverse=True))})"


_count = rf"(?P<count>\d{{1,9}}(?:\.\d{{1,3}})? ?|{any_of(COUNTS)} )"
_unit = rf"(?P<unit>{any_of(_units)})"
_turn = rf"(?P<turn>{any_of(_turns)})"
_weekday = rf"(?P<weekday>{any_of(_day_numbers)})"
_month = rf"(?P<month>{any_of(_month_numbers)})"
_about = "(?:about |around |roughly |some |almost |nearly |over |more than )?"
_of_year = r"(?: ?(?:of |in )?(?:(?P<year>\d{4})|(?P<turn>last|this) year))?"
_edges = "(?P<edge>start|beginning|begin|end|first day|last day)"
_leading = late_pattern(
    r"(?:(?:since|until|till|before|after|on|from|in(?! \d{1,3} )|within|during|over|at|as of|by"
    r"|up to|through|prior to|the|this(?= past)) )*"
)


def span_of_words(text: str, now: datetime) -> Span | None:
    """The span that the words name, relative to `now`, which is local; None if no pattern matches."""
    plain = re.sub(r"'(\d\d)$", r"20\1", " ".join(text.casefold().replace("-", " ").split()))
    return _span_of_phrase(plain, now) or _span_of_phrase(without_leading(plain), now)


def without_leading(plain: str) -> str:
    """Words for a time without leading prepositions and articles: `since`, `on the`."""
    return _leading.sub("", plain, count=1)


def _span_of_phrase(plain: str, now: datetime) -> Span | None:
    for pattern, meaning in _table:
        if found := pattern.fullmatch(plain):
            return meaning(found, now)
    return None


def _number(found: re.Match[str]) -> float:
    count = (found["count"] or "a").strip()
    return COUNTS[count] if count in COUNTS else float(count)


def _ago(found: re.Match[str], now: datetime) -> Span | None:
    count, unit = _number(found), _units[found["unit"]]
    if unit == "year" and count % 1:
        count, unit = count * 12, "month"
    return before(now, count, unit) if unit in STEP_OF or count == int(count) else None


def _ahead(found: re.Match[str], now: datetime) -> Span:
    return before(now, -_number(found), _units[found["unit"]])


def _rolling(found: re.Match[str], now: datetime) -> Span:
    return rolling(now, _number(found), _units[found["unit"]])


def _calendar(found: re.Match[str], now: datetime) -> Span:
    return whole(now, found["unit"], _turns[found["turn"]])


def _before_last(found: re.Match[str], now: datetime) -> Span:
    return weekend(now, -2) if found["unit"] == "weekend" else whole(now, found["unit"], -2)


def _weekend(found: re.Match[str], now: datetime) -> Span:
    """Without `last`, `this` or `next`, the latest that has begun."""
    return weekend(now, _turns[found["turn"].strip()] if found["turn"] else -(now.weekday() < 5))


def _day(found: re.Match[str], now: datetime) -> Span:
    """The latest of that name, today included; `last` excludes today, `this` is in this week, `next` is to come."""
    number, turn = _day_numbers[found["weekday"]], _turns.get((found["turn"] or "").strip())
    back = (now.weekday() - number) % 7
    if turn == 0:
        return whole(shift(whole(now, "week").begin, number, "day"), "day")
    days = -back if turn is None else 7 - back if turn > 0 else -(back or 7)
    return whole(shift(now, days, "day"), "day")


def _day_of_week(found: re.Match[str], now: datetime) -> Span:
    monday = whole(now, "week", _turns[found["turn"]]).begin
    return whole(shift(monday, _day_numbers[found["weekday"]], "day"), "day")


def _month_by_turn(found: re.Match[str], now: datetime) -> Span:
    """`last` is over already, `this` is of this year, `next` has not begun."""
    number, turn = _month_numbers[found["month"]], _turns[found["turn"]]
    return month_of(now.year - (turn < 0 and number >= now.month) + (turn > 0 and number <= now.month), number)


def _month_of_year(found: re.Match[str], now: datetime) -> Span:
    """Without a year, the latest that has begun."""
    number = _month_numbers[found["month"]]
    return month_of(_year(found, now, number), number)


def _quarter(found: re.Match[str], now: datetime) -> Span:
    """Without a year, the latest that has begun."""
    first = (int(found["number"]) if found["number"] else _ordinals[found["ordinal"]]) * 3 - 2
    return whole(month_of(_year(found, now, first), first).begin, "quarter")


def _quarter_after_year(found: re.Match[str], _: datetime) -> Span:
    return whole(month_of(int(found["year"]), int(found["number"]) * 3 - 2).begin, "quarter")


def _half(found: re.Match[str], now: datetime) -> Span:
    """Half of a year; without a year, the latest that has begun."""
    first = 1 if found["half"] in {"h1", "first half"} else 7
    begin = month_of(_year(found, now, first), first).begin
    return Span(begin, shift(begin, 6, "month"))


def _year(found: re.Match[str], now: datetime, month: int) -> int:
    if found["year"]:
        return int(found["year"])
    return now.year + _turns[found["turn"]] if found["turn"] else now.year - (month > now.month)


def _edge(found: re.Match[str], now: datetime) -> Span | None:
    """The first or last day of a span; if the span is a day, its first or last moment."""
    of = _part_of(found["of"], now)
    if of is None:
        return None
    is_end = found["edge"] in {"end", "last day"}
    if of.end - of.begin <= STEP_OF["day"]:
        return Span(of.end, of.end) if is_end else Span(of.begin, of.begin)
    return whole(shift(of.end, -1, "day") if is_end else of.begin, "day")


def _edge_week(found: re.Match[str], now: datetime) -> Span | None:
    of = _part_of(found["of"], now)
    if of is None:
        return None
    return (
        Span(shift(of.end, -7, "day"), of.end) if found["edge"] == "last" else Span(of.begin, shift(of.begin, 7, "day"))
    )


def _third(found: re.Match[str], now: datetime) -> Span | None:
    of = _part_of(found["of"], now)
    return part(of, _thirds[found["third"]]) if of else None


def _part_of_day(found: re.Match[str], now: datetime) -> Span | None:
    """This morning, last night, yesterday evening, Friday afternoon."""
    which = {"this": "today", "last": "yesterday"}.get(found["of"], found["of"] or "today")
    of = _part_of(which, now)
    if of is None or of.end - of.begin > STEP_OF["day"] or of.begin == of.end:
        return None
    first, last = _parts_of_day[found["part"] or "night"]
    return Span(shift(of.begin, first, "hour"), shift(of.begin, last, "hour"))


def _beside(found: re.Match[str], now: datetime) -> Span | None:
    """Three days before yesterday, the week before Christmas."""
    of = _part_of(found["of"], now)
    if of is None:
        return None
    unit, is_before = _units[found["unit"]], found["side"] == "before"
    if found["count"]:
        return before(of.begin, _number(found) * (1 if is_before else -1), unit)
    if unit in MONTHS_OF:
        return whole(of.begin, unit, -1 if is_before else 1)
    return Span(shift(of.begin, -1, unit), of.begin) if is_before else Span(of.end, shift(of.end, 1, unit))


def _edge_hour(found: re.Match[str], now: datetime) -> Span | None:
    of = _part_of(found["of"], now)
    if of is None:
        return None
    return (
        Span(shift(of.end, -1, "hour"), of.end)
        if found["edge"] == "last"
        else Span(of.begin, shift(of.begin, 1, "hour"))
    )


def _half_of(found: re.Match[str], now: datetime) -> Span | None:
    of = _part_of(found["of"], now)
    if of is None or of.end - of.begin <= STEP_OF["day"]:
        return None
    middle = midnight(of.begin + (of.end - of.begin) / 2)
    return Span(of.begin, middle) if found["half"] == "first half" else Span(middle, of.end)


def _weekday_of(found: re.Match[str], now: datetime) -> Span | None:
    """The first Monday of a month."""
    of, weekday = _part_of(found["of"], now), _day_numbers[found["weekday"]]
    if of is None or of.end - of.begin < STEP_OF["week"]:
        return None
    if found["ordinal"] == "last":
        end = shift(of.end, -1, "day")
        return whole(shift(end, -((end.weekday() - weekday) % 7), "day"), "day")
    first = shift(of.begin, (weekday - of.begin.weekday()) % 7, "day")
    return whole(shift(first, 7 * (_ordinals[found["ordinal"]] - 1), "day"), "day")


def _day_before_last(found: re.Match[str], now: datetime) -> Span:
    back = (now.weekday() - _day_numbers[found["weekday"]]) % 7 or 7
    return whole(shift(now, -back - 7, "day"), "day")


def _holiday(found: re.Match[str], now: datetime) -> Span:
    """Without a year, the latest that has begun."""
    month, day = _holidays[found["holiday"]]
    return _latest(now, month, day) if not found["year"] else whole(datetime(int(found["year"]), month, day), "day")  # noqa: DTZ001  # it gets its zone later


def _day_of_month(found: re.Match[str], now: datetime) -> Span:
    """`15.11.`: the latest that has begun. ValueError for a day that there is not."""
    return _latest(now, int(found["number"]), int(found["day"]))


def _ordinal_day(found: re.Match[str], now: datetime) -> Span:
    """`the 1st`: the latest that has begun, or of the month that is named. ValueError for a day that there is not."""
    months = [-1] if found["turn"] == "last" else [0] if found["turn"] else [0, -1, -2]
    for back in months:
        month = whole(now, "month", back)
        day = shift(month.begin, int(found["day"]) - 1, "day")
        if month.begin <= day < month.end and (day <= now or found["turn"]):
            return whole(day, "day")
    raise ValueError("no such day")


def _latest(now: datetime, month: int, day: int) -> Span:
    datetime(2000, month, day)  # noqa: DTZ001  # to refuse the 31st of November
    for year in range(now.year, now.year - 9, -1):
        with suppress(ValueError):  # no leap year
            if (date := datetime(year, month, day, tzinfo=now.tzinfo)) <= now:
                return whole(date, "day")
    raise ValueError("no such day")


def _week_number(found: re.Match[str], now: datetime) -> Span:
    """Without a year, the latest that has begun."""
    monday = datetime.fromisocalendar(int(found["year"] or now.year), int(found["week"]), 1)
    if not found["year"] and monday > now.replace(tzinfo=None):
        monday = datetime.fromisocalendar(now.year - 1, int(found["week"]), 1)
    return whole(monday, "week")


def _part_of(plain: str, now: datetime) -> Span | None:
    """The span that `end of` and the like refer to."""
    if re.fullmatch(r"[1-9]\d{3}", plain):
        return whole(month_of(int(plain), 1).begin, "year")
    if plain in {"today", "yesterday", "tomorrow"}:
        return whole(now, "day", ("yesterday", "today", "tomorrow").index(plain) - 1)
    if plain == "midnight":
        return Span(midnight(now), midnight(now))
    if plain in {"day", "week", "month", "quarter", "year"}:
        return whole(now, plain)
    return _span_of_phrase(plain, now)


_Meaning = Callable[[re.Match[str], datetime], Span | None]
_meanings: Mapping[str, _Meaning] = {
    "(?P<turn>last|previous|prior|this|current|next|coming) (?P<unit>week|month|quarter|year)": _calendar,
    "(?P<unit>week|month|quarter|year|weekend) before last": _before_last,
    f"(?:in {_count}{_unit})": _ahead,
    f"{_count}{_unit} (?:from now|ahead)": _ahead,
    f"(?:last|past|previous|these last) (?:{_count})?{_unit}": _rolling,
    f"{_about}{_count}{_unit}(?: ago| back| earlier| before| prior)?": _ago,
    f"(?P<count>){_unit} (?:ago|back)": _ago,
    f"(?P<turn>{any_of(_turns)} )?weekend": _weekend,
    f"(?P<turn>{any_of(_turns)} )?{_weekday}": _day,
    f"{_weekday} (?:of )?{_turn} week": _day_of_week,
    f"(?P<turn>last|this|next) week'?s? {_weekday}": _day_of_week,
    f"{_turn} {_month}": _month_by_turn,
    f"{_month}{_of_year}": _month_of_year,
    rf"(?:q(?P<number>[1-4])|(?P<ordinal>{any_of(_ordinals)}) quarter){_of_year}": _quarter,
    f"(?P<half>h1|h2|first half|second half){_of_year}": _half,
    r"(?P<year>\d{4}) ?q(?P<number>[1-4])": _quarter_after_year,
    "(?P<of>.+?)(?: in the| at)? (?P<part>morning|afternoon|evening|night)|(?P<to>to)night": _part_of_day,
    f"(?:{_count})?{_unit} (?P<side>before|after) (?P<of>.+)": _beside,
    "(?P<edge>first|last) hour (?:of|after|before) (?P<of>.+)": _edge_hour,
    "(?P<half>first half|second half) of (?P<of>.+)": _half_of,
    f"(?P<ordinal>first|second|third|fourth|last) {_weekday} (?:of|in) (?P<of>.+)": _weekday_of,
    f"{_weekday} before last": _day_before_last,
    rf"(?:last |past )?(?P<holiday>{any_of(_holidays)})(?: (?P<year>\d{{4}}))?": _holiday,
    r"(?P<day>\d{1,2})\. ?(?P<number>\d{1,2})\.": _day_of_month,
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)(?: (?:of )?(?:the |(?P<turn>last|this) )month)?": _ordinal_day,
    r"(?:calendar week|week|kw|cw) ?(?P<week>\d{1,2})(?: (?:of )?(?P<year>\d{4}))?": _week_number,
    "(?:so far this|this) (?P<unit>week|month|quarter|year)(?: so far)?": lambda found, now: whole(now, found["unit"]),
    "(?P<unit>week|month|quarter|year) to date": lambda found, now: Span(whole(now, found["unit"]).begin, now),
    f"{_edges} (?:of )?(?:the )?(?P<of>.+)": _edge,
    "(?P<edge>first|last) week (?:of|in) (?:the )?(?P<of>.+)": _edge_week,
    f"(?P<third>{any_of(_thirds)}) (?:of )?(?:the )?(?P<of>.+)": _third,
    "recently|lately|of late": lambda _, now: rolling(now, 14, "day"),
    "just now|a moment ago|moments ago": lambda _, now: rolling(now, 1, "hour"),
    "other day": lambda _, now: rolling(now, 7, "day"),
    "(?:earlier|later) today|today so far": lambda _, now: whole(now, "day"),
    "(?:earlier|later) this (?P<unit>week|month|quarter|year)": lambda found, now: whole(now, found["unit"]),
    "all time|any ?time|beginning(?: of time)?": lambda _, __: Span(FIRST, LAST),
}
_table = tuple((late_pattern(pattern), meaning) for pattern, meaning in _meanings.items())
