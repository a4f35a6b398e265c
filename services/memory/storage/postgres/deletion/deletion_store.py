"""Deletions in PostgreSQL: choosing, deleting, the log, and bringing back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from services.kit.names import PROBE_PROJECT
from services.memory.domain.deletion_log import Reason, Removal, Removing, Undoing, Undone
from services.memory.domain.memories import Chosen, Kind, Tally
from services.memory.domain.retention_policy import Due
from services.memory.storage.postgres.access import PostgresAccess
from services.memory.storage.postgres.deletion import deletes, undeletes
from services.memory.storage.postgres.deletion.digests import deleted_ids
from services.memory.storage.postgres.deletion.erasure import Erasure, last_removal
from services.memory.storage.postgres.server.database import Database
from services.memory.storage.row_codec import Rows


class DeletionStore(PostgresAccess):
    """The deletions of a `MemoryStore`."""

    def __init__(self, database: Database, rows: Rows) -> None:
        super().__init__(database, rows)
        self._erasure = Erasure(database)

    async def choose(self, user: str, chosen: Chosen) -> list[int]:
        sql = """
            SELECT sequence FROM memories
            WHERE user_id = %s AND (cardinality(%s::TEXT[]) = 0 OR id = ANY(%s::TEXT[]))
              AND (%s::TEXT = '' OR project = %s::TEXT)
              AND (%s::TIMESTAMPTZ IS NULL OR timestamp < %s::TIMESTAMPTZ)
              AND (cardinality(%s::TEXT[]) = 0 OR kind = ANY(%s::TEXT[]))
            ORDER BY sequence
        """
        ids, project, before = list(chosen.ids), self._rows.name(chosen.project), chosen.before
        kinds = [str(kind) for kind in chosen.kinds]
        asked = (user, ids, ids, project, project, before, before, kinds, kinds)
        return [row[0] for row in await self._select("choose", sql, *asked)]

    async def derivatives(self, sequences: Sequence[int]) -> list[int]:
        sql = """
            SELECT DISTINCT made.sequence
            FROM memories m JOIN memories made
                ON made.user_id = m.user_id AND cardinality(made.made_of) > 0 AND m.id = ANY(made.made_of)
            WHERE m.sequence = ANY(%s::BIGINT[]) ORDER BY made.sequence
        """
        return [row[0] for row in await self._select("derivatives", sql, list(sequences))]

    async def tally(self, sequences: Sequence[int]) -> list[Tally]:
        sql = """
            SELECT kind, project, count(*), min(timestamp), max(timestamp)
            FROM memories WHERE sequence = ANY(%s::BIGINT[]) GROUP BY kind, project
        """
        found = [
            Tally(_kind(kind), self._rows.read_name(of), count, oldest.astimezone(UTC), newest.astimezone(UTC))
            for kind, of, count, oldest, newest in await self._select("tally", sql, list(sequences))
        ]
        return sorted(found, key=lambda tally: (tally.kind, tally.project))

    async def delete(self, sequences: Sequence[int], by: Removing) -> None:
        await self._write("delete", lambda transaction: deletes.delete(transaction, self._rows, sequences, by))

    async def delete_due(self, due: Due, by: Removing) -> list[int]:
        return await self._write("delete", lambda transaction: deletes.delete_due(transaction, self._rows, due, by))

    async def last_deletion(self, user: str) -> datetime | None:
        sql = """
            SELECT max(removed_at) FROM removals
            WHERE user_id = %s AND actor = %s AND reason = %s AND count > restored AND project <> %s
        """
        probes = self._rows.name(PROBE_PROJECT)
        ((at,),) = await self._select("last_deletion", sql, user, user, str(Reason.USER), probes)
        return at.astimezone(UTC) if at else None

    async def undelete(self, undoing: Undoing) -> Undone:
        return await self._write("undelete", lambda transaction: undeletes.undelete(transaction, self._rows, undoing))

    async def deleted_ids(self, user: str, ids: Sequence[str]) -> set[str]:
        return await self._read("deleted", lambda statements: deleted_ids(statements, self._rows, user, ids))

    async def removals(self, user: str, project: str, limit: int) -> list[Removal]:
        sql = """
            SELECT removed_at, user_id, actor, reason, project, ids, count, erased, restored FROM removals
            WHERE user_id = %s AND CASE %s::TEXT WHEN '' THEN project <> %s ELSE project = %s END
            ORDER BY number DESC LIMIT %s
        """
        name, probes = self._rows.name(project), self._rows.name(PROBE_PROJECT)
        return [
            Removal(at.astimezone(UTC), owner, actor, Reason(why), self._rows.read_name(of), *rest)
            for at, owner, actor, why, of, *rest in await self._select("removals", sql, user, name, probes, name, limit)
        ]

    async def unerased_count(self) -> int:
        return int((await self._select("unerased", "SELECT count(*) FROM removals WHERE NOT erased"))[0][0])

    async def oldest_unerased(self) -> datetime | None:
        ((at,),) = await self._select("unerased", "SELECT min(removed_at) FROM removals WHERE NOT erased")
        return at.astimezone(UTC) if at else None

    async def last_removals(self) -> list[int]:
        return [await self._read("last_removals", last_removal)]

    async def compact(self, erased_to: Sequence[int] | None = None) -> None:
        """Writes anew what parts of the database hold deleted text. What is archived of its log keeps it."""
        await self._erasure.run(None if erased_to is None else erased_to[0])


def _kind(name: str) -> Kind:
    """The kind; an invalid one counts as a conversation."""
    return Kind(name) if name in set(Kind) else Kind.CONVERSATION
