"""Reading memories: those kept from memory, the rest from the database; and keeping the newest at hand.

A query for one row costs nearly as much as one for thirty: what helps is to need none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from services.memory.domain.memories import Memory
from services.memory.storage.duckdb.columns import placeholders
from services.memory.storage.duckdb.kept_rows.row_cache import RowCache
from services.memory.storage.memory_rows import COLUMNS

portion = 200
"""Rows read at a time, in about 8 ms: other reads run between."""
pause_s = 60.0
"""Between two times of reading all that is to be at hand."""

Readable: TypeAlias = Callable[..., Awaitable[dict[int, Memory | None]]]
"""Takes a name, SQL and its parameters; gives memories by sequence, None for what cannot be read."""
Selected: TypeAlias = Callable[..., Awaitable[list[tuple[Any, ...]]]]
"""Takes the same; gives rows."""


class VisibleRows:
    """Of one database. `keep_at_hand` runs beside."""

    def __init__(self, cache: RowCache, readable: Readable, selected: Selected) -> None:
        self._cache, self._readable, self._selected = cache, readable, selected
        self._was_missed = asyncio.Event()

    async def visible(self, user: str, sequences: Sequence[int]) -> dict[int, Memory]:
        """The user's own and what others share, in the order of `sequences`."""
        known = self._cache.visible(user, sequences)
        missing = [sequence for sequence in sequences if sequence not in known]
        if not missing:
            return known
        at = self._cache.rewrites
        sql = f"""
            SELECT {COLUMNS}, CASE WHEN user_id = ? THEN '' ELSE user_id END AS author FROM memories
            WHERE sequence IN ({placeholders(missing)}) AND (user_id = ? OR shared)
        """  # noqa: S608  # marks only
        rows = await self._readable("seen", sql, user, *missing, user)
        found = {sequence: memory for sequence, memory in rows.items() if memory}
        self._cache.keep(user, found, at)
        self._was_missed.set()
        return {each: (known.get(each) or found[each]) for each in sequences if each in known or each in found}

    async def keep_at_hand(self) -> None:
        """Keeps the newest memories of all users, as many as there is room for, as soon as one that is not kept is
        asked for; and again after what may have changed any of them."""
        while True:
            await self._was_missed.wait()
            self._was_missed.clear()
            if not self._cache.has_all_at_hand:
                await self._keep_newest()
                await asyncio.sleep(pause_s)

    async def _keep_newest(self) -> None:
        self._cache.has_all_at_hand = True  # unless what is read is forgotten meanwhile
        newest = (await self._selected("newest sequence", "SELECT max(sequence) FROM memories"))[0][0] or 0
        sql = f"SELECT {COLUMNS}, user_id AS author FROM memories WHERE sequence BETWEEN ? AND ?"  # noqa: S608  # ours
        for last in range(newest, 0, -portion):
            if not self._cache.has_room:
                return
            at = self._cache.rewrites
            rows = await self._readable("at hand", sql, last - portion + 1, last)
            found = {sequence: memory for sequence, memory in sorted(rows.items(), reverse=True) if memory}
            self._cache.keep("", found, at, unasked=True)
