"""Memories that were read of late, as they are in the database: results and what stands around them repeat."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.memory.domain.memories import Memory
from services.memory.storage.duckdb.writer import Writer

kept_max_bytes = 16 * 1024 * 1024
one_max_bytes = 64 * 1024
"""A larger memory is not kept."""
row_bytes = 2_000
"""What a memory takes beside its text."""


class RowCache:
    """Empties itself with the first look after a transaction that changed or removed rows, before which nobody was
    told of it. Used in the event loop alone."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._rewrites = writer.rewrites
        self._kept: OrderedDict[int, tuple[str, Memory]] = OrderedDict()
        self._bytes = 0

    @property
    def rewrites(self) -> int:
        """The state of the rows now; what is read from here on is at least as new."""
        return self._writer.rewrites

    def visible(self, user: str, sequences: Iterable[int]) -> dict[int, Memory]:
        """Those kept that the user may read: their own, and what others share, with its author."""
        self._forget_changed()
        found: dict[int, Memory] = {}
        for sequence in sequences:
            if (kept := self._kept.get(sequence)) is None:
                continue
            owner, memory = kept
            if owner == user or memory.shared:
                found[sequence] = memory if owner == user else replace(memory, author=owner)
                self._kept.move_to_end(sequence)
        return found

    def keep(self, user: str, rows: Mapping[int, Memory], at: int) -> None:
        """Keeps what the user read, if nothing has changed since the state `at`."""
        self._forget_changed()
        if at != self._rewrites:
            return
        for sequence, memory in rows.items():
            size = memory.size_bytes + row_bytes
            if size <= one_max_bytes and sequence not in self._kept:
                self._kept[sequence] = (memory.author or user, replace(memory, author=""))
                self._bytes += size
        while self._bytes > kept_max_bytes:
            _, (_, memory) = self._kept.popitem(last=False)
            self._bytes -= memory.size_bytes + row_bytes

    def _forget_changed(self) -> None:
        if self._rewrites != self._writer.rewrites:
            self._rewrites = self._writer.rewrites
            self._kept.clear()
            self._bytes = 0
