"""Deletes memories, after it was said which, with what was made of them; and brings them back until they are erased."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.kit.errors import Conflict, InvalidInput
from services.memory.domain.deletion_log import Removal, Removing, Undoing, Undone, checked_page
from services.memory.domain.memories import Chosen, Deletion, at_most
from services.memory.operations.store_memories import Storing

examples_max = 3
"""The number of memories shown in the preview of a deletion."""
ids_max = 10_000


@dataclass(frozen=True, slots=True)
class Deleting:
    """Deletes what the user chooses."""

    storing: Storing

    async def forget(self, user: str, chosen: Chosen, confirmation: str) -> Deletion:
        """Deletes the selected memories if `confirmation` is the token from a call that selected the same."""
        if not (chosen.ids or chosen.project or chosen.before):
            raise InvalidInput("No memories are selected.", "Give ids, project or before.")
        asked = await self.storing.store.choose(user, chosen)
        derived = await self.storing.derivatives(asked)
        sequences = sorted({*asked, *derived})
        expected = _token(user, sequences)
        if not confirmation:
            return replace(await self._preview(user, chosen, sequences, expected), derived=len(derived))
        if confirmation != expected:
            raise Conflict("The selected memories are not those that were confirmed.", "Ask again with confirm=false.")
        await self.storing.remove(sequences, Removing(user))
        return Deletion(deleted=len(sequences), derived=len(derived))

    async def _preview(self, user: str, chosen: Chosen, sequences: Sequence[int], token: str) -> Deletion:
        store = self.storing.store
        every = {*await store.choose(user, replace(chosen, kinds=())), *sequences}
        latest = await store.visible(user, sequences[-examples_max:])
        return Deletion(
            would_delete=len(sequences),
            confirmation=token,
            tallies=await store.tally(sequences),
            examples=[latest[each] for each in reversed(sequences) if each in latest],
            other_kinds=len(every) - len(sequences),
        )

    async def undelete(self, user: str, ids: Sequence[str], *, last: bool) -> Undone:
        """Brings back memories with these ids, or all that the user deleted last; InvalidInput for neither or both."""
        if bool(ids) == last:
            raise InvalidInput("Say what to bring back.", "Give ids, or last=true for what was deleted last.")
        at_most(len(ids), ids_max, "ids", "ids")
        at = await self.storing.store.last_deletion(user) if last else None
        if last and at is None:
            return Undone()
        return await self.storing.restore(Undoing(user, tuple(dict.fromkeys(ids)), at))

    async def deleted_ids(self, user: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids that memories of the user had which were deleted, and not brought back."""
        at_most(len(ids), ids_max, "ids", "ids")
        return await self.storing.store.deleted_ids(user, ids)

    async def removals(self, user: str, project: str, limit: int) -> Sequence[Removal]:
        """The user's entries in the deletion log, the latest first."""
        return await self.storing.store.removals(user, project, checked_page(limit))


def _token(user: str, sequences: Sequence[int]) -> str:
    """Identifies a set of memories: a caller that has it has seen their number."""
    return hashlib.sha256(repr((user, sequences)).encode()).hexdigest()[:32]
