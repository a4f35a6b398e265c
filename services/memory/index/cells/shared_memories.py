"""What each user shares, read once for all cells that hold it.

With a shared memory goes what a search needs of its author's others, without their text: where they stand in its
session, so that its neighbours are those it has, and the wording of what is not in force.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from services.memory.domain.corrections import voids
from services.memory.domain.followed_store import Change, FollowedStore, SessionRow
from services.memory.index.catalogue import Entry
from services.memory.index.entries import NewEntry
from services.memory.index.labels import Label
from services.memory.index.loaded_entries import loaded_entries
from services.memory.index.postings import EMPTY
from services.memory.search.voids import NO_VOIDS, Voids


@dataclass(frozen=True, slots=True)
class Shared:
    """What one user shares, as of a version: entries by sequence, ascending, and what is not in force of all that the
    user has. `since` is the version in which any of it changed last, as far as is known."""

    version: int = 0
    since: int = 0
    entries: Mapping[int, NewEntry] = field(default_factory=dict)
    voids: Voids = NO_VOIDS


async def user_voids(store: FollowedStore, user: str) -> Voids:
    """What is not in force of the user's memories."""
    found = await store.corrections_of(user)
    if not found.corrections.replacements and not found.corrections.withdrawals:
        return NO_VOIDS
    return Voids(voids(found.corrections, found.sequences), is_empty=False)


class SharedMemories:
    """Kept of every user who shares anything."""

    def __init__(self, store: FollowedStore, model: str) -> None:
        self._store = store
        self._model = model
        self._shared: dict[str, Shared] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, owner: str, version: int) -> Shared:
        """What the owner shares, as of that version at least."""
        known = self._shared.get(owner, Shared())
        if known.version >= version:
            return known
        async with self._turns[owner]:
            known = self._shared.get(owner, Shared())
            if known.version < version:
                known = await self._newer(owner, known, version)
                self._shared[owner] = known
            return known

    async def _newer(self, owner: str, known: Shared, version: int) -> Shared:
        changes = await self._store.changes(owner, known.version) if known.version else None
        if changes is None:
            return await self._read(owner, Shared(), version, ())
        at = changes[-1].version if changes else version
        now = await user_voids(self._store, owner)
        if now == known.voids and not await self._matters(owner, known, changes):
            return replace(known, version=at)
        changed = {sequence for each in changes if each.is_of_vectors for sequence in each.sequences}
        return await self._read(owner, known, at, changed)

    async def _matters(self, owner: str, known: Shared, changes: Sequence[Change]) -> bool:
        """Whether any of the changes is of what is shared, or stands in a session with it."""
        touched = {sequence for each in changes for sequence in each.sequences}
        if not touched.isdisjoint(known.entries):
            return True
        sessions = {_session(each.entry) for each in known.entries.values()} - {None}
        rows = await self._store.session_rows(owner, sorted(touched))
        return any(row.shared or _session(row) in sessions for row in rows)

    async def _read(self, owner: str, known: Shared, version: int, changed: Iterable[int]) -> Shared:
        """All of it, with the entries that are known already where nothing changed in them."""
        found = await user_voids(self._store, owner)
        rows = await self._store.session_rows(owner)
        shared = {row.sequence for row in rows if row.shared}
        sessions = {_session(row) for row in rows if row.shared} - {None}
        before = {each: entry for each, entry in known.entries.items() if each not in set(changed)}
        wanted = [row for row in rows if row.shared or row.sequence in found.of or _session(row) in sessions]
        unread = [
            row.sequence
            for row in wanted
            if not _is_whole(before.get(row.sequence), row) and (row.shared or row.sequence in found.of)
        ]
        texts = await self._texts(owner, unread)
        entries: dict[int, NewEntry] = {}
        for row in wanted if shared else ():
            entry = _entry(owner, row, texts.get(row.sequence), before.get(row.sequence))
            if entry is not None:
                entries[row.sequence] = entry
        return Shared(version, version, entries, found)

    async def _texts(self, owner: str, sequences: Sequence[int]) -> Mapping[int, NewEntry]:
        made: dict[int, NewEntry] = {}
        wanted = np.asarray(sorted(sequences), np.int64)
        async for loaded in self._store.load_of(owner, self._model, wanted, text=True):
            entries = (await asyncio.to_thread(loaded_entries, loaded, text=True)).entries
            made |= {each.entry.sequence: each for each in entries}
        return made


def _session(row: SessionRow | Entry) -> tuple[str, str] | None:
    return (row.project, row.session_id) if row.session_id else None


def _is_whole(before: NewEntry | None, row: SessionRow) -> bool:
    """Whether an entry has what is needed of the row's text."""
    return before is not None and (before.entry.shared or (not row.shared and bool(before.entry.wording)))


def _entry(owner: str, row: SessionRow, text: NewEntry | None, before: NewEntry | None) -> NewEntry | None:
    """The entry of a row: all of it if it is shared, else where it stands and how it is worded; the one before if it
    says the same. None for a shared row that cannot be read."""
    whole = text or (before if _is_whole(before, row) else None)
    if row.shared:
        if whole is None:
            return None
        entry = replace(whole.entry, timestamp_s=row.said_s, shared=True)
        return before if before is whole and before.entry == entry else replace(whole, entry=entry)
    wording = whole.entry.wording if whole else 0
    entry = Entry(row.sequence, owner, row.project, row.session_id, row.said_s, wording=wording)
    if before is not None and before.entry == entry:
        return before
    return NewEntry(entry, Label(), EMPTY)
