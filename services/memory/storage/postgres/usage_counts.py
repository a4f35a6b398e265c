"""The number and size of each user's memories: counted once, then updated by what was stored since."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from services.memory.storage.postgres.changes import changes_since
from services.memory.storage.postgres.server.transaction import EMBEDDED, STORED, Statements

users_max = 1_000
"""The number of users whose counts are kept, by most recent use."""
_whole = """
    SELECT coalesce((SELECT version FROM users WHERE user_id = %(user)s), 0), count(*), coalesce(sum(size), 0)::BIGINT
    FROM memories WHERE user_id = %(user)s
"""
_stored = """
    SELECT count(*), coalesce(sum(size), 0)::BIGINT FROM memories WHERE user_id = %s AND sequence = ANY(%s::BIGINT[])
"""
_versions = "SELECT coalesce(sum(size), 0)::BIGINT FROM versions WHERE user_id = %s AND removal IS NULL"


@dataclass(frozen=True, slots=True)
class _Counted:
    """Counts as of a version."""

    version: int
    memories: int
    content_bytes: int


class UsageCounts:
    """Of one database."""

    def __init__(self) -> None:
        self._counted: OrderedDict[str, _Counted] = OrderedDict()

    async def read(self, statements: Statements, user: str) -> tuple[int, int]:
        """The number of the user's memories, and the bytes of their text and of what it was before."""
        before = self._counted.get(user)
        counted = await self._update(statements, user, before) if before else None
        counted = counted or _Counted(*(await statements.named_rows(_whole, {"user": user}))[0])
        self._counted[user] = counted
        self._counted.move_to_end(user)
        if len(self._counted) > users_max:
            self._counted.popitem(last=False)
        ((earlier,),) = await statements.rows(_versions, user)
        return counted.memories, counted.content_bytes + int(earlier)

    async def _update(self, statements: Statements, user: str, before: _Counted) -> _Counted | None:
        """The counts with what was stored since; None if more than that changed."""
        changes = await changes_since(statements, user, before.version)
        if changes is None or any(each.what not in {STORED, EMBEDDED} for each in changes):
            return None
        stored = {sequence for each in changes if each.what == STORED for sequence in each.sequences}
        if not stored:
            return before
        ((memories, content_bytes),) = await statements.rows(_stored, user, sorted(stored))
        if memories < len(stored):
            return None
        return _Counted(changes[-1].version, before.memories + memories, before.content_bytes + int(content_bytes))
