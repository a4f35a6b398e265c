"""Time spans in a user's own days: pure date arithmetic, clamped to the calendar's range.

Times are local: with their zone or, until `located` adds it, without. A week begins on Monday.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
STEP_OF = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "fortnight": timedelta(days=14),
}


@dataclass(frozen=True, slots=True)
class Span:
    """A time span: `begin` inclusive, `end` exclusive; both are equal for a moment."""

    begin: datetime
    end: datetime

    def in_zone(self, zone: ZoneInfo) -> Span:
        """The span in a time zone; a time that already has one keeps it. Times outside the calendar are clamped."""
        return Span(_in_zone(self.begin, zone), _in_zone(self.end, zone))

    @property
    def after(self) -> datetime:
        """The first moment after the whole span, or the calendar's last. For a moment, this is the next one."""
        return self.end if self.end > self.begin or self.end == LAST else self.end + datetime.resolution


def _in_zone(time: datetime, zone: ZoneInfo) -> datetime:
    if time.replace(tzinfo=None) in {datetime.min, datetime.max}:  # noqa: DTZ901  # where the calendar ends, everywhere
        return FIRST if time.year == 1 else LAST
    try:
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return FIRST if time.year == 1 else LAST


def midnight(time: datetime) -> datetime:
    """The beginning of the day of `time`."""
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


def shift(time: datetime, count: float, unit: str) -> datetime:
    """`count` units later, or earlier if negative; clamped to the calendar's range.

    Days, weeks and longer units keep the time of day across clock changes; hours and minutes do not. The 31st, moved
    into a shorter month, becomes its last day. Months and years are moved by whole numbers only.

    """
    try:
        if unit in {"minute", "hour"} and time.tzinfo:
            return (time.astimezone(UTC) + count * STEP_OF[unit]).astimezone(time.tzinfo)
        if unit in STEP_OF:
            return time + count * STEP_OF[unit]
        year, month = divmod(time.year * 12 + time.month - 1 + int(count) * MONTHS_OF[unit], 12)
        return time.replace(year=year, month=month + 1, day=min(time.day, monthrange(year, month + 1)[1]))
    except (OverflowError, ValueError):
        return (FIRST if count < 0 else LAST).replace(tzinfo=time.tzinfo)


def whole(time: datetime, unit: str, count: int = 0) -> Span:
    """The day, week, month, quarter or year of `time`, or the one `count` units later."""
    begin = shift(_first(midnight(time), unit), count, unit)
    return Span(begin, shift(begin, 1, unit))


def _first(day: datetime, unit: str) -> datetime:
    if unit == "week":
        return shift(day, -day.weekday(), "day")
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1) if unit == "year" else day


def month_of(year: int, month: int) -> Span:
    """A month; years out of the calendar's range are clamped to it."""
    return whole(datetime(min(max(year, 1), 9999), month, 1), "month")  # noqa: DTZ001  # it gets its zone later


def weekend(time: datetime, count: int = 0) -> Span:
    """Saturday and Sunday of the week of `time`, or of the week `count` weeks later."""
    monday = whole(time, "week", count).begin
    return Span(shift(monday, 5, "day"), shift(monday, 7, "day"))


def rolling(now: datetime, count: float, unit: str) -> Span:
    """The last `count` units up to now; begins at midnight, except for hours and minutes."""
    begin = shift(now, -count, unit)
    return Span(begin if unit in {"minute", "hour"} else midnight(begin), now)


def before(now: datetime, count: float, unit: str) -> Span:
    """The time `count` units before now: a moment, a day (also for weeks), or the whole month, quarter or year."""
    time = shift(now, -count, unit)
    if unit in {"minute", "hour"}:
        return Span(time, time)
    return whole(time, unit if unit in MONTHS_OF else "day")


def part(of: Span, third: int) -> Span:
    """The first (0), middle (1) or last (2) third of a span: in months for years and quarters, in days otherwise."""
    for unit, months in (("year", 4), ("quarter", 1)):
        if of == whole(of.begin, unit):
            begin = shift(of.begin, third * months, "month")
            return Span(begin, shift(begin, months, "month"))
    length = (of.end - of.begin) / 3
    begin, end = of.begin + third * length, of.begin + (third + 1) * length
    return Span(midnight(begin), midnight(end)) if length > STEP_OF["day"] else Span(begin, end)
