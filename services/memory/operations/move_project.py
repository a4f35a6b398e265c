"""Files all of a user's memories of one project under another: in the store, in the index and in the links."""

from __future__ import annotations

from dataclasses import dataclass

from services.kit.errors import InvalidInput
from services.memory.domain.memories import DEFAULT_PROJECT
from services.memory.domain.rows import ProjectMove
from services.memory.operations.link_projects import Linking
from services.memory.operations.store_memories import Storing


@dataclass(frozen=True, slots=True)
class MovingProject:
    """Memories stored meanwhile under the earlier name stay there, until it is moved again."""

    storing: Storing
    linking: Linking

    async def move(self, move: ProjectMove, *, dry_run: bool = False) -> int:
        """Moves the memories; returns how many there are or would be. May be repeated: the rest is moved then."""
        if not move.source or not move.target or move.source == move.target:
            raise InvalidInput("Name two different projects.")
        if DEFAULT_PROJECT in {move.source, move.target}:
            raise InvalidInput(f"{DEFAULT_PROJECT} is no project that memories are moved from or to.")
        if dry_run:
            return await self.storing.store.count_move(move)
        try:
            return await self.storing.move_project(move)
        finally:
            self.linking.forget(move.user)
