"""One user's index: made from the store, then kept up with it by version."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from services.memory.domain.followed_store import Change, FollowedStore, UserVersions
from services.memory.domain.rows import Embedded, Loaded, Sequences
from services.memory.domain.store import Inventory
from services.memory.index.cells.cell_files import CellFile
from services.memory.index.cells.cell_index import CellIndex, RecentEntries
from services.memory.index.cells.shared_memories import Shared, SharedMemories, user_voids
from services.memory.index.entries import NewEntry
from services.memory.index.loaded_entries import loaded_entries
from services.memory.search.voids import NO_VOIDS, Voids

portion = 500
"""Memories whose texts are read at a time, after the others are found by their meaning."""


ReadFile: TypeAlias = Callable[[], CellFile | None]


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose memories a cell has, and where they are; the vectors are of `model`."""

    user: str
    store: FollowedStore
    model: str


class Outdated(Exception):
    """What changed since the cell's version is no longer known: it is made anew."""


class Cell:
    """Empty until it is brought up for the first time."""

    def __init__(self, of: Whose, index: CellIndex, recent: RecentEntries, read_file: ReadFile | None = None) -> None:
        self._user, self._store, self._model = of.user, of.store, of.model
        self.index = index
        self._recent = recent
        self._read_file = read_file
        self._version = self._written = -1
        self._is_broken = False
        self._voids: Voids | None = None
        self._shared: dict[str, Shared] = {}
        self._unread: Sequences = np.zeros(0, np.int64)
        self._turn = asyncio.Lock()

    @property
    def is_loaded(self) -> bool:
        """Whether searches may use it."""
        return self._version >= 0

    @property
    def changes_since_file(self) -> int:
        """How many changes no file has yet; at least one if there is no file."""
        return self._version - max(self._written, 0) if self._written != self._version else 0

    async def file(self) -> CellFile | None:
        """What a file is to hold of it; None if there is one already, or the cell lacks any text."""
        async with self._turn:
            is_whole = self._voids is not None and not self.index.unread and not self.index.unreadable
            if not is_whole or self._version == self._written:
                return None
            self._written = self._version
            return CellFile(await self.index.contents(), self._version)

    async def bring_up(self, versions: UserVersions, shared: SharedMemories, read_at_once_max: int) -> None:
        """Brings in all that there was at these versions. Outdated if that is only possible for a new cell.

        Of a cell that is empty yet, texts of more than `read_at_once_max` memories are read later, by `read_texts`.
        """
        async with self._turn:
            others = {
                owner: await shared.of(owner, version)
                for owner, version in sorted(versions.of.items())
                if owner != self._user
            }
            version = versions.of.get(self._user, 0)
            if self._is_broken:
                raise Outdated
            if not self.is_loaded:
                self._is_broken = True  # until it is whole: of half of it, what is deleted meanwhile would stay
                if self._read_file and (file := await asyncio.to_thread(self._read_file)):
                    await self.index.restore(file.contents)
                    self._version = self._written = file.version
                else:
                    await self._load(version, others, read_at_once_max)
                self._is_broken = False
            if self._voids is None or self._version < version or self._is_behind(others):
                await self._follow(version, others, read_at_once_max)
            self.index.state = self._state(versions.epoch)

    def _is_behind(self, others: Mapping[str, Shared]) -> bool:
        known = {owner: its.since for owner, its in self._shared.items()}
        return any(its.since != known[owner] if owner in known else its.entries for owner, its in others.items())

    def _state(self, epoch: str) -> str:
        """Names what is in the index: the same of no other contents."""
        parts = [epoch, self._model, self._version, *((owner, each.since) for owner, each in self._shared.items())]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    async def _load(self, version: int, others: Mapping[str, Shared], read_at_once_max: int) -> None:
        """Reads what the user has, and adds it in the order of storing with what others share."""
        inventory = await self._store.inventory_of(self._model, self._user)
        at_once = len(inventory.sequences) <= read_at_once_max
        entries = await self._entries(inventory.sequences, text=at_once)
        foreign = [entry for its in others.values() for entry in its.entries.values()]
        if at_once:
            await self._bring_in(sorted([*entries, *foreign], key=_sequence))
        else:
            await self._bring_in(entries)
            await self._bring_in(sorted(foreign, key=_sequence))
            self._unread = inventory.sequences
            self.index.unread = len(self._unread)
        self._shared |= others  # those of an earlier moment may lack who shared first since
        await self._rule_out(await user_voids(self._store, self._user))
        self._version = version

    async def _follow(self, version: int, others: Mapping[str, Shared], read_at_once_max: int) -> None:
        voids = self._voids
        if voids is None or self._version < version:
            changes = await self._store.changes(self._user, self._version)
            if changes is None or (voids is None and sum(len(each.sequences) for each in changes) > read_at_once_max):
                raise Outdated
            if changes:
                await self._apply(changes)
                version = changes[-1].version
            voids = await user_voids(self._store, self._user)
        for owner, its in others.items():
            await self._exchange(self._shared.get(owner, Shared()).entries, its.entries)
        self._shared |= others  # those of an earlier moment may lack who shared first since
        await self._rule_out(voids)
        self._version = max(self._version, version)

    async def _apply(self, changes: Sequence[Change]) -> None:
        """Brings each memory that was changed to how it is now, which may be later than the changes."""
        touched = sorted({sequence for each in changes for sequence in each.sequences})
        inventory = await self._store.inventory_of(self._model, self._user, touched)
        stored = set(inventory.sequences.tolist())
        await self.index.take_out([each for each in touched if each not in stored])
        new = await self.index.absent(inventory.sequences.tolist())
        await self._bring_in(await self._new_entries(new, changes))
        self._pass_over_unread(np.asarray(new, np.int64))
        said_s = inventory.sequences, inventory.said_s
        if stale := await self.index.look("stale_times", lambda parts: parts.stale_times(*said_s)):
            await self.index.set_times(stale)
        await self._embed(inventory, {each for one in changes if one.is_of_vectors for each in one.sequences} - {*new})

    async def _new_entries(self, sequences: Iterable[int], changes: Sequence[Change]) -> list[NewEntry]:
        """The entries of memories that are not in the index yet; what was embedded since it was stored is read."""
        embedded = {sequence for each in changes if each.is_of_vectors for sequence in each.sequences}
        recent = {each: entry for each in sequences if (entry := self._recent.take(each)) and each not in embedded}
        left = np.asarray([each for each in sequences if each not in recent], np.int64)
        return sorted([*recent.values(), *await self._entries(left, text=True)], key=_sequence)

    async def _embed(self, inventory: Inventory, sequences: set[int]) -> None:
        stored = inventory.sequences[inventory.embedded]
        wanted = stored[np.isin(stored, sorted(sequences))]
        if len(wanted):
            async for loaded in self._store.load_of(self._user, self._model, wanted, text=False):
                await self.index.set_vectors(_vectors_of(loaded))

    async def _entries(self, sequences: Sequences, *, text: bool) -> list[NewEntry]:
        entries: list[NewEntry] = []
        async for loaded in self._store.load_of(self._user, self._model, sequences, text=text):
            made = await asyncio.to_thread(loaded_entries, loaded, text=text)
            entries += made.entries
            self.index.note_unreadable(made.unreadable)
        return entries

    async def _bring_in(self, entries: Sequence[NewEntry]) -> None:
        if entries:
            await self.index.bring_in(entries)
            self.index.note_size(entries)

    async def _exchange(self, before: Mapping[int, NewEntry], after: Mapping[int, NewEntry]) -> None:
        """Takes out what another user no longer shares so, and brings in what they share now."""
        if before is after:
            return
        gone = [each for each, entry in before.items() if after.get(each) is not entry]
        await self.index.take_out(gone)
        await self._bring_in([entry for each, entry in after.items() if before.get(each) is not entry])

    async def _rule_out(self, voids: Voids) -> None:
        self._voids = voids
        every = [voids, *(each.voids for each in self._shared.values() if each.entries)]
        of = {sequence: void for each in every for sequence, void in each.of.items()}
        await self.index.rule_out(Voids(of, is_empty=all(each.is_empty for each in every)))

    async def read_texts(self) -> None:
        """Reads the texts that were left out when the cell was loaded."""
        while len(self._unread):
            some = self._unread[:portion]
            async for loaded in self._store.load_of(self._user, self._model, some, text=True):
                made = await asyncio.to_thread(loaded_entries, loaded, text=True)
                async with self._turn:
                    entries = [each for each in made.entries if _sequence(each) in self._unread]
                    await self.index.read(entries)
                    self.index.note_texts(entries)
                    self.index.note_unreadable(made.unreadable)
                    await self.index.take_out(made.unreadable)
            self._pass_over_unread(some)
        async with self._turn:
            await self._rule_out(self._voids or NO_VOIDS)  # what says the same is known now

    def _pass_over_unread(self, sequences: Sequences) -> None:
        """Counts these as read."""
        self._unread = self._unread[~np.isin(self._unread, sequences)]
        self.index.unread = len(self._unread)


def _sequence(entry: NewEntry) -> int:
    return entry.entry.sequence


def _vectors_of(loaded: Loaded) -> list[Embedded]:
    columns = zip(loaded.sequence.tolist(), loaded.content_vector, loaded.context_vector, strict=True)
    return [
        Embedded(sequence, np.frombuffer(content, np.float16), np.frombuffer(context, np.float16))
        for sequence, content, context in columns
        if content
    ]
