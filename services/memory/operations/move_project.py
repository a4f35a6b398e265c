"""Files all of a user's memories of one project under another: in the store, in the index and in the links."""

from __future__ import annotations

from dataclasses import dataclass

from services.kit.errors import InvalidInput
from services.memory.domain.memories import DEFAULT_PROJECT, Chosen
from services.memory.operations.link_projects import Linking
from services.memory.operations.store_memories import Storing


@dataclass(frozen=True, slots=True)
class MovingProject:
    """Memories stored meanwhile under the earlier name stay there, until it is moved again."""

    storing: Storing
    linking: Linking

    async def move(self, user: str, source: str, target: str, *, dry_run: bool = False) -> int:
        """Moves the memories; returns how many there are or would be. May be repeated: the rest is moved then."""
        if not source or not target or source == target or DEFAULT_PROJECT in {source, target}:
            raise InvalidInput("Name two different projects.")
        if dry_run:
            return len(await self.storing.store.choose(user, Chosen((), source, None, ())))
        try:
            return await self.storing.move_project(user, source, target)
        finally:
            self.linking.forget(user)
