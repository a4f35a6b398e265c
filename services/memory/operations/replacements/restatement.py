"""What a restatement is told: what has replaced the memory meanwhile, and whether that still holds beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from services.memory.domain.memories import Memory, Outcome
from services.memory.domain.store import MemoryStore
from services.memory.operations.replacements.kept_pairs import KeptPairs
from services.memory.operations.replacements.same_subject import SameSubject, named_max
from services.memory.search.force import mark
from services.memory.search.voids import Voids


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a memory that was just stored: whether it holds, by which ids it is replaced where it does not, and which of
    the user's own replaced it, or what did so, and hold still though it does, too; the latest first."""

    out_of_force: bool = False
    replaced_by: tuple[str, ...] = ()
    beside: tuple[Memory, ...] = ()


async def with_standing(looking: SameSubject, user: str, memory: Memory, outcome: Outcome) -> Outcome:
    """The outcome with what is in force of the memory, and with the older ones that it may replace, where it does not
    say so itself: those that replaced it before it was said again, and decisions that are alike. What the user said
    holds beside it is not named."""
    said = await standing(looking.store, looking.index.voids, user, outcome.id)
    told = replace(outcome, out_of_force=said.out_of_force, replaced_by=said.replaced_by)
    if said.out_of_force or memory.replaces:
        return told
    is_new = not outcome.duplicate or outcome.restated
    alike = await looking.older_decisions(user, outcome.id, memory) if is_new else ()
    known = {each.id for each in said.beside}
    older = [*said.beside, *(each for each in alike if each.id not in known)]
    if not older:
        return told
    both_hold = await KeptPairs(looking.store).among(user, outcome.id, [each.id for each in older])
    return replace(told, may_replace=tuple(each for each in older if each.id not in both_hold)[:named_max])


async def standing(store: MemoryStore, voids: Voids, user: str, id: str) -> Standing:
    """Of the user's memory with that id."""
    sequence = await store.find(user, id) if voids.of else None
    if sequence is None or sequence not in voids.of:
        return Standing()
    by = sorted(voids.replacing(np.array([sequence], np.int64)) - {sequence})
    known = await mark(store, voids, user, await store.visible(user, [sequence, *by]))
    if sequence not in known:
        return Standing()
    memory = known.pop(sequence)
    if memory.out_of_force:
        return Standing(out_of_force=True, replaced_by=memory.replaced_by)
    held = [each for each in known.values() if not each.out_of_force and not each.author]
    return Standing(beside=tuple(sorted(held, key=lambda each: each.timestamp, reverse=True)))
