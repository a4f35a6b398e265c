"""What searches answer, with the contract's field names: the schemas of it, and the answers as they are sent.

Of an answer that has many items no model is made: that would cost more than to find them again.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from pydantic import BaseModel, Field

from services.gateway.answers.memory_results import Lean, MemoryShape, Result, lean, memory_fields
from services.gateway.arguments.query_periods import Reading
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
        return cls(**_fields(found))


def _fields(found: memory_pb2.Found) -> dict[str, Any]:
    fields = memory_fields(found.memory)
    around = {"before": found.before.content, "after": found.after.content}
    return fields | {
        "metadata": _short_metadata(fields["metadata"]),
        "score": round(found.score, 4),
        "similarity_score": round(found.similarity, 4) if found.HasField("similarity") else None,
        "matched": found.matched,
        "context": lean(around),
        "folded": found.folded,
        "folded_ids": list(found.folded_ids),
    }


def result(found: memory_pb2.Found) -> dict[str, Any]:
    """A result as it is sent."""
    return lean(_fields(found))


_period = "The time that the query names, as it was understood"


def _is_none(value: object) -> bool:
    return value is None


class PeriodShape(BaseModel):
    """The time that a query names in words, as it was understood: what was said then comes first."""

    words: str
    since: str
    until: str


class NewestShape(BaseModel):
    """The words of a query that ask for the newest: so many of the first results match, the newest of them first."""

    words: str
    first: int


_newest = "That the query asks for the newest, as it was understood"
_counted_by = "What the total counts: likeness (what is likely enough), match (sort=newest), filter (no query)"
_matching = "How many of all memories have all words of the query: counted, not by likeness"


def _reading_fields(answer: memory_pb2.SearchResponse, read: Reading) -> dict[str, Any]:
    """What the answer says of how it was counted, and of how the query was understood."""
    fields: dict[str, Any] = {"counted_by": answer.counted_by}
    if answer.HasField("total_matching"):
        fields["total_matching"] = answer.total_matching
    if named := read.period:
        fields["period"] = {"words": named.words, "since": named.begin, "until": named.end}
    if read.exact:
        fields["newest"] = {"words": read.exact.words, "first": answer.newest_first}
    return fields


NOTHING_READ = Reading()


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
    counted_by: str = Field(description=_counted_by)
    total_matching: int | None = Field(None, description=_matching, exclude_if=_is_none)
    period: PeriodShape | None = Field(None, description=_period, exclude_if=_is_none)
    newest: NewestShape | None = Field(None, description=_newest, exclude_if=_is_none)


def search_answer(answer: memory_pb2.SearchResponse, read: Reading = NOTHING_READ) -> dict[str, Any]:
    """The answer to a query of which this was understood, as `SearchAnswer`."""
    return {
        "success": True,
        "results": [result(each) for each in answer.results],
        "total_found": answer.total_found,
        "total_is_exact": not answer.at_least,
        "search_strategy": answer.search_strategy,
        "took_ms": round(answer.took_ms, 3),
        "truncated": answer.truncated,
        "suggestions": list(answer.suggestions),
        "nearest": _nearest(answer),
        "next_cursor": answer.next_cursor or None,
        **_reading_fields(answer, read),
    }


def _nearest(answer: memory_pb2.SearchResponse) -> dict[str, Any] | None:
    return result(answer.nearest) if answer.HasField("nearest") else None


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


def advanced_answer(answer: memory_pb2.SearchResponse, read: Reading = NOTHING_READ) -> dict[str, Any]:
    """The answer to a query of which this was understood, as `AdvancedAnswer`."""
    facets = {name: {each.value: each.count for each in facet.counts} for name, facet in answer.facets.items()}
    counted = {name: facets[name] for name in FacetsShape.model_fields} if facets else None
    return search_answer(answer, read) | {"facets": counted}


class QuickAnswer(Result):
    """Answer of `quick_search`."""

    total_count: int
    total_is_exact: bool = Field(description="False: there are at least total_count")
    top_result: SearchResult | None
    has_more: bool
    nearest: SearchResult | None = Field(description="Where nothing is found: what scored best, and does not answer")
    cursor: str | None = Field(description="For get_more_results")
    counted_by: str = Field(description=_counted_by)
    total_matching: int | None = Field(None, description=_matching, exclude_if=_is_none)
    period: PeriodShape | None = Field(None, description=_period, exclude_if=_is_none)
    newest: NewestShape | None = Field(None, description=_newest, exclude_if=_is_none)


def quick_answer(answer: memory_pb2.SearchResponse, read: Reading = NOTHING_READ) -> dict[str, Any]:
    """The answer to a query of which this was understood, as `QuickAnswer`."""
    return {
        "success": True,
        "total_count": answer.total_found,
        "total_is_exact": not answer.at_least,
        "top_result": result(answer.results[0]) if answer.results else None,
        "has_more": bool(answer.next_cursor),
        "nearest": _nearest(answer),
        "cursor": answer.next_cursor or None,
        **_reading_fields(answer, read),
    }


class MoreAnswer(Result):
    """Answer of `get_more_results`."""

    results: list[SearchResult]
    has_more: bool
    next_cursor: str | None


def more_answer(answer: memory_pb2.SearchResponse) -> dict[str, Any]:
    """The next results, as `MoreAnswer`."""
    return {
        "success": True,
        "results": [result(each) for each in answer.results],
        "has_more": bool(answer.next_cursor),
        "next_cursor": answer.next_cursor or None,
    }
