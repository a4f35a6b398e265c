"""What is in force among results: what was replaced or withdrawn is marked, and comes after what replaced it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.memories import Memory
from services.memory.domain.store import MemoryStore
from services.memory.index.catalogue import same_s
from services.memory.search.voids import Voids

Scores = NDArray[np.float64]


async def mark(store: MemoryStore, voids: Voids, user: str, memories: Mapping[int, Memory]) -> dict[int, Memory]:
    """The memories, by sequence; those out of force say so, and by which memories that the user may read."""
    void = {each: found for each, memory in memories.items() if (found := voids.at(each, memory.timestamp))}
    by = {each for found in void.values() for each in found.by}
    known = await store.visible(user, sorted(by)) if by else {}
    return {
        each: replace(
            memory,
            out_of_force=True,
            replaced_by=tuple(known[sequence].id for sequence in void[each].by if sequence in known),
        )
        if each in void
        else memory
        for each, memory in memories.items()
    }


def replacements_first(sequences: NDArray[np.int64], said_s: Scores, scores: Scores, voids: Voids) -> Scores:
    """The scores, in which what replaces another has at least its score, and what is replaced comes right after it."""
    void = np.flatnonzero(said_s <= voids.until(sequences) + same_s).tolist()
    if not void:
        return scores
    place_of = {sequence: place for place, sequence in enumerate(sequences.tolist())}
    by_time = sorted(void, key=lambda place: voids.of[int(sequences[place])].until_s)
    pairs = [
        (place, place_of[by])
        for place in by_time
        for by in voids.of[int(sequences[place])].by
        if by in place_of and place_of[by] != place
    ]
    changed = scores.copy()
    for place, by in pairs:
        changed[by] = max(changed[by], changed[place])
    for place, by in reversed(pairs):
        changed[place] = min(changed[place], np.nextafter(changed[by], 0))
    return changed
