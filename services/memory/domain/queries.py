"""Queries for memories and their results: the search side of the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.kit.errors import InvalidInput
from services.kit.visible_text import is_blank
from services.memory.domain.memories import Memory, at_most, name_max_chars, tags_max, utf8_bytes
from services.memory.text.chunks import Span
from services.memory.text.dialogue import asks
from services.memory.text.turn_kinds import NAMED

query_max_chars = 10_000
limit_max = 50
best_min_score, answer_min_score = 0.1, 0.165
"""The score that the best result must have where the caller names none; otherwise nothing is found. The second is for
questions, which have an answer or none; other words look for what is near. Chosen so that of the answered questions of
three sets fewer than three in a hundred are lost in each; of questions about something else nine in ten find nothing
then, of those that ask for what nobody said of a known subject three in four or more
(tests/performance/conversations.py, tests/performance/corpora/coding)."""
shown_min_score = 0.05
"""The score that every other result must have then: of those that answer, none had less."""
path_max_chars = 1_000
page_max_bytes = 4 * 1024 * 1024
"""A page ends with the result that reaches this size and has a cursor for the rest. It fits into one RPC message, and
leaves room for what the gateway adds."""


class ContentType(StrEnum):
    """Values of `content_type`: a kind of memory, or memories that contain code."""

    CODE = "code"
    CONVERSATION = "conversation"
    REFLECTION = "reflection"


class Sort(StrEnum):
    """The order of results."""

    RELEVANCE = "relevance"
    NEWEST = "newest"


class Author(StrEnum):
    """Whose memories: the user's own, what others share with them, or both."""

    ALL = "all"
    MINE = "mine"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on a result, all of which must hold. `until` is exclusive."""

    content_type: ContentType | None = None
    tags: tuple[str, ...] = ()
    session_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    file_path: str = ""
    role: str = ""
    turn_kind: str = ""
    in_force: bool = False
    """Leaves out what was replaced or withdrawn."""
    out_of_force: bool = False
    """Leaves out what was not."""

    @property
    def is_a_stretch(self) -> bool:
        """Whether it asks for what was said in a session or a span of time: of that nothing is left out as alike."""
        return bool(self.session_id or self.since or self.until)

    @property
    def period_s(self) -> tuple[float, float] | None:
        """Its first second since 1970 and the first after it, where both are given."""
        return (self.since.timestamp(), self.until.timestamp()) if self.since and self.until else None

    @property
    def is_about_something(self) -> bool:
        """Whether it names what is looked for, so that all it passes answers, whatever its score."""
        return bool(self.tags or self.session_id or self.file_path)


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a query names in words, `until` exclusive, and the query without them."""

    since: datetime
    until: datetime
    rest: str


@dataclass(frozen=True, slots=True)
class ExactQuestion:
    """That a query asks for the newest of what matches, else how many match; and the query without the words that ask
    it, and without those for a period. Of decisions, what is marked as one comes first."""

    rest: str
    is_newest: bool = False
    of_decisions: bool = False


class CountedBy(StrEnum):
    """What a total counts: what is likely enough, what matches by words or by meaning, or what passes the filter."""

    LIKENESS = "likeness"
    MATCH = "match"
    FILTER = "filter"


@dataclass(frozen=True, slots=True)
class Query:
    """A search; `project` empty means all of the user's projects. Where it `is_list`, all that the filter passes is
    asked for, newest first, and the text says nothing. No `min_score` is the usual one."""

    text: str
    limit: int = 10
    min_score: float | None = 0.0
    project: str = ""
    include_related_projects: bool = True
    max_tokens: int = 0
    filter: Filter = EVERYTHING
    sort: Sort = Sort.RELEVANCE
    cursor: str = ""
    paged: bool = False
    facets: bool = False
    is_list: bool = False
    content_max_chars: int = 0
    context_max_chars: int = 0
    period: Period | None = None
    """What was said then comes first; where there is nothing of then, its words are words like others."""
    exact: ExactQuestion | None = None
    """Where nothing is found by the rest of the query, its words are words like others."""

    @property
    def asks_newest(self) -> bool:
        """Whether its words ask for the newest first."""
        return self.exact is not None and self.exact.is_newest and self.sort is Sort.RELEVANCE

    @property
    def within(self) -> Filter | None:
        """The filter that passes what was said in the period as well; None where the query has none."""
        if self.period is None or self.sort is Sort.NEWEST or self.filter.since or self.filter.until:
            return None
        return replace(self.filter, since=self.period.since, until=self.period.until)

    @property
    def bounds(self) -> PageBounds:
        """How large a page may be."""
        return PageBounds(self.limit, self.max_tokens, self.content_max_chars, self.context_max_chars)

    @property
    def least_score(self) -> float:
        """The score that a result must have: the caller's, or the usual one."""
        usual = 0.0 if self.filter.is_about_something else shown_min_score
        return usual if self.min_score is None else self.min_score

    @property
    def seeks_answer(self) -> bool:
        """Whether nothing is shown unless it answers: the caller names no least score and no thing that it is about."""
        return self.min_score is None and not self.filter.is_about_something

    @property
    def least_best_score(self) -> float:
        """The score that the best result must have; otherwise nothing is found."""
        if not self.seeks_answer:
            return self.min_score or 0.0
        return answer_min_score if asks(self.text) else best_min_score


@dataclass(frozen=True, slots=True)
class PageBounds:
    """How large a page of results may be: how many, in about how many tokens in all that a client is sent, and with how
    many characters of each content, and of what stands around it; 0 is any."""

    limit: int
    max_tokens: int = 0
    content_max_chars: int = 0
    context_max_chars: int = 0


class Beside(NamedTuple):
    """What stands before or after a result in its session: of the content what is shown, and whose it is."""

    id: str
    content: str
    author: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One result: what it is ordered by (`score`, 0-1), the cosine where there is one, and what stood around it.

    `shown` is the part of the content that is shown; None is all of it. `folded` memories say the same in the same
    words and are not shown; `folded_ids` has the first of their ids.
    """

    memory: Memory
    score: float
    similarity: float | None
    matched: str
    before: Beside | None = None
    after: Beside | None = None
    folded: int = 0
    folded_ids: Sequence[str] = ()
    shown: Span | None = None

    @property
    def size_bytes(self) -> int:
        """Its approximate size in an answer."""
        size, content = self.memory.size_bytes, self.memory.content
        if self.shown:
            size -= utf8_bytes(content) - utf8_bytes(content[self.shown.begin : self.shown.end])
        return size + sum(utf8_bytes(each.content) for each in (self.before, self.after) if each)


Facets = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Results:
    """The answer to a search; `next_cursor` is empty where nothing follows, or the query was not `paged` and the answer
    not cut by its size. `total` is `exact`, or there are at least so many. `nearest` is the best of what scores too
    little to be shown, where nothing is."""

    found: Sequence[Found]
    total: int
    strategy: str
    took_ms: float
    truncated: bool = False
    suggestions: Sequence[str] = ()
    next_cursor: str = ""
    facets: Facets = field(default_factory=dict)
    exact: bool = True
    nearest: Found | None = None
    in_period: bool = False
    """Whether the query's period counted."""
    matching: int | None = None
    """How many memories have all words of the query; None where that is not known, or there is no query."""
    newest_first: int = 0
    """How many of the first match, and are in the order of time."""
    counted_by: CountedBy = CountedBy.LIKENESS


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A list without a query; `project` empty means all of the user's projects, `cursor` empty the first page."""

    project: str = ""
    include_related_projects: bool = False
    filter: Filter = EVERYTHING
    author: Author = Author.ALL
    oldest_first: bool = False
    limit: int = 20
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class MemoryList:
    """A page of a list: `total` counts all pages together, `next_cursor` is empty after the last one."""

    memories: Sequence[Memory]
    total: int
    next_cursor: str = ""


def check_query(query: Query) -> Query:
    """The query, or InvalidInput or LimitExceeded with what is wrong with it."""
    if is_blank(query.text) and not query.is_list:
        raise InvalidInput("query is empty.")
    if query.min_score is not None and not 0.0 <= query.min_score <= 1.0:
        raise InvalidInput(f"min_score is {query.min_score}; it takes 0 to 1.")
    if min(query.max_tokens, query.content_max_chars, query.context_max_chars) < 0:
        raise InvalidInput("max_tokens is negative.")
    checked_limit(query.limit)
    at_most(len(query.text), query_max_chars, "query", "characters")
    check_filter(query.within or query.filter)
    return query


def checked_limit(limit: int) -> int:
    """The limit, or InvalidInput."""
    if not 1 <= limit <= limit_max:
        raise InvalidInput(f"limit is {limit}; it takes 1 to {limit_max}.")
    return limit


def check_filter(given: Filter) -> None:
    """InvalidInput or LimitExceeded where something is wrong with it."""
    at_most(len(given.tags), tags_max, "tags", "tags")
    for tag in given.tags:
        at_most(len(tag), name_max_chars, "a tag", "characters")
    if given.turn_kind and given.turn_kind not in NAMED:
        raise InvalidInput(f"turn_kind takes {', '.join(sorted(NAMED))}.")
    at_most(len(given.file_path), path_max_chars, "file_path", "characters")
    if given.since and given.until and given.since >= given.until:
        raise InvalidInput("since is not before until.", "Exchange the two.")
