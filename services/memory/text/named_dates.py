"""The days, months and years that a query names: "3 August 2023", "Aug 3rd", "the third of March", "in May"; in other
languages "im März", "le 3 août 2023", "3 de agosto", "в марте", "2023年8月3日"."""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from services.kit.late_pattern import late_pattern
from services.kit.month_names import MONTHS_ABROAD, Months

READ_MAX_CHARS = 2_000
DATES_MAX = 8
MONTH_NAMES = tuple(
    "january february march april may june july august september october november december".split()  # noqa: SIM905 - one line
)
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, 1)}
MONTHS |= {name[:3]: number for name, number in MONTHS.items()} | {"sept": 9}
MONTHS |= {f"{number:02}": number for number in range(1, 13)}
_CLEAR_MONTHS = frozenset(MONTH_NAMES) - {"march", "may"}  # other meanings: these need a number or "in" beside them
_ones = "first second third fourth fifth sixth seventh eighth ninth".split()  # noqa: SIM905
_teens = "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth".split()  # noqa: SIM905
_ORDINALS = {name: number for number, name in enumerate([*_ones, *_teens], 1)} | {"twentieth": 20, "thirtieth": 30}
_ORDINALS |= {f"twenty-{name}": 20 + number for number, name in enumerate(_ones, 1)} | {"thirty-first": 31}
_YEAR = r"(?P<year>(?:19|20)\d\d)\b"
_MONTH = rf"(?P<month>{'|'.join(sorted(filter(str.isalpha, MONTHS), key=len, reverse=True))})\b\.?"
_DAY = rf"(?P<day>[0-3]?\d)(?:st|nd|rd|th)? (?:of )?|(?P<day_word>{'|'.join(sorted(_ORDINALS, key=len)[::-1])}) of "
_FORMS = tuple(
    re.compile(form.replace("twenty-", "twenty[ -]").replace("thirty-", "thirty[ -]"))
    for form in (
        r"(?P<within>\b(?:in|of|since|during|until|by|from|last|this|early|mid|late)[ -])?\b"
        rf"(?:{_DAY})?{_MONTH}"
        rf"(?: (?P<day_after>[0-3]?\d)(?:st|nd|rd|th)?\b)?(?:,? {_YEAR})?",
        r"\b(?P<year>(?:19|20)\d\d)-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12]\d|3[01]))?\b",
        rf"\b(?:in|since|during|from|of) {_YEAR}(?!-)",
    )
)


def _abroad(months: Months) -> re.Pattern[str]:
    """Months of a language: after what leads to one, or with a day or a year."""
    names = "|".join(sorted((each for names in months.names for each in names.split()), key=len, reverse=True))
    year = r"(?P<year>(?:19|20)\d\d)\b"
    day = r"(?<!\d)(?P<day>[0-3]?\d)(?:\.|er|º)? (?:de |di )?"
    before = rf"(?P<within>(?:{'|'.join(months.before.split())}) )?(?:{day})?"
    return late_pattern(rf"\b{before}\b(?P<month>{names})\b(?: (?:de |del )?{year})?")


_ABROAD = tuple((months, _abroad(months)) for months in MONTHS_ABROAD.values())
_ASIAN = late_pattern(
    r"(?:(?P<year>(?:19|20)\d\d) ?[年년] ?)?(?<!\d)(?P<month>1[0-2]|0?[1-9]) ?[月월]"
    r"(?: ?(?P<day>[0-3]?\d) ?[日号號일])?"
)


@dataclass(frozen=True)
class DateSpan:
    """A day, a month or a year named in a query; without a year it matches any year."""

    year: int | None
    month: int | None = None
    day: int | None = None

    def occurrences(self, years: Iterable[int]) -> Iterator[tuple[date, date]]:
        """The first and last day of the span: in its own year, or in each of `years` and the adjacent ones."""
        near = {other for year in years for other in (year - 1, year, year + 1)}
        for year in sorted(near) if self.year is None else [self.year]:
            if date.min.year < year < date.max.year:
                yield self._in(year)

    def _in(self, year: int) -> tuple[date, date]:
        if self.month is None:
            return date(year, 1, 1), date(year, 12, 31)
        last = date(year, self.month, calendar.monthrange(year, self.month)[1])
        if self.day is None:
            return last.replace(day=1), last
        day = last.replace(day=min(self.day, last.day))
        return day, day


def date_spans(query: str) -> list[DateSpan]:
    """The dates named in a query, in words or ISO 8601. At most `DATES_MAX`, without repetitions."""
    folded = query[:READ_MAX_CHARS].casefold()
    found = [match.groupdict() for form in _FORMS for match in form.finditer(folded)]
    spans = dict.fromkeys(_date_span(groups) for groups in found if _names_a_date(groups))
    english = list(spans)
    for each in _spans_abroad(folded):
        alike = [span for span in english if span.month == each.month]
        if not any(span.day or not each.day for span in alike):
            for span in alike:
                spans.pop(span, None)  # "3. August 2023", of which English has the month alone
            spans[each] = None
    return list(spans)[:DATES_MAX]


def _spans_abroad(folded: str) -> Iterator[DateSpan]:
    """Those in other languages than English: of each only one language's."""
    plain = "".join(each for each in unicodedata.normalize("NFD", folded) if not unicodedata.combining(each))
    taken = set[int]()
    for months, pattern in _ABROAD:
        for found in pattern.finditer(plain):
            is_named = found["within"] or found["day"] or found["year"]
            if is_named and taken.isdisjoint(range(*found.span("month"))):
                taken.update(range(*found.span("month")))
                month = next(n for n, names in enumerate(months.names, 1) if found["month"] in names.split())
                yield DateSpan(int(found["year"]) if found["year"] else None, month, int(found["day"] or 0) or None)
    for found in _ASIAN.finditer(unicodedata.normalize("NFC", folded)):
        year, day = found["year"], found["day"]
        yield DateSpan(int(year) if year else None, int(found["month"]), int(day) if day and int(day) else None)


def _names_a_date(groups: dict[str, str | None]) -> bool:
    month = groups.get("month")
    beside = (groups.get(name) for name in ("within", "day", "day_word", "day_after", "year"))
    return month is None or month in _CLEAR_MONTHS or any(beside)


def _date_span(groups: dict[str, str | None]) -> DateSpan:
    year, month = groups.get("year"), groups.get("month")
    return DateSpan(int(year) if year else None, MONTHS[month] if month else None, _day(groups))


def _day(groups: dict[str, str | None]) -> int | None:
    if word := groups.get("day_word"):
        return _ORDINALS[word.replace(" ", "-")]
    day = groups.get("day") or groups.get("day_after")
    return int(day) or None if day else None
