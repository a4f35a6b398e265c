"""Memories in the order of time, in pages: without a query nothing is ranked, and nothing is left out."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.kit.errors import InvalidInput
from services.memory.domain.memories import Memory
from services.memory.domain.queries import ListQuery, MemoryList, check_filter, checked_limit, page_max_bytes
from services.memory.domain.store import MemoryStore
from services.memory.index.catalogue import Timeline
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.link_projects import Linking
from services.memory.search.force import mark

piece_max = 25
"""So many memories are read at a time."""
_cursor_form = struct.Struct(">?dq")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the last memory's time and sequence. What is stored meanwhile moves no page."""

    oldest_first: bool
    timestamp_s: float
    sequence: int

    def cursor(self) -> str:
        """It as text."""
        packed = _cursor_form.pack(self.oldest_first, self.timestamp_s, self.sequence)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(cursor: str, *, oldest_first: bool) -> Position:
    """The position; InvalidInput for what is no cursor, or one of the other order."""
    try:
        position = Position(*_cursor_form.unpack(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", True)))
    except (ValueError, struct.error) as error:
        raise InvalidInput(
            "That is no cursor of a list.", "Pass on the cursor of an earlier answer as it is."
        ) from error
    if position.oldest_first != oldest_first:
        raise InvalidInput("That cursor belongs to the other order.", "Repeat the list that it came from.")
    return position


@dataclass(frozen=True, slots=True)
class Listing:
    """What listing needs."""

    store: MemoryStore
    index: MemoryIndex
    linking: Linking

    async def list(self, user: str, query: ListQuery) -> MemoryList:
        """A page of all that the user may read and the filter passes; those of one moment in the order of storing."""
        limit = checked_limit(query.limit)
        check_filter(query.filter)
        position = read_cursor(query.cursor, oldest_first=query.oldest_first) if query.cursor else None
        projects = await self.linking.search_scope(user, query.project, related=query.include_related_projects)
        timeline = await self.index.timeline(user, projects, query.filter, query.author)
        order = _places(timeline, position, oldest_first=query.oldest_first)
        memories, last = await self._page(user, timeline.sequence[order], limit)
        if last + 1 >= len(order):
            return MemoryList(memories, len(timeline.sequence))
        at = order[last]
        end = Position(query.oldest_first, float(timeline.timestamp_s[at]), int(timeline.sequence[at]))
        return MemoryList(memories, len(timeline.sequence), end.cursor())

    async def _page(self, user: str, sequences: NDArray[np.int64], limit: int) -> tuple[Sequence[Memory], int]:
        """`limit` of these memories, or as many as an answer may hold; and the place of the last one."""
        page: list[Memory] = []
        place, room = -1, page_max_bytes
        while len(page) < limit and place + 1 < len(sequences) and room > 0:
            piece = sequences[place + 1 : place + 1 + min(limit - len(page), piece_max)].tolist()
            stored = await mark(self.store, self.index.voids, user, await self.store.visible(user, piece))
            for sequence in piece:
                place += 1
                if sequence in stored:  # or it was deleted just now
                    page.append(stored[sequence])
                    room -= stored[sequence].size_bytes
                    if room <= 0:
                        break
        return page, place


def _places(timeline: Timeline, after: Position | None, *, oldest_first: bool) -> NDArray[np.int64]:
    """The places in the timeline, in the order that is asked for, that come after a position."""
    places = np.arange(len(timeline.sequence)) if oldest_first else np.arange(len(timeline.sequence))[::-1]
    if after is None:
        return places
    time_s, sequence = timeline.timestamp_s[places], timeline.sequence[places]
    if oldest_first:
        later = (time_s > after.timestamp_s) | ((time_s == after.timestamp_s) & (sequence > after.sequence))
    else:
        later = (time_s < after.timestamp_s) | ((time_s == after.timestamp_s) & (sequence < after.sequence))
    return np.asarray(places[later])
