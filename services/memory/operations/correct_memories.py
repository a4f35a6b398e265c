"""Corrects memories: changes them, withdraws them; and what of them is in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.kit.errors import Denied, NotFound
from services.memory.domain.corrections import Edit
from services.memory.domain.memories import Memory
from services.memory.domain.rows import NewRow
from services.memory.operations.store_memories import Storing
from services.memory.search.force import mark


@dataclass(frozen=True, slots=True)
class Corrected:
    """A memory after it was changed; not `changed` if it was so before."""

    memory: Memory
    changed: bool
    redactions: int = 0


@dataclass(frozen=True, slots=True)
class Correcting:
    """Corrects the user's own memories."""

    storing: Storing

    async def update(self, user: str, id: str, edit: Edit) -> Corrected:
        """Changes the text, tags or project of a memory; what it was stays as a version until it is deleted."""
        sequence, memory = await self.own(user, id)
        now = datetime.now(UTC)
        clean = await self.storing.clean(edit.apply(memory), now)
        if _plain(clean.memory) == _plain(memory):
            return Corrected(memory, changed=False, redactions=clean.redactions)
        is_said_anew = clean.memory.content != memory.content
        row = NewRow(clean.memory, user)
        await self.storing.change(user, sequence, row, memory, embed=is_said_anew)
        return Corrected((await self.own(user, id))[1], changed=True, redactions=clean.redactions)

    async def withdraw(self, user: str, id: str, *, withdrawn: bool) -> Memory:
        """Takes a memory back, or lets it be in force again."""
        sequence, memory = await self.own(user, id)
        at = max(datetime.now(UTC), memory.timestamp) if withdrawn else None
        if withdrawn == (memory.withdrawn_at is None):
            await self.storing.change_force(user, memory, self.storing.store.withdraw(sequence, at))
        return (await self.own(user, id))[1]

    async def set_replaced(self, user: str, id: str, other: str, *, replaced: bool) -> None:
        """Lets a memory replace another one of the user's, or no longer."""
        (sequence, memory), (_, older) = await self.own(user, id), await self.own(user, other)
        at = max(memory.timestamp, older.timestamp) if replaced else None
        if replaced or older.id in memory.replaces:
            change = self.storing.store.set_replaced(sequence, older.id, at)
            await self.storing.change_force(user, memory, change)

    async def own(self, user: str, id: str) -> tuple[int, Memory]:
        """The user's memory of that id; Denied if it is another user's shared one, NotFound if there is none."""
        store = self.storing.store
        sequence = await store.find(user, id)
        while sequence is not None:
            found = await mark(store, self.storing.index.voids, user, await store.visible(user, [sequence]))
            if sequence in found:
                return sequence, found[sequence]
            before, sequence = sequence, await store.find(user, id)  # changed meanwhile, it has another sequence
            if sequence == before:
                raise NotFound("That memory cannot be read.", "segue delete removes it.")
        if await store.find_shared(id) is not None:
            raise Denied("That memory belongs to another user: only its author can change it.")
        raise NotFound("There is no memory of yours with that id.", "Search for it with reflect_on_past.")


def _plain(memory: Memory) -> tuple[str, str, Sequence[str]]:
    return memory.content, memory.project, memory.tags
