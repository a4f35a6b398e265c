"""What is not in force: memories that were replaced or withdrawn, and until when what was said of them is void."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.corrections import Void, voids
from services.memory.domain.store import MemoryStore
from services.memory.index.catalogue import Catalogue, same_s
from services.memory.index.slots.growable_arrays import Slots


@dataclass(frozen=True, slots=True)
class Voids:
    """By sequence. `is_empty` where nothing replaces anything and nothing is withdrawn."""

    of: Mapping[int, Void] = field(default_factory=dict)
    is_empty: bool = True

    def until(self, sequences: NDArray[np.int64]) -> NDArray[np.float64]:
        """Until when each is void, in seconds since 1970; minus infinity where it is not."""
        until = np.full(len(sequences), -np.inf)
        if self.of:
            known = np.fromiter(self.of, np.int64, len(self.of))
            for place in np.flatnonzero(np.isin(sequences, known)).tolist():
                until[place] = self.of[int(sequences[place])].until_s
        return until

    def hold(self, catalogue: Catalogue, slots: Slots) -> NDArray[np.bool_]:
        """Which of `slots` are in force."""
        return np.asarray(
            catalogue.column("timestamp_s")[slots] > self.until(catalogue.column("sequence")[slots]) + same_s
        )

    def replacing(self, sequences: NDArray[np.int64]) -> set[int]:
        """The sequences of what replaces these, and of what replaces that."""
        found, left = set[int](), [each for each in sequences.tolist() if each in self.of] if self.of else []
        while left:
            fresh = {by for each in left if each in self.of for by in self.of[each].by} - found
            found |= fresh
            left = sorted(fresh)
        return found

    def at(self, sequence: int, said: datetime) -> Void | None:
        """What makes a memory void that was last said then; None where it is in force."""
        void = self.of.get(sequence)
        said_s = said.timestamp() - same_s
        return void.since(said_s) if void and said_s <= void.until_s else None


NO_VOIDS = Voids()


async def read_voids(store: MemoryStore) -> Voids:
    """What the store says now."""
    corrections = await store.corrections()
    if not corrections.replacements and not corrections.withdrawals:
        return NO_VOIDS
    replaced = list({each.key for each in corrections.replacements})
    return Voids(voids(corrections, await store.sequences_of(replaced)), is_empty=False)


def with_same_words(known: Voids, catalogue: Catalogue) -> Voids:
    """The same, and all that says the same word for word in the same project of the same user: it is void as long."""
    every = dict(known.of)
    column = catalogue.column
    for sequence, void in known.of.items():
        slot = catalogue.slot(sequence)
        if slot is None or not column("wording")[slot]:
            continue
        alike = np.flatnonzero(column("alive") & (column("wording") == column("wording")[slot]))
        same = (column("user")[alike] == column("user")[slot]) & (column("project")[alike] == column("project")[slot])
        for each in column("sequence")[alike[same]].tolist():
            if each not in void.by and (each not in every or every[each].until_s < void.until_s):
                every[each] = void
    return Voids(every, known.is_empty)
