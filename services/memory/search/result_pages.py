"""Pages of a ranking: its memories are read, and excerpts made of long ones, until the page or its room is full."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from services.memory.domain.memories import Memory
from services.memory.domain.queries import Beside, Found, PageBounds, page_max_bytes
from services.memory.domain.store import MemoryStore
from services.memory.index.memory_index import MemoryIndex
from services.memory.search.answer_tokens import answer_tokens, estimated_tokens, fields_tokens
from services.memory.search.excerpts import NOTHING_SOUGHT, Sought, excerpt
from services.memory.search.force import mark
from services.memory.search.result_list import Ranking
from services.memory.text.chunks import Span

folded_ids_max = 5
piece_max = 25
"""Results read at a time: the largest are 24 MB."""
nearest_chars = 160
"""What is shown of the nearest where nothing is found."""
excerpt_min_chars = 60
"""The best result is shown at least so far, whatever `max_tokens` says."""
shares_min = 5
"""Where `max_tokens` has to do, so many results share it at least, if they fit with the least of their contents."""
good_tokens, least_tokens = 120, 30
"""Of a content, in both forms together: what it takes to say something, and what it takes to see what it is."""
_at_once_chars = 50_000
"""Excerpts of more than this are made in a thread."""


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a ranking with its rows; `following` is the place after the last, `truncated` by max_tokens, or
    where it `is_full`, by what an answer may hold."""

    found: Sequence[Found]
    following: int
    truncated: bool
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class ResultPages:
    """Reads pages from the store."""

    store: MemoryStore
    index: MemoryIndex

    async def page(
        self, user: str, ranking: Ranking, offset: int, bounds: PageBounds, sought: Sought = NOTHING_SOUGHT
    ) -> Page:
        """The results from `offset` on: as many as are still stored, and as the bounds and an answer's size allow."""
        found: list[tuple[int, Found]] = []
        following, room = offset, page_max_bytes
        while len(found) < bounds.limit and following < len(ranking) and room > 0:
            most = min(bounds.limit - len(found), piece_max)
            places = range(following, min(following + most, len(ranking)))
            read = await self._read(user, ranking, places, bounds, sought)
            piece, following, room = _until_full(read, places.stop, room)
            found += piece
        kept = _fitting([each for _, each in found], bounds, sought)
        if len(kept) < len(found):
            return Page(kept, found[len(kept)][0], truncated=True)
        is_full = room <= 0 and len(found) < bounds.limit and following < len(ranking)
        return Page(kept, following, truncated=is_full, is_full=is_full)

    async def nearest(self, user: str, ranking: Ranking) -> Found | None:
        """What scored best where nothing is found, without what stands around it."""
        stored = await self.store.visible(user, [ranking.nearest]) if ranking.nearest >= 0 else {}
        stored = await mark(self.store, self.index.voids, user, stored)
        return next(
            (
                Found(memory, ranking.nearest_score, None, "", shown=excerpt(memory.content, nearest_chars))
                for memory in stored.values()
            ),
            None,
        )

    async def _read(
        self, user: str, ranking: Ranking, places: range, bounds: PageBounds, sought: Sought
    ) -> list[tuple[int, Found]]:
        """The results at these places, with neighbours; without those deleted or no longer shared."""
        rows = ranking.rows[places.start : places.stop]
        needed = {sequence for name in ("sequence", "before", "after") for sequence in rows[name].tolist()} - {-1}
        needed |= {sequence for place in places for sequence in ranking.folded_sequences(place)[:folded_ids_max]}
        memories = await mark(self.store, self.index.voids, user, await self.store.visible(user, sorted(needed)))
        shown = [place for place in places if ranking.sequence(place) in memories]
        if not bounds.content_max_chars:
            return [(place, _result(ranking, place, memories)) for place in shown]
        if sum(len(memories[ranking.sequence(place)].content) for place in shown) > _at_once_chars:
            return await asyncio.to_thread(_excerpts, ranking, shown, memories, bounds, sought)
        return _excerpts(ranking, shown, memories, bounds, sought)


def _result(
    ranking: Ranking, place: int, memories: Mapping[int, Memory], most: int = 0, shown: Span | None = None
) -> Found:
    """The result, with the end of what was before and the beginning of what came after, or all of them."""
    row = ranking.rows[place]
    similarity, folded = float(row["similarity"]), ranking.folded_sequences(place)
    before, after = memories.get(int(row["before"])), memories.get(int(row["after"]))
    return Found(
        memory=memories[ranking.sequence(place)],
        score=float(row["score"]),
        similarity=None if isnan(similarity) else similarity,
        matched=ranking.match_kind(place),
        before=_beside(before, slice(-most, None)) if before else None,
        after=_beside(after, slice(0, most or None)) if after else None,
        folded=len(folded),
        folded_ids=[memories[each].id for each in folded[:folded_ids_max] if each in memories],
        shown=shown,
    )


def _beside(memory: Memory, part: slice) -> Beside:
    return Beside(memory.id, memory.content[part], memory.author, memory.shared)


def _excerpts(
    ranking: Ranking, places: Iterable[int], memories: Mapping[int, Memory], bounds: PageBounds, sought: Sought
) -> list[tuple[int, Found]]:
    """The results with excerpts of their contents."""
    found = []
    for place in places:
        content, chunk = memories[ranking.sequence(place)].content, int(ranking.rows["chunk"][place])
        shown = excerpt(content, bounds.content_max_chars, sought, chunk)
        found.append((place, _result(ranking, place, memories, bounds.context_max_chars, shown)))
    return found


def _until_full(
    piece: Sequence[tuple[int, Found]], following: int, room: int
) -> tuple[Sequence[tuple[int, Found]], int, int]:
    """The results that fit, the place after the last of them, and the remaining space."""
    for number, (place, found) in enumerate(piece):
        if room <= 0:
            return piece[:number], place, room
        room -= found.size_bytes
    return piece, following, room


def _fitting(found: Sequence[Found], bounds: PageBounds, sought: Sought) -> Sequence[Found]:
    """The first of the results, as many as fit into `max_tokens`, with shorter excerpts where need be; at least one."""
    if not bounds.max_tokens or not found:
        return found
    plain = [replace(each, before=None, after=None) for each in found]  # what matters has the room
    fields = [fields_tokens(each) for each in plain]
    left = bounds.max_tokens - answer_tokens
    sizes = [_content_tokens(each) for each in plain]
    count = max(_count(fields, sizes, left, good_tokens), min(_count(fields, sizes, left, least_tokens), shares_min), 1)
    room = left - sum(fields[:count])
    if sum(sizes[:count]) <= room:
        return plain[:count]
    kept: list[Found] = []
    for place, each in enumerate(plain[:count]):
        kept.append(_shorter(each, room // (count - place), sought))
        room -= _content_tokens(kept[-1])
    return kept


def _count(fields: Sequence[int], sizes: Sequence[int], left: int, most: int) -> int:
    """How many of the first fit, where each shows `most` tokens of its content, or all of a shorter one."""
    total = np.cumsum(np.asarray(fields) + np.minimum(sizes, most))
    return int(np.count_nonzero(total <= left))


def _shorter(found: Found, tokens: int, sought: Sought) -> Found:
    """The result with at most about so many tokens of content, in both forms together."""
    content = _content(found)
    needed = _content_tokens(found)
    if needed <= tokens:
        return found
    most = max(len(content) * max(tokens, 0) // max(needed, 1), excerpt_min_chars)
    part = excerpt(content, most, sought)
    begin = found.shown.begin if found.shown else 0
    return replace(found, shown=Span(begin + part.begin, begin + part.end))


def _content_tokens(found: Found) -> int:
    """In both forms, which escape and quote it."""
    return estimated_tokens(_content(found)) * 17 // 8


def _content(found: Found) -> str:
    shown = found.shown
    return found.memory.content[shown.begin : shown.end] if shown else found.memory.content
