"""Which pairs of decisions both hold, as their user said: these are not proposed as replacements again.

They are kept beside the memories by the keys of their ids, without any text; a pair of which one is deleted names
nothing, until it is brought back.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from services.memory.domain.memories import id_key
from services.memory.domain.store import MemoryStore

kept_max = 2_000
"""Pairs of one user; of more, those go that were said first."""


class KeptPairs:
    """Of all users of a store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._changing = asyncio.Lock()

    async def sequences(self, user: str) -> frozenset[tuple[int, int]]:
        """The user's pairs as the sequences of their memories, the newer one first; without those that are gone."""
        pairs = await self._read(user)
        known = await self._store.sequences_of(sorted({key for pair in pairs for key in pair})) if pairs else {}
        return frozenset((known[newer], known[older]) for newer, older in pairs if newer in known and older in known)

    async def among(self, user: str, id: str, others: Sequence[str]) -> set[str]:
        """Those of the ids that name a memory which holds beside that of `id`, as the user said."""
        pairs, key = set(await self._read(user)), str(id_key(user, id))
        keys = {each: str(id_key(user, each)) for each in others}
        return {each for each, other in keys.items() if pairs & {(key, other), (other, key)}}

    async def set(self, user: str, newer: str, older: str, *, both_hold: bool) -> None:
        """Notes that the memories with these ids both hold, or that this is open again."""
        pair = (str(id_key(user, newer)), str(id_key(user, older)))
        async with self._changing:
            before = await self._read(user)
            after = [each for each in before if each != pair] + [pair] * both_hold
            if after != before:
                await self._store.keep_upkeep(_name(user), json.dumps(after[-kept_max:]))

    async def _read(self, user: str) -> list[tuple[str, str]]:
        text = await self._store.upkeep(_name(user))
        return [(newer, older) for newer, older in json.loads(text)] if text else []


def _name(user: str) -> str:
    return f"both_hold:{user}"
