"""Which questions are taken, and how large an answer counts as."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.kit.errors import InvalidInput, TooLarge
from services.memory.domain.memories import Kind, Memory
from services.memory.domain.queries import Beside, Filter, Found, Query, check_query, limit_max, query_max_chars
from services.memory.text.chunks import Span

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "query",
    [
        Query("pump"),
        Query("x" * query_max_chars, limit=limit_max, min_score=1.0),
        Query("pump", limit=1, min_score=0.0, filter=Filter(since=NOW, until=NOW + timedelta(microseconds=1))),
    ],
)
def test_what_is_within_the_limits_is_asked_as_it_is(query: Query) -> None:
    assert check_query(query) == query


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (Query(" \n"), "query is empty"),
        (Query("\x00 \u200b\ufeff\u3164"), "query is empty"),
        (Query("pump", limit=0), "limit is 0; it takes 1 to 50"),
        (Query("pump", limit=limit_max + 1), "limit is 51"),
        (Query("pump", min_score=-0.1), "min_score is -0.1"),
        (Query("pump", min_score=1.1), "min_score is 1.1"),
        (Query("pump", min_score=float("nan")), "min_score is nan"),
        (Query("pump", max_tokens=-1), "max_tokens"),
        (Query("pump", filter=Filter(since=NOW, until=NOW)), "since is not before until"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_argument(query: Query, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        check_query(query)


@pytest.mark.parametrize(
    "query",
    [
        Query("x" * (query_max_chars + 1)),
        Query("pump", filter=Filter(tags=tuple(map(str, range(51))))),
        Query("pump", filter=Filter(tags=("t" * 201,))),
        Query("pump", filter=Filter(file_path="p" * 1001)),
    ],
)
def test_what_is_too_much_is_refused(query: Query) -> None:
    with pytest.raises(TooLarge):
        check_query(query)


def test_a_result_counts_with_what_stood_around_it() -> None:
    memory = Memory("é" * 100, Kind.REFLECTION, "boat", NOW)
    alone = Found(memory, 0.5, None, "words")
    assert alone.size_bytes == memory.size_bytes >= 200
    beside = Beside("other", "é" * 50)
    assert Found(memory, 0.5, None, "words", before=beside, after=beside).size_bytes == alone.size_bytes + 200
    part = Found(memory, 0.5, None, "words", shown=Span(10, 20))
    assert part.size_bytes == alone.size_bytes - 180
