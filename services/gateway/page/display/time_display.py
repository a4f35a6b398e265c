"""Times as a person reads them, in their own zone: the hour of today, the day of others, how long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

minute_s, hour_s, day_s = 60, 3600, 86_400


def parse(text: str | None) -> datetime | None:
    """A time as the tools give it; None for none."""
    return datetime.fromisoformat(text) if text else None


def clock(text: str | None, zone: ZoneInfo) -> Markup:
    """`14:05` today; `Yesterday 14:05`; `Sat 14 Nov, 14:05`; with the year where it is another one."""
    return _element(text, zone, _day_and_hour)


def hour(text: str | None, zone: ZoneInfo) -> Markup:
    """The hour alone, where the day is said already."""
    return _element(text, zone, lambda time, _: f"{time:%H:%M}")


def ago(text: str | None, zone: ZoneInfo) -> Markup:
    """How long ago it was."""
    return _element(text, zone, lambda time, now: duration((now - time).total_seconds()))


def day(text: str, zone: ZoneInfo) -> str:
    """The day of a time, as the heading of what happened on it."""
    time, now = _in_zone(text, zone), datetime.now(zone)
    named = {now.date(): "Today", now.date() - timedelta(days=1): "Yesterday"}
    return named.get(time.date()) or _date(time, now)


def duration(seconds: float) -> str:
    """`just now`, `4 minutes ago`, `3 days ago`; for what is to come, `in 2 hours`."""
    size = abs(seconds)
    if size < minute_s:
        return "just now"
    count, unit = _largest(size)
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{words} ago" if seconds > 0 else f"in {words}"


def midnight(zone: ZoneInfo) -> datetime:
    """When today began."""
    return datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def span_of_day(text: str, zone: ZoneInfo, *, is_end: bool) -> str:
    """A day that was chosen in a form as the time of its begin or end in the zone; other words as they are."""
    try:
        chosen = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=zone)
    except ValueError:
        return text
    edge = chosen.replace(hour=23, minute=59, second=59, microsecond=999_999) if is_end else chosen
    return edge.isoformat()


def _largest(size: float) -> tuple[int, str]:
    for unit_s, unit in ((365 * day_s, "year"), (30 * day_s, "month"), (day_s, "day"), (hour_s, "hour")):
        if size >= unit_s:
            return int(size // unit_s), unit
    return int(size // minute_s), "minute"


def _in_zone(text: str, zone: ZoneInfo) -> datetime:
    time = parse(text) or datetime.now(UTC)
    return time.astimezone(zone)


def _element(text: str | None, zone: ZoneInfo, words) -> Markup:  # type: ignore[no-untyped-def]  # a formatter
    if not text:
        return Markup("<span class=none>never</span>")
    time, now = _in_zone(text, zone), datetime.now(zone)
    whole = f"{time:%A, %-d %B %Y, %H:%M:%S} {time:%Z}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(time.isoformat(), whole, escape(words(time, now)))


def _day_and_hour(time: datetime, now: datetime) -> str:
    if time.date() == now.date():
        return f"{time:%H:%M}"
    if time.date() == now.date() - timedelta(days=1):
        return f"Yesterday {time:%H:%M}"
    return f"{_date(time, now)}, {time:%H:%M}"


def _date(time: datetime, now: datetime) -> str:
    year = "" if time.year == now.year else f" {time.year}"
    return f"{time:%a} {time.day} {time:%b}{year}"
