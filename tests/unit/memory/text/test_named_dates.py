"""The dates that a query names."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.memory.text.named_dates import DATES_MAX, DateSpan, date_spans


@pytest.mark.parametrize(
    ("query", "span"),
    [
        ("What happened on August 11, 2023?", DateSpan(2023, 8, 11)),
        ("on 3 June, 2023", DateSpan(2023, 6, 3)),
        ("the 10th of March", DateSpan(None, 3, 10)),
        ("in May", DateSpan(None, 5)),
        ("Aug. 2022", DateSpan(2022, 8)),
        ("the deploy of 2023-08-03", DateSpan(2023, 8, 3)),
        ("from 2022-12", DateSpan(2022, 12)),
        ("what broke in 2023", DateSpan(2023)),
        ("on the third of March", DateSpan(None, 3, 3)),
        ("the Twenty-First of May", DateSpan(None, 5, 21)),
        ("twenty second of June 2024", DateSpan(2024, 6, 22)),
        ("the thirty-first of December", DateSpan(None, 12, 31)),
        ("was haben wir im M\u00e4rz entschieden", DateSpan(None, 3)),
        ("am 3. August 2023", DateSpan(2023, 8, 3)),
        ("on 16 August, 2023", DateSpan(2023, 8, 16)),
        ("depuis janvier", DateSpan(None, 1)),
        ("le 3 ao\u00fbt 2023", DateSpan(2023, 8, 3)),
        ("3 de agosto de 2023", DateSpan(2023, 8, 3)),
        ("a maggio", DateSpan(None, 5)),
        ("em mar\u00e7o", DateSpan(None, 3)),
        ("in maart", DateSpan(None, 3)),
        ("\u0432 \u043c\u0430\u0440\u0442\u0435", DateSpan(None, 3)),
        ("3 \u0430\u0432\u0433\u0443\u0441\u0442\u0430 2023", DateSpan(2023, 8, 3)),
        ("2023\u5e748\u67083\u65e5", DateSpan(2023, 8, 3)),
        ("3\uc6d4 \uacb0\uc815", DateSpan(None, 3)),
    ],
)
def test_a_query_names_a_date(query: str, span: DateSpan) -> None:
    assert date_spans(query) == [span]


@pytest.mark.parametrize(
    "query",
    [
        "you may go",
        "march on",
        "march first, then rest",
        "may second that",
        "the third of marching bands",
        "error 2023",
        "mark the section",
        "2023-13-01x",
        *("in Mars orbit", "ask Marco", "a Marco", "mars rover", "99 mars", "Mai", "im Maison", "3\u4e2a\u6708"),
        "",
    ],
)
def test_other_words_and_numbers_are_no_dates(query: str) -> None:
    assert date_spans(query) == []


def test_of_many_dates_the_first_ones_count_each_once() -> None:
    days = [f"2023-08-{day:02}" for day in range(1, 29)]
    assert date_spans(" ".join(["2023-08-01", *days])) == [DateSpan(2023, 8, day) for day in range(1, DATES_MAX + 1)]


@given(st.text(alphabet="0123456789-, maychrIinofJue3rdth.20"))
def test_any_query_can_be_read_for_dates(query: str) -> None:
    for span in date_spans(query):
        assert all(first <= last for first, last in span.occurrences([1, 2023, 9999]))


def test_a_date_without_a_year_is_that_time_of_the_years_around() -> None:
    assert list(DateSpan(None, 2, 31).occurrences([2024])) == [
        (date(2023, 2, 28), date(2023, 2, 28)),
        (date(2024, 2, 29), date(2024, 2, 29)),
        (date(2025, 2, 28), date(2025, 2, 28)),
    ]
