"""Memories that were read of late, as they are in the database: results and what stands around them repeat."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from services.memory.domain.memories import Memory
from services.memory.storage.duckdb.kept_rows.rewrites import Rewrites

kept_max_bytes = 16 * 1024 * 1024
unasked_max_bytes = 12 * 1024 * 1024
one_max_bytes = 64 * 1024
"""A larger memory is not kept."""
row_bytes = 800
"""What a memory takes beside its text: 660 bytes as measured, and more for each tag."""


class _Kept(NamedTuple):
    owner: str
    memory: Memory
    size: int


class RowCache:
    """Forgets rows that a transaction changed or removed with the first look after it, before which nobody was told of
    it. Used in the event loop alone."""

    def __init__(self, rewrites: Rewrites) -> None:
        self._rewrites = rewrites
        self._seen = rewrites.number
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._bytes = 0
        self.has_all_at_hand = False
        """Whether all that it was to keep unasked was given to it since it forgot everything."""

    @property
    def rewrites(self) -> int:
        """The state of the rows now; what is read from here on is at least as new."""
        return self._rewrites.number

    @property
    def has_room(self) -> bool:
        """Whether what nobody asked for may be kept, too."""
        return self._bytes < unasked_max_bytes

    def visible(self, user: str, sequences: Iterable[int]) -> dict[int, Memory]:
        """Those kept that the user may read: their own, and what others share, with its author."""
        self._forget_rewritten()
        found: dict[int, Memory] = {}
        for sequence in sequences:
            if (kept := self._kept.get(sequence)) is None:
                continue
            owner, memory, _ = kept
            if owner == user or memory.shared:
                found[sequence] = memory if owner == user else replace(memory, author=owner)
                self._kept.move_to_end(sequence)
        return found

    def keep(self, user: str, rows: Mapping[int, Memory], at: int, *, unasked: bool = False) -> None:
        """Keeps what the user read, if nothing has changed since the state `at`. What is kept unasked goes first."""
        self._forget_rewritten()
        if at != self._seen:
            return
        for sequence, memory in rows.items():
            size = memory.size_bytes + row_bytes
            if size <= one_max_bytes and sequence not in self._kept:
                kept = replace(memory, author="") if memory.author else memory
                self._kept[sequence] = _Kept(memory.author or user, kept, size)
                self._kept.move_to_end(sequence, last=not unasked)
                self._bytes += size
        while self._bytes > kept_max_bytes:
            self._forget(next(iter(self._kept)))

    def _forget_rewritten(self) -> None:
        if self._seen == self._rewrites.number:
            return
        self._seen, rows = self._rewrites.since(self._seen)
        self.has_all_at_hand = self.has_all_at_hand and rows is not None
        for sequence in [*self._kept] if rows is None else rows & self._kept.keys():
            self._forget(sequence)

    def _forget(self, sequence: int) -> None:
        self._bytes -= self._kept.pop(sequence).size
