"""The shapes of what searches answer, with the contract's field names."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from pydantic import BaseModel, Field

from services.gateway.answers.memory_results import Lean, MemoryShape, Result, memory_fields
from services.gateway.arguments.query_times import QueryTime
from services.pb import memory_pb2

metadata_entries_max, metadata_value_max_chars = 8, 200
"""What a search result shows of its metadata."""


def _short_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """What of it is short, of the first entries."""
    first = islice(metadata.items(), metadata_entries_max)
    return {name: value for name, value in first if len(json.dumps(value)) <= metadata_value_max_chars}


class Context(Lean):
    """The end of what was said just before in the same session, and the beginning of what was said just after."""

    before: str | None = None
    after: str | None = None


class SearchResult(MemoryShape):
    """One memory that was found."""

    score: float = Field(description="0 to 1; results are ordered by it")
    similarity_score: float | None = Field(description="Cosine of the embeddings, -1 to 1")
    matched: str = Field(description="semantic, text or both; filter without a query")
    context: Context
    folded: int = Field(description="More that say the same in the same words")
    folded_ids: list[str]

    @classmethod
    def of_found(cls, found: memory_pb2.Found) -> SearchResult:
        """The same result."""
        around = Context(
            before=found.before.content if found.HasField("before") else None,
            after=found.after.content if found.HasField("after") else None,
        )
        similarity = round(found.similarity, 4) if found.HasField("similarity") else None
        fields = memory_fields(found.memory)
        return cls(
            **fields | {"metadata": _short_metadata(fields["metadata"])},
            score=round(found.score, 4),
            similarity_score=similarity,
            matched=found.matched,
            context=around,
            folded=found.folded,
            folded_ids=list(found.folded_ids),
        )


_period = "The time that the query names, as it was understood"


def _is_none(value: object) -> bool:
    return value is None


class PeriodShape(BaseModel):
    """The time that a query names in words, as it was understood: what was said then comes first."""

    words: str
    since: str
    until: str

    @classmethod
    def of(cls, named: QueryTime | None) -> PeriodShape | None:
        """The same period."""
        return cls(words=named.words, since=named.begin, until=named.end) if named else None


class SearchAnswer(Result):
    """Answer of the searches."""

    results: list[SearchResult]
    total_found: int
    total_is_exact: bool = Field(description="False: there are at least total_found")
    search_strategy: str = Field(description="hybrid, text_fallback (words alone), or list (no query)")
    took_ms: float
    truncated: bool = Field(description="Whether max_tokens, or the answer's size, left results out")
    suggestions: list[str]
    nearest: SearchResult | None = Field(description="Where nothing is found: what scored best, and does not answer")
    next_cursor: str | None = Field(description="For get_more_results, where the answer's size left results out")
    period: PeriodShape | None = Field(None, description=_period, exclude_if=_is_none)

    @classmethod
    def of(cls, answer: memory_pb2.SearchResponse, named: QueryTime | None = None) -> SearchAnswer:
        """The same answer, to a query that names this time."""
        return cls(**_search_fields(answer), period=PeriodShape.of(named))


def nearest(answer: memory_pb2.SearchResponse) -> SearchResult | None:
    """What scored best where nothing is found."""
    return SearchResult.of_found(answer.nearest) if answer.HasField("nearest") else None


def _search_fields(answer: memory_pb2.SearchResponse) -> dict[str, Any]:
    return {
        "results": [SearchResult.of_found(each) for each in answer.results],
        "total_found": answer.total_found,
        "total_is_exact": not answer.at_least,
        "search_strategy": answer.search_strategy,
        "took_ms": round(answer.took_ms, 3),
        "truncated": answer.truncated,
        "suggestions": list(answer.suggestions),
        "nearest": nearest(answer),
        "next_cursor": answer.next_cursor or None,
    }


class FacetsShape(BaseModel):
    """How many of all that was found have each value, most first."""

    project: dict[str, int]
    content_type: dict[str, int]
    tags: dict[str, int]
    month: dict[str, int]


class AdvancedAnswer(SearchAnswer):
    """Answer of `advanced_search`."""

    next_cursor: str | None = Field(description="For the next results: the same call with this cursor")
    facets: FacetsShape | None

    @classmethod
    def of(cls, answer: memory_pb2.SearchResponse, named: QueryTime | None = None) -> AdvancedAnswer:
        """The same answer, to a query that names this time."""
        facets = {name: {each.value: each.count for each in facet.counts} for name, facet in answer.facets.items()}
        return cls(
            **_search_fields(answer),
            period=PeriodShape.of(named),
            facets=FacetsShape(**facets) if facets else None,
        )


class QuickAnswer(Result):
    """Answer of `quick_search`."""

    total_count: int
    total_is_exact: bool = Field(description="False: there are at least total_count")
    top_result: SearchResult | None
    has_more: bool
    nearest: SearchResult | None = Field(description="Where nothing is found: what scored best, and does not answer")
    cursor: str | None = Field(description="For get_more_results")
    period: PeriodShape | None = Field(None, description=_period, exclude_if=_is_none)

    @classmethod
    def of(cls, answer: memory_pb2.SearchResponse, named: QueryTime | None = None) -> QuickAnswer:
        """The same answer, to a query that names this time."""
        return cls(
            total_count=answer.total_found,
            total_is_exact=not answer.at_least,
            top_result=SearchResult.of_found(answer.results[0]) if answer.results else None,
            has_more=bool(answer.next_cursor),
            nearest=nearest(answer),
            cursor=answer.next_cursor or None,
            period=PeriodShape.of(named),
        )


class MoreAnswer(Result):
    """Answer of `get_more_results`."""

    results: list[SearchResult]
    has_more: bool
    next_cursor: str | None

    @classmethod
    def of(cls, answer: memory_pb2.SearchResponse) -> MoreAnswer:
        """The same answer."""
        return cls(
            results=[SearchResult.of_found(each) for each in answer.results],
            has_more=bool(answer.next_cursor),
            next_cursor=answer.next_cursor or None,
        )
