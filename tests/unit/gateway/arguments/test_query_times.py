"""The time that a query names in words: which words, which span, and what is left of the query."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.gateway.arguments.query_times import READ_MAX_CHARS, query_time

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    ("query", "begin", "end", "rest"),
    [
        ("what broke last week", "2026-11-16T00:00+01:00", "2026-11-23T00:00+01:00", "what broke"),
        ("LAST WEEK\u2019s deploy", "2026-11-16T00:00+01:00", "2026-11-23T00:00+01:00", "deploy"),
        ("What did we decide yesterday about retries?", "2026-11-28T00:00+01:00", "2026-11-29T00:00+01:00", None),
        ("what happened the day before yesterday", "2026-11-27T00:00+01:00", "2026-11-28T00:00+01:00", None),
        ("retry policy since last monday", "2026-11-23T00:00+01:00", "2026-11-30T00:00+01:00", "retry policy"),
        ("the outage before last month", "0001-01-01T00:00+00:00", "2026-10-01T00:00+02:00", "the outage"),
        ("2 days ago the upload failed", "2026-11-27T00:00+01:00", "2026-11-28T00:00+01:00", "the upload failed"),
        ("upload, a couple of weeks ago", "2026-11-12T00:00+01:00", "2026-11-19T00:00+01:00", "upload,"),
        ("errors in the last 3 days", "2026-11-26T00:00+01:00", "2026-11-30T00:00+01:00", "errors"),
        ("what did we say on friday", "2026-11-27T00:00+01:00", "2026-11-28T00:00+01:00", "what did we say"),
        ("the migration last march", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00", "the migration"),
        ("builds last night", "2026-11-28T18:00+01:00", "2026-11-29T06:00+01:00", "builds"),
        ("what did I do this morning", "2026-11-29T05:00+01:00", "2026-11-30T00:00+01:00", "what did I do"),
        ("recently changed settings", "2026-11-15T00:00+01:00", "2026-11-30T00:00+01:00", "changed settings"),
        ("what did we fix on Friday night", "2026-11-27T18:00+01:00", "2026-11-28T06:00+01:00", "what did we fix"),
        ("decided the week before Christmas", "2025-12-18T00:00+01:00", "2025-12-25T00:00+01:00", "decided"),
        ("in the first hour after midnight", "2026-11-29T00:00+01:00", "2026-11-29T01:00+01:00", ""),
        ("what broke this weekend", "2026-11-28T00:00+01:00", "2026-11-30T00:00+01:00", "what broke"),
    ],
)
def test_a_time_in_words_is_a_span_in_the_users_zone(query: str, begin: str, end: str, rest: str | None) -> None:
    found = query_time(query, NOW, BERLIN)
    assert found
    assert (found.begin, found.end) == (begin, end)
    assert rest is None or found.rest == rest
    assert found.words.casefold() in query.casefold()


WEEK = ("2026-11-16T00:00+01:00", "2026-11-23T00:00+01:00")
YESTERDAY = ("2026-11-28T00:00+01:00", "2026-11-29T00:00+01:00")
THREE_DAYS_AGO = ("2026-11-26T00:00+01:00", "2026-11-27T00:00+01:00")
MONDAY = ("2026-11-23T00:00+01:00", "2026-11-24T00:00+01:00")
SINCE_MONDAY = ("2026-11-23T00:00+01:00", "2026-11-30T00:00+01:00")


@pytest.mark.parametrize(
    ("query", "rest", "span"),
    [
        ("Was ging letzte Woche kaputt?", "Was ging kaputt?", WEEK),
        ("Fehler in der letzten Woche", "Fehler", WEEK),
        ("was haben wir gestern entschieden", "was haben wir entschieden", YESTERDAY),
        ("vor drei Tagen ging der Upload kaputt", "ging der Upload kaputt", THREE_DAYS_AGO),
        ("was wurde am Montag gesagt", "was wurde gesagt", MONDAY),
        ("Fehler seit letztem Montag", "Fehler", SINCE_MONDAY),
        ("Qu'est-ce qu'on a décidé hier sur le cache", "Qu'est-ce qu'on a décidé sur le cache", YESTERDAY),
        ("les erreurs de la semaine dernière", "les erreurs", WEEK),
        ("l'erreur d'il y a trois jours", None, THREE_DAYS_AGO),
        ("qué decidimos la semana pasada", "qué decidimos", WEEK),
        ("el error de ayer", "el error", YESTERDAY),
        ("hace tres días falló", "falló", THREE_DAYS_AGO),
        ("cosa abbiamo deciso ieri", "cosa abbiamo deciso", YESTERDAY),
        ("tre giorni fa", "", THREE_DAYS_AGO),
        ("o que decidimos na semana passada", "o que decidimos", WEEK),
        ("wat hebben we gisteren besloten", "wat hebben we besloten", YESTERDAY),
        ("vorige week", "", WEEK),
        ("что мы решили вчера", "что мы решили", YESTERDAY),
        ("три дня назад", "", THREE_DAYS_AGO),
        ("上周我们决定了什么", "我们决定了什么", WEEK),
        ("先週決めたこと", "決めたこと", WEEK),
        ("3일 전 결정", "결정", THREE_DAYS_AGO),
    ],
)
def test_a_time_in_another_language_is_the_same_span(query: str, rest: str | None, span: tuple[str, str]) -> None:
    found = query_time(query, NOW, BERLIN)
    assert found
    assert (found.begin, found.end) == span
    assert rest is None or found.rest == rest
    assert found.words in query


@pytest.mark.parametrize(
    "query",
    [
        *("was läuft hier?", "wie geht das hier", "Aufbewahrung von 30 Tagen", "die letzte Woche des Sprints"),
        *("letzte Zeile", "la dernière ligne", "última línea", "el último mes de prueba", "30 jours de rétention"),
        *('"gestern" ist ein Wort', "`ayer`", "in drei Tagen", "ontem e na semana passada", "lundi", "sera"),
        *("3个月的保留期", "gestern und yesterday", "Montag, Dienstag"),
    ],
)
def test_what_names_no_time_or_several_in_another_language_is_left_alone(query: str) -> None:
    assert query_time(query, NOW, BERLIN) is None


@pytest.mark.parametrize(
    "query",
    [
        *("retention of 30 days", "the current month", "how long is half an hour", "last day of month", "next week"),
        *('who wrote "last week" in the code', "`yesterday` is a variable", "may I ask", "the last two releases"),
        *("yesterday's bug and last week's", "weekend", "friday_job", "todays", "non-today", "last", "ago", ""),
        *("what is planned after today", "the release after this week"),
        *("the last 10 days of October", "the last week of the sprint", "the last month in 2025"),
        "what broke last week? " + "x" * READ_MAX_CHARS,
    ],
)
def test_what_names_no_time_or_several_is_left_alone(query: str) -> None:
    assert query_time(query, NOW, BERLIN) is None


def test_the_same_query_means_the_same_all_day() -> None:
    evening = NOW.replace(hour=20)
    for query in ("today", "errors in the last 3 days", "recently", "this week", "since yesterday"):
        morning_time, evening_time = query_time(query, NOW, BERLIN), query_time(query, evening, BERLIN)
        assert morning_time
        assert evening_time
        assert morning_time.span == evening_time.span
