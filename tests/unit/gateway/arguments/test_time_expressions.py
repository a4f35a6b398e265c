"""Times as people write them, read in their time zone."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.arguments.time_expressions import moment, span, timestamp
from services.gateway.config import GatewaySettings
from services.kit.errors import InvalidInput
from services.memory.imports.json_lines import aware

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)  # the 26th, a Thursday, half past midnight in Berlin

NOW_ = "2026-11-26T00:30"
DAYS = """
yesterday 2026-11-25
YESTERDAY 2026-11-25
today 2026-11-26
tomorrow 2026-11-27
gestern 2026-11-25
up to yesterday 2026-11-25
prior to yesterday 2026-11-25
hier 2026-11-25
the day before yesterday 2026-11-24
two days ago 2026-11-24
3 days ago 2026-11-23
from 3 days ago 2026-11-23
3 days back 2026-11-23
2 days 2026-11-24
vor 3 Tagen 2026-11-23
7d 2026-11-19
1w 2026-11-19
1 week ago 2026-11-19
a week ago 2026-11-19
2w 2026-11-12
2 weeks ago 2026-11-12
a fortnight ago 2026-11-12
fortnight ago 2026-11-12
2 fortnights ago 2026-10-29
a couple of days ago 2026-11-24
a few days ago 2026-11-23
several weeks ago 2026-10-22
about 10 days ago 2026-11-16
in 3 days 2026-11-29
in a week 2026-12-03
3 days from now 2026-11-29
in 3 Tagen 2026-11-29
Monday 2026-11-23
on Friday 2026-11-20
Thursday 2026-11-26
thurs 2026-11-26
last Thursday 2026-11-19
last Monday 2026-11-23
this Monday 2026-11-23
next Friday 2026-11-27
dienstag 2026-11-24
Monday last week 2026-11-16
last week Monday 2026-11-16
Tuesday of this week 2026-11-24
next week's Friday 2026-12-04
earlier today 2026-11-26
start of the month 2026-11-01
end of last month 2026-10-31
the end of March 2026-03-31
beginning of the year 2026-01-01
beginning of last week 2026-11-16
end of the week 2026-11-29
start of 2025 2025-01-01
end of Q3 2026-09-30
first day of the quarter 2026-10-01
last day of February 2024 2024-02-29
2026-03-01 2026-03-01
20261120 2026-11-20
2026-W47-2 2026-11-17
2026-324 2026-11-20
2026/11/20 2026-11-20
11/20/2026 2026-11-20
20.11.2026 2026-11-20
20 November 2026-11-20
November 20th 2026-11-20
24.12. 2025-12-24
10.11. 2026-11-10
the 10.11. 2026-11-10
29.2. 2024-02-29
the 1st 2026-11-01
on the 30th 2026-10-30
the 2nd of last month 2026-10-02
three days before yesterday 2026-11-22
2 days before last Monday 2026-11-21
the day after Christmas 2025-12-26
the Monday before last 2026-11-16
first Monday of November 2026-11-02
the last Friday in October 2026-10-30
Christmas 2025-12-25
Christmas Eve 2024 2024-12-24
New Year's Day 2026-01-01
letzten Dienstag 2026-11-24
am Montag 2026-11-23
seit gestern 2026-11-25
vor einer Woche 2026-11-19
lundi dernier 2026-11-23
el lunes pasado 2026-11-23
hace tres días 2026-11-23
lunedì scorso 2026-11-23
tre giorni fa 2026-11-23
há três dias 2026-11-23
drie dagen geleden 2026-11-23
l'altro ieri 2026-11-24
三天前 2026-11-23
그저께 2026-11-24
"""
STRETCHES = """
last week 2026-11-16 2026-11-23
letzte Woche 2026-11-16 2026-11-23
la semaine dernière 2026-11-16 2026-11-23
this week 2026-11-23 2026-11-30
earlier this week 2026-11-23 2026-11-30
next week 2026-11-30 2026-12-07
week before last 2026-11-09 2026-11-16
last month 2026-10-01 2026-11-01
the month before last 2026-09-01 2026-10-01
this month 2026-11-01 2026-12-01
1 month ago 2026-10-01 2026-11-01
2mo 2026-09-01 2026-10-01
last quarter 2026-07-01 2026-10-01
previous quarter 2026-07-01 2026-10-01
this quarter 2026-10-01 2027-01-01
next quarter 2027-01-01 2027-04-01
Q3 2026-07-01 2026-10-01
Q4 2026-10-01 2027-01-01
Q3 2025 2025-07-01 2025-10-01
2025-Q3 2025-07-01 2025-10-01
q2 last year 2025-04-01 2025-07-01
first quarter of 2025 2025-01-01 2025-04-01
last year 2025-01-01 2026-01-01
a year ago 2025-01-01 2026-01-01
this year 2026-01-01 2027-01-01
2025 2025-01-01 2026-01-01
in 2025 2025-01-01 2026-01-01
last weekend 2026-11-21 2026-11-23
over the weekend 2026-11-21 2026-11-23
this weekend 2026-11-28 2026-11-30
weekend before last 2026-11-14 2026-11-16
in March 2026-03-01 2026-04-01
im März 2026-03-01 2026-04-01
December 2025-12-01 2026-01-01
November 2026-11-01 2026-12-01
last November 2025-11-01 2025-12-01
this November 2026-11-01 2026-12-01
next November 2027-11-01 2027-12-01
last March 2026-03-01 2026-04-01
previous sept 2026-09-01 2026-10-01
March last year 2025-03-01 2025-04-01
since March 2024 2024-03-01 2024-04-01
2026-11 2026-11-01 2026-12-01
2026-W47 2026-11-16 2026-11-23
2026W47 2026-11-16 2026-11-23
middle of last month 2026-10-11 2026-10-21
early March 2026-03-01 2026-03-11
mid-November 2026-11-11 2026-11-21
late 2025 2025-09-01 2026-01-01
mid 2025 2025-05-01 2025-09-01
early Q3 2026-07-01 2026-08-01
H1 2025 2025-01-01 2025-07-01
second half of 2025 2025-07-01 2026-01-01
Dec '25 2025-12-01 2026-01-01
prior week 2026-11-16 2026-11-23
half a year ago 2026-05-01 2026-06-01
by last month 2026-10-01 2026-11-01
this past weekend 2026-11-21 2026-11-23
first week of March 2026-03-01 2026-03-08
last week of October 2026-10-25 2026-11-01
the week before Christmas 2025-12-18 2025-12-25
the month before March 2026-02-01 2026-03-01
first half of November 2026-11-01 2026-11-16
week 45 2026-11-02 2026-11-09
KW 50 2025-12-08 2025-12-15
so far this month 2026-11-01 2026-12-01
vorige Woche 2026-11-16 2026-11-23
vorletzte Woche 2026-11-09 2026-11-16
im letzten März 2026-03-01 2026-04-01
Mitte Oktober 2026-10-11 2026-10-21
la settimana scorsa 2026-11-16 2026-11-23
past week 2026-11-19 now
this past week 2026-11-19 now
just now 2026-11-25T23:30 now
the past 3 days 2026-11-23 now
last 3 days 2026-11-23 now
last 7d 2026-11-19 now
past 2 weeks 2026-11-12 now
last fortnight 2026-11-12 now
the last few days 2026-11-23 now
past month 2026-10-26 now
last 2 months 2026-09-26 now
past year 2025-11-26 now
within the past quarter 2026-08-26 now
past hour 2026-11-25T23:30 now
last hour 2026-11-25T23:30 now
last 24 hours 2026-11-25T00:30 now
the last 90 minutes 2026-11-25T23:00 now
in den letzten drei Tagen 2026-11-23 now
in der letzten Stunde 2026-11-25T23:30 now
les 3 derniers jours 2026-11-23 now
neulich 2026-11-12 now
recently 2026-11-12 now
lately 2026-11-12 now
the other day 2026-11-19 now
"""
PARTS_OF_DAYS = """
this morning 2026-11-26T05:00 2026-11-26T12:00
yesterday afternoon 2026-11-25T12:00 2026-11-25T18:00
last night 2026-11-25T18:00 2026-11-26T06:00
tonight 2026-11-26T18:00 2026-11-27T06:00
Monday morning 2026-11-23T05:00 2026-11-23T12:00
last Friday night 2026-11-20T18:00 2026-11-21T06:00
heute Morgen 2026-11-26T05:00 2026-11-26T12:00
gestern Abend 2026-11-25T17:00 2026-11-26T00:00
ce matin 2026-11-26T05:00 2026-11-26T12:00
in the first hour after midnight 2026-11-26T00:00 2026-11-26T01:00
last hour of yesterday 2026-11-25T23:00 2026-11-26T00:00
"""
MOMENTS = """
now 2026-11-26T00:30
2 hours ago 2026-11-25T22:30
24h 2026-11-25T00:30
half an hour ago 2026-11-26T00:00
1.5 hours ago 2026-11-25T23:00
a few minutes ago 2026-11-26T00:27
yesterday at 3pm 2026-11-25T15:00
end of yesterday 2026-11-26T00:00
2026-11-20T10:00z 2026-11-20T11:00
2026-11-20T10:00+01:00[Europe/Berlin] 2026-11-20T10:00
2026-11-20T10:00[America/New_York] 2026-11-20T16:00
20261120T100000Z 2026-11-20T11:00
1764115200 2025-11-26T01:00
1764115200000 2025-11-26T01:00
November 20, 2026 10:00 PST 2026-11-20T19:00
"""


def rows(table: str, columns: int) -> list[list[str]]:
    """Lines of words for time, each with the times that they mean."""
    return [line.rsplit(" ", columns) for line in table.strip().splitlines()]


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("now", NOW_)).replace(tzinfo=BERLIN)


def meaning(words: str) -> tuple[datetime, datetime]:
    meant = span(words, NOW, BERLIN)
    return meant.begin, meant.end


@pytest.mark.parametrize(("words", "day"), rows(DAYS, 1))
def test_words_name_one_of_the_users_days(words: str, day: str) -> None:
    assert meaning(words) == (berlin(day), berlin(day) + timedelta(days=1))


@pytest.mark.parametrize(("words", "begin", "end"), [*rows(STRETCHES, 2), *rows(PARTS_OF_DAYS, 2)])
def test_words_name_a_stretch_of_the_users_days(words: str, begin: str, end: str) -> None:
    assert meaning(words) == (berlin(begin), berlin(end))


@pytest.mark.parametrize(("words", "time"), rows(MOMENTS, 1))
def test_words_name_a_moment_which_is_itself_included(words: str, time: str) -> None:
    assert meaning(words) == (berlin(time), berlin(time))
    assert span(words, NOW, BERLIN).after == berlin(time) + datetime.resolution


@pytest.mark.parametrize(
    "words", ["9999-12-31", "in 9999", "9999-12", "December 9999", "9999-W52", "9999-12-31T23:59:59.999999-14:00"]
)
def test_what_is_past_the_last_year_ends_with_the_calendar(words: str) -> None:
    meant = span(words, NOW, BERLIN)
    assert meant.end == meant.after == datetime.max.replace(tzinfo=UTC)
    assert timestamp(meant.begin).ToDatetime(UTC) == meant.begin


@pytest.mark.parametrize("words", ["0001-01-01", "year 0001", "0001-01-01T00:00:00+14:00", "all time"])
def test_what_is_before_the_first_year_begins_with_the_calendar(words: str) -> None:
    begin = span(words, NOW, BERLIN).begin
    assert begin == datetime.min.replace(tzinfo=UTC)
    assert timestamp(begin).ToDatetime(UTC) == begin


@pytest.mark.parametrize("words", ["999999999 years ago", "past 999999999 weeks", "in 10000 years", "999999999d"])
def test_numbers_that_no_calendar_has_are_no_bug(words: str) -> None:
    meant = span(words, NOW, BERLIN)
    timestamp(meant.begin)
    timestamp(meant.after)


def test_hours_are_counted_across_a_change_of_the_clocks() -> None:
    now = datetime(2026, 10, 25, 11, 0, tzinfo=UTC)  # noon in Berlin, of a day with 25 hours
    assert span("last 24 hours", now, BERLIN).begin == now - timedelta(hours=24)
    assert meaning_at("yesterday", now) == (berlin("2026-10-24"), berlin("2026-10-25"))


def meaning_at(words: str, now: datetime) -> tuple[datetime, datetime]:
    meant = span(words, now, BERLIN)
    return meant.begin, meant.end


def test_last_weekend_is_over_and_the_weekend_has_begun_on_a_sunday() -> None:
    sunday = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    assert meaning_at("last weekend", sunday)[0] == berlin("2026-11-21")
    assert meaning_at("the weekend", sunday)[0] == berlin("2026-11-28")


def test_a_moment_is_no_stretch() -> None:
    meant = span("2026-03-01T09:30:00+01:00", NOW, ZoneInfo("UTC"))
    assert meant.begin == meant.end == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert span("2 hours ago", NOW, BERLIN).begin == datetime(2026, 11, 25, 21, 30, tzinfo=UTC)


REFUSED = """
foo;🦑;99999-01-01;'; DROP TABLE x;5;12;[1];-3;0;99999;two;a;the;in;am;ad;week;month;last;past;last 3;past past week
last blue moon;once upon a time;end of time;start of nothing;mid;end;fortnight;someday;never;null;None;undefined;true
NaN;Infinity;-inf;{};$(date);2026-02-30;2026-13;2026-00;2026-W54;13/13/2026;25:00;Q5;Q0 2025;5th quarter;1e3 days ago
31.11.;32nd;week 54;KW 0;three days before nothing;the nothing night;letzten Quatsch;the 31st of this month
1.5 months ago;week of March;between March and April;2026-01-01T00:00[Mars/Olympus];2026-01-01T00:00[../etc/passwd]
"""


@pytest.mark.parametrize("words", ["", "9" * 50, "x" * 101, *REFUSED.strip().replace("\n", ";").split(";")])
def test_what_is_no_time_is_refused_by_the_arguments_name(words: str) -> None:
    with pytest.raises(InvalidInput, match=r"^until is "):
        span(words, NOW, BERLIN, "until")


@pytest.mark.parametrize("text", ["yesterday", "2026-03-01T09:30:00", "0001-01-01T00:00:00+14:00", ""])
def test_a_timestamp_is_iso_8601_with_an_offset(text: str) -> None:
    with pytest.raises(InvalidInput):
        moment(text)


@pytest.mark.parametrize(
    "text", ["2026-11-20T10:00:00z", "2026-11-20T11:00:00+01:00[Europe/Berlin]", "2026-11-20T11:00[Europe/Berlin]"]
)
def test_a_timestamp_is_taken_as_other_programs_write_it(text: str) -> None:
    assert moment(text).ToDatetime(UTC) == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    assert aware(text) == datetime.fromisoformat(aware(text)).isoformat()
    assert datetime.fromisoformat(aware(text)) == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def test_the_argument_that_is_no_timestamp_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"^before is not ISO 8601"):
        moment("yesterday", "before")


def test_an_unknown_time_zone_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="Nowhere"):
        GatewaySettings(time_zone="Europe/Nowhere")


WORDS = (
    "last past this next 3 999999999 0.5 a few week month quarter year weekend monday march q3 9999 0001 ago end start"
)


@given(st.lists(st.sampled_from([*WORDS.split(), "of", "early", "in", "2026-11-20", "half", "-", "z", "[UTC]"])))
def test_whatever_is_said_is_a_time_or_refused(words: list[str]) -> None:
    with suppress(InvalidInput):
        meant = span(" ".join(words)[:100], NOW, BERLIN)
        assert meant.begin <= meant.end
        timestamp(meant.begin)
        timestamp(meant.after)
