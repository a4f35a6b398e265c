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
        sequence, memory = await self._own(user, id)
        now = datetime.now(UTC)
        clean = await self.storing.clean(edit.apply(memory), now)
        if _plain(clean.memory) == _plain(memory):
            return Corrected(memory, changed=False, redactions=clean.redactions)
        is_said_anew = clean.memory.content != memory.content
        row = NewRow(clean.memory, user)
        await self.storing.change(user, sequence, row, memory, embed=is_said_anew)
        return Corrected((await self._own(user, id))[1], changed=True, redactions=clean.redactions)

    async def withdraw(self, user: str, id: str, *, withdrawn: bool) -> Memory:
        """Takes a memory back, or lets it be in force again."""
        sequence, memory = await self._own(user, id)
        at = max(datetime.now(UTC), memory.timestamp) if withdrawn else None
        if withdrawn == (memory.withdrawn_at is None):
            await self.storing.withdraw(user, sequence, memory, at)
        return (await self._own(user, id))[1]

    async def _own(self, user: str, id: str) -> tuple[int, Memory]:
        """The user's memory of that id; Denied if it is another user's shared one, NotFound if there is none."""
        store = self.storing.store
        sequence = await store.find(user, id)
        if sequence is None:
            if await store.find_shared(id) is not None:
                raise Denied("That memory belongs to another user: only its author can change it.")
            raise NotFound("There is no memory of yours with that id.", "Search for it with reflect_on_past.")
        found = await mark(store, self.storing.index.voids, user, await store.visible(user, [sequence]))
        if sequence not in found:
            raise NotFound("That memory cannot be read.", "segue delete removes it.")
        return sequence, found[sequence]


def _plain(memory: Memory) -> tuple[str, str, Sequence[str]]:
    return memory.content, memory.project, memory.tags
