"""Search: candidates with their signals, scoring, and the rows of the best."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.kit.errors import InvalidInput, NotFound
from services.kit.observability import telemetry
from services.memory.domain.memories import Memory, Surroundings, neighbours_max
from services.memory.domain.queries import (
    EVERYTHING,
    CountedBy,
    Facets,
    Filter,
    PageBounds,
    Query,
    Results,
    Sort,
    check_query,
    checked_limit,
    page_max_bytes,
)
from services.memory.domain.store import MemoryStore
from services.memory.embedder import Embedder
from services.memory.imports.decisions import DECISION
from services.memory.index.asked import Asked, Candidates
from services.memory.index.facet_counts import FacetCounts
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.link_projects import Linking
from services.memory.search.answer_forms import answer_form
from services.memory.search.excerpts import sought_of
from services.memory.search.force import mark, replacements_first
from services.memory.search.index_query import IndexQueries
from services.memory.search.relevance import relevance
from services.memory.search.result_cache import EncodedPage, SearchCache, query_key
from services.memory.search.result_list import UNCOUNTED, Ranking, hide, list_ranking, newest_first, rows_max
from services.memory.search.result_list import ranking as ranked
from services.memory.search.result_pages import ResultPages
from services.memory.search.scoring import rank
from services.memory.text.subjects import has_subject
from services.memory.text.terms import query_terms

formed_among = 50
"""Results in which the form of an answer is looked for."""
_cursor_form = re.compile(r"([\w-]{6,40})\.(\d{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """Serialised results, and the duration of this search, which they do not include."""

    content: bytes
    took_ms: float


@dataclass(frozen=True, slots=True)
class Searching:
    """The dependencies of searching; `embedder` is None if there is no usable model."""

    store: MemoryStore
    index: MemoryIndex
    embedder: Embedder | None
    linking: Linking
    cache: SearchCache

    async def search(self, user: str, query: Query, encode: Callable[[Results], bytes]) -> Answer:
        """The user's best memories for the query, best first, as `encode` makes them ready to be sent and kept."""
        began = time.perf_counter()
        query = check_query(query)
        projects = await self.linking.search_scope(user, query.project, related=query.include_related_projects)
        generation = self.index.state or await self.cache.generations.of(user, projects)
        asked = _without_paging(query)
        key = query_key(user, projects, generation, asked, self.embedder is None) if generation else ""
        page_key = query_key(key, query) if key else ""
        page = self.cache.page(page_key)
        if page is None:
            ranking = await self._ranking(user, projects, query, key)
            page = EncodedPage(encode(await self._results(user, projects, ranking, query)), ranking.strategy)
            if self._is_whole(ranking):
                self.cache.keep_page(page_key, page)
        took_s = time.perf_counter() - began
        took = telemetry.duration("segue.search.duration", "Duration of searches")
        took.record(took_s, {"segue.strategy": page.strategy})
        return Answer(page.content, took_s * 1e3)

    @property
    def _index_queries(self) -> IndexQueries:
        return IndexQueries(self.index, self.embedder)

    @property
    def _pages(self) -> ResultPages:
        return ResultPages(self.store, self.index)

    async def more(self, user: str, cursor: str, bounds: PageBounds) -> Results:
        """The results after a cursor."""
        began = time.perf_counter()
        name, offset = _read_cursor(cursor)
        ranking = await self.cache.at_cursor(user, name)
        checked_limit(bounds.limit)
        sought = sought_of(self.cache.cursor_text(user, name))
        page = await self._pages.page(user, ranking, offset, bounds, sought)
        return Results(
            found=page.found,
            total=ranking.total,
            exact=ranking.exact,
            strategy=ranking.strategy,
            took_ms=(time.perf_counter() - began) * 1e3,
            truncated=page.truncated,
            next_cursor=_cursor(name, page.following, ranking),
        )

    async def _ranking(self, user: str, projects: Sequence[str], query: Query, key: str) -> Ranking:
        """The whole ranking: of a cursor, from the cache, or computed now."""
        if query.cursor:
            name, _ = _read_cursor(query.cursor)
            return await self.cache.at_cursor(user, name, query_key(_without_paging(query)))
        found = await self.cache.ranking(key)
        if found is not None:
            return found
        made = await self._new_ranking(user, projects, query)
        if self._is_whole(made):
            await self.cache.keep_ranking(key, made)
        return made

    async def _new_ranking(self, user: str, projects: Sequence[str], query: Query) -> Ranking:
        asked = await self.question(user, projects, query)
        if asked is None:
            return await self._list_of_all(user, projects, query)
        candidates, scores = await self.candidates(user, projects, query, asked)
        made = await self.in_form(user, query, ranked(candidates, scores, query))
        if query.exact and not len(made):
            return await self._new_ranking(user, projects, replace(query, exact=None))
        if query.asks_newest:
            made = await self.newest_of(user, projects, query, asked, made)
        return replace(
            made,
            exact=made.exact and not self.index.unread,
            is_degraded=asked.is_degraded,
            in_period=asked.within is not None,
        )

    async def _list_of_all(self, user: str, projects: Sequence[str], query: Query) -> Ranking:
        """All that is asked for where the query has no subject, the newest first."""
        is_then = query.within is not None and await self.index.holds_any(user, projects, query.within)
        within = query.within if query.within and is_then and not query.is_list else query.filter
        if query.exact and query.exact.of_decisions:
            marked = _of_decisions(within)
            within = marked if await self.index.holds_any(user, projects, marked) else within
        listed = list_ranking(await self.index.timeline(user, projects, within))
        return replace(listed, in_period=is_then and not query.is_list, newest=len(listed) if query.asks_newest else 0)

    async def newest_of(self, user: str, projects: Sequence[str], query: Query, asked: Asked, made: Ranking) -> Ranking:
        """The ranking, in which what truly matches comes first, the newest first: of all that there is. What was
        replaced comes after what replaced it, whatever the clocks said."""
        only = asked.within or query.filter
        known = replace(asked, terms=[each for each in asked.terms if each not in asked.nowhere], within=None)
        found = await self.index.newest(user, projects, known, only, rows_max)
        marked = np.zeros(0, np.int64)
        if query.exact and query.exact.of_decisions:
            marked = await self.index.matching(user, projects, known, _of_decisions(only))
        scores, said_s = rank(found.signals, time.time()), found.signals.timestamp_s
        said_s = replacements_first(found.sequence, said_s, said_s, self.index.voids)
        in_turn = replace(found, signals=replace(found.signals, timestamp_s=said_s))
        return newest_first(made, in_turn, scores, query, marked)

    async def question(self, user: str, projects: Sequence[str], query: Query) -> Asked | None:
        """What the query asks of the index; None where it has no subject: all that the filter passes is asked for.

        A time that it names counts where something was said then; its words are no words to look for.
        """
        if query.is_list:
            return None
        text = query.exact.rest if query.exact else query.text
        if query.period is None or query.within is None or not await self.index.holds_any(user, projects, query.within):
            is_bare = query.exact is not None and not has_subject(text)
            return None if is_bare else await self._index_queries.of(user, projects, text)
        rest = text if query.exact else query.period.rest
        if not has_subject(rest):
            return None
        return replace(await self._index_queries.of(user, projects, rest), within=query.within)

    async def candidates(
        self, user: str, projects: Sequence[str], query: Query, asked: Asked
    ) -> tuple[Candidates, NDArray[np.float64]]:
        """The candidates, and the score of each."""
        if query.sort is Sort.NEWEST:
            candidates = await self.index.newest(user, projects, asked, query.filter, rows_max)
            return candidates, rank(candidates.signals, time.time())
        candidates = await self.index.candidates(user, projects, asked, query.filter)
        return candidates, relevance(candidates, time.time(), self.index.voids)

    async def in_form(self, user: str, query: Query, found: Ranking) -> Ranking:
        """The ranking; nothing of it where the query asks for what has a form that none of the first results has, nor
        where it is of signs alone, which mean nothing and are near to anything."""
        if not (query.seeks_answer and len(found)):
            return found
        if not any(map(str.isalnum, query.text)) and not query_terms(query.text):
            return hide(found)
        form = answer_form(query.text)
        if form is None:
            return found
        memories = await self.store.visible(user, found.sequences[:formed_among])
        return found if form.is_in(each.content for each in memories.values()) else hide(found)

    def _is_whole(self, ranking: Ranking) -> bool:
        """Whether a later search would find the same: by meaning, too, and in all texts."""
        return not ranking.is_degraded and not self.index.unread

    async def _results(self, user: str, projects: Sequence[str], ranking: Ranking, query: Query) -> Results:
        name, offset = _read_cursor(query.cursor) if query.cursor else ("", 0)
        page = await self._pages.page(user, ranking, offset, query.bounds, sought_of(query.text))
        if (query.paged or page.is_full) and not name and page.following < len(ranking):
            name = await self.cache.open_cursor(user, query_key(_without_paging(query)), ranking, query.text)
        counts = await self._counts(user, projects, ranking, query) if query.facets else None
        is_counted = counts is not None and not query.min_score and not self.index.unread
        return Results(
            found=page.found,
            total=max(ranking.total, counts.total if counts else 0),
            exact=ranking.exact or is_counted,
            strategy=ranking.strategy,
            took_ms=0.0,
            truncated=page.truncated,
            suggestions=() if page.found else await self._suggestions(user, query, ranking),
            next_cursor=_cursor(name, page.following, ranking),
            facets=await self._facets(user, counts) if counts else {},
            nearest=None if page.found else await self._pages.nearest(user, ranking),
            in_period=ranking.in_period,
            matching=None if ranking.matching == UNCOUNTED or self.index.unread else ranking.matching,
            newest_first=ranking.newest,
            counted_by=_counted_by(query, ranking),
        )

    async def _counts(self, user: str, projects: Sequence[str], ranking: Ranking, query: Query) -> FacetCounts:
        """What is counted: all that matches, and what was found besides; with a `min_score` what reaches that alone."""
        found = np.asarray(ranking.sequences, np.int64)
        if query.is_list:
            found = (await self.index.timeline(user, projects, query.filter)).sequence
        elif not query.min_score and len(ranking) and (asked := await self.question(user, projects, query)):
            found = np.union1d(found, await self.index.matching(user, projects, asked, query.filter))
        return await self.index.count(found)

    async def _facets(self, user: str, counts: FacetCounts) -> Facets:
        """How many have each project, content type, tag and month; the most frequent ones, tags as they are written."""
        spelling = dict(counts.spelling)
        examples = await self.store.visible(user, sorted(set(spelling.values())))
        written = {
            tag: next((each for each in examples[sequence].tags if each.casefold() == tag), tag)
            for tag, sequence in spelling.items()
            if sequence in examples
        }
        tags = {written.get(tag, tag): count for tag, count in counts.counts["tags"].items()}
        return {**counts.counts, "tags": tags}

    async def _suggestions(self, user: str, query: Query, ranking: Ranking) -> Sequence[str]:
        """Suggestions if no results are shown."""
        tips = ["Try other words, or fewer."]
        if query.project:
            like = await self.linking.similar(user, query.project)
            tips += [f"Projects of a similar name: {', '.join(like)}."] if like else []
            tips.append("Leave project out to look everywhere.")
        if query.filter != EVERYTHING:
            tips.append("Leave out some of the filters.")
        if ranking.nearest >= 0 and ranking.nearest_score < query.least_best_score:
            tips.append(f"min_score=0 shows what scores less than {query.least_best_score:g}, too.")
        elif ranking.nearest >= 0 and (form := answer_form(query.text)):
            tips.append(
                f"The query asks for a {form.form}, and nothing found has one; min_score=0 shows it all the same."
            )
        return tips

    async def get(self, user: str, id: str, neighbours: int) -> Surroundings:
        """A memory that the user may read, with up to `neighbours` of those before and after it in its session."""
        if not 0 <= neighbours <= neighbours_max:
            raise InvalidInput(f"neighbours is {neighbours}; it takes 0 to {neighbours_max}.")
        sequence = await self.store.find(user, id)
        if sequence is None:
            sequence = await self.store.find_shared(id)
        ((before, after),) = await self.index.around([sequence], neighbours) if sequence is not None else [([], [])]
        memories = await self.store.visible(user, [sequence, *before, *after]) if sequence is not None else {}
        if sequence not in memories:  # or not any more
            raise NotFound("There is no memory with that id.", "Search for it with reflect_on_past.")
        memories = await mark(self.store, self.index.voids, user, memories)
        return _nearest(
            await self._with_versions(user, memories[sequence]),
            [memories[each] for each in before if each in memories],
            [memories[each] for each in after if each in memories],
        )

    async def _with_versions(self, user: str, memory: Memory) -> Memory:
        """The memory with what it was before, which its author alone may read."""
        if memory.author:
            return memory
        return replace(memory, versions=(await self.store.versions(user, [memory.id])).get(memory.id, ()))


def _of_decisions(only: Filter) -> Filter:
    return replace(only, tags=tuple(dict.fromkeys((*only.tags, DECISION))))


def _counted_by(query: Query, ranking: Ranking) -> CountedBy:
    if ranking.is_list:
        return CountedBy.FILTER
    return CountedBy.MATCH if query.sort is Sort.NEWEST else CountedBy.LIKENESS


def _nearest(memory: Memory, before: list[Memory], after: list[Memory]) -> Surroundings:
    """The memory and its neighbours, without the farthest if they exceed the size of a response."""
    size, count = sum(each.size_bytes for each in (memory, *before, *after)), len(before) + len(after)
    while size > page_max_bytes and (before or after):
        farthest = before.pop(0) if len(before) >= len(after) else after.pop()
        size -= farthest.size_bytes
    return Surroundings(memory, before, after, truncated=len(before) + len(after) < count)


def _without_paging(query: Query) -> Query:
    """The query without what only decides how much of the ranking to show."""
    without = replace(query, cursor="", paged=False, facets=False)
    return replace(without, limit=1, max_tokens=0, content_max_chars=0, context_max_chars=0)


def _cursor(name: str, offset: int, ranking: Ranking) -> str:
    return f"{name}.{offset}" if name and offset < len(ranking) else ""


def _read_cursor(cursor: str) -> tuple[str, int]:
    matched = _cursor_form.fullmatch(cursor)
    if matched is None:
        raise InvalidInput("That is no cursor.", "Pass on the cursor of an earlier answer as it is.")
    return matched[1], int(matched[2])
