"""A query that names a time in words: what was said then comes first, or is all that is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.memory.domain.queries import Filter, Period, Query, Results, Sort
from services.memory.text.subjects import has_subject
from tests.unit.memory.operations.test_restatements import Service, noted, served

NOW = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)
LAST_WEEK = (datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
OLD, THEN, NEW = NOW - timedelta(days=90), NOW - timedelta(days=10), NOW - timedelta(hours=2)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with served(tmp_path) as opened:
        for at in (OLD, THEN, NEW):
            await opened.remember(noted(f"The upload broke on the {at:%d %B}: a timeout of the gateway", at))
        await opened.remember(noted("Lunch moves to one o'clock", THEN))
        yield opened


def period(rest: str, since: datetime = LAST_WEEK[0], until: datetime = LAST_WEEK[1]) -> Period:
    return Period(since, until, rest)


async def asked(service: Service, text: str, rest: str, **more: object) -> Results:
    return await service.search(Query(text, project="p", period=period(rest), **more))  # type: ignore[arg-type]


async def test_what_was_said_then_comes_before_what_fits_as_well(service: Service) -> None:
    answer = await asked(service, "why did the upload break last week", "why did the upload break")
    assert answer.in_period
    assert [each.memory.timestamp for each in answer.found][:1] == [THEN]
    assert {OLD, NEW} <= {each.memory.timestamp for each in answer.found}
    scores = [each.score for each in answer.found]
    assert scores == sorted(scores, reverse=True)


async def test_its_words_are_no_words_to_look_for(service: Service) -> None:
    await service.remember(noted("Last week is a calendar week, the past week is not: why it did break", OLD))
    answer = await asked(service, "why did the upload break last week", "why did the upload break")
    assert answer.found[0].memory.timestamp == THEN


@pytest.mark.parametrize("text", ["what happened last week", "last week", "What did we work on last week?"])
async def test_without_another_subject_it_is_all_of_then_newest_first(service: Service, text: str) -> None:
    answer = await asked(service, text, text.replace("last week", ""))
    assert answer.in_period
    assert answer.strategy == "list"
    assert {each.memory.timestamp for each in answer.found} == {THEN}
    assert (answer.total, answer.exact) == (2, True)


async def test_what_is_counted_is_of_then_alone_where_there_is_no_other_subject(service: Service) -> None:
    await service.remember(noted("Last week is a calendar week", OLD))
    answer = await asked(service, "what happened last week", "what happened", facets=True)
    assert (answer.total, sum(answer.facets["month"].values())) == (2, 2)


async def test_where_nothing_was_said_then_its_words_are_words_like_others(service: Service) -> None:
    since = NOW - timedelta(days=60)
    await service.remember(noted("Last month is a calendar month", OLD))
    query = Query("last month", project="p", period=period("", since, since + timedelta(days=5)))
    answer = await service.search(query)
    assert not answer.in_period
    assert answer.found[0].memory.content == "Last month is a calendar month"


async def test_a_span_that_is_given_and_the_newest_first_go_before_it(service: Service) -> None:
    text = "the upload broke, a timeout of the gateway"
    newest = await asked(service, text, text, sort=Sort.NEWEST)
    assert [each.memory.timestamp for each in newest.found] == [NEW, THEN, OLD]
    given = await asked(service, "upload last week", "upload", filter=Filter(since=NOW - timedelta(days=1)))
    assert [each.memory.timestamp for each in given.found] == [NEW]
    assert not newest.in_period
    assert not given.in_period


@pytest.mark.parametrize(
    ("text", "has_one"),
    [
        *(
            (text, False)
            for text in ("", "what did we do", "What happened?", "what was discussed", "show me the sessions")
        ),
        *(
            (text, False)
            for text in (
                *("was haben wir gemacht", "Was ist passiert?", "Was war die ?", "qu'est-ce que nous avons fait"),
                *(
                    "qué hicimos",
                    "cosa abbiamo fatto",
                    "o que fizemos",
                    "wat hebben we gedaan",
                    "\u0447\u0442\u043e \u0441\u043b\u0443\u0447\u0438\u043b\u043e\u0441\u044c",
                ),
            )
        ),
        *(
            (text, True)
            for text in (
                "what broke",
                "what did we decide",
                "uploads",
                "was ist kaputt",
                "qué decidimos",
                "who moved lunch",
                "\u4f1a\u8bae",
            )
        ),
    ],
)
def test_a_query_has_a_subject_if_a_word_says_what_it_is_about(text: str, has_one: bool) -> None:
    assert has_subject(text) is has_one
