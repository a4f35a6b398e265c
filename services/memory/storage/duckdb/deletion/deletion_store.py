"""Deletions in DuckDB: choosing, deleting, the log, and bringing back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb

from services.kit.names import PROBE_PROJECT
from services.memory.domain.deletion_log import Reason, Removal, Removing, Undoing, Undone
from services.memory.domain.memories import Chosen, Kind, Tally
from services.memory.domain.retention_policy import Due
from services.memory.storage.database_file.compaction_steps import last_removal
from services.memory.storage.duckdb.deletion import deletes, undeletes
from services.memory.storage.duckdb.deletion.digests import deleted_ids
from services.memory.storage.outbox_store import OutboxStore


class DeletionStore(OutboxStore):
    """The deletions of a `MemoryStore`."""

    async def choose(self, user: str, chosen: Chosen) -> list[int]:
        sql = """
            SELECT sequence FROM memories
            WHERE user_id = ? AND (len(?::TEXT[]) = 0 OR list_contains(?::TEXT[], id))
              AND (? = '' OR project = ?) AND (?::TIMESTAMPTZ IS NULL OR timestamp < ?::TIMESTAMPTZ)
              AND (len(?::TEXT[]) = 0 OR list_contains(?::TEXT[], kind))
            ORDER BY sequence
        """
        ids, project, before = list(chosen.ids), self._rows.name(chosen.project), chosen.before
        kinds = [str(kind) for kind in chosen.kinds]
        asked = (user, ids, ids, project, project, before, before, kinds, kinds)
        return [row[0] for row in await self._select("choose", sql, *asked)]

    async def derivatives(self, sequences: Sequence[int]) -> list[int]:
        sql = """
            SELECT DISTINCT made.sequence
            FROM (SELECT sequence, user_id, unnest(made_of) AS id FROM memories WHERE len(made_of) > 0) made
            JOIN memories m ON m.user_id = made.user_id AND m.id = made.id
            WHERE m.sequence IN (SELECT unnest(?::BIGINT[])) ORDER BY made.sequence
        """
        return [row[0] for row in await self._select("derivatives", sql, list(sequences))]

    async def tally(self, sequences: Sequence[int]) -> list[Tally]:
        sql = """
            SELECT kind, project, count(*), min(timestamp), max(timestamp)
            FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[])) GROUP BY kind, project
        """
        found = [
            Tally(_kind(kind), self._rows.read_name(of), count, oldest.astimezone(UTC), newest.astimezone(UTC))
            for kind, of, count, oldest, newest in await self._select("tally", sql, list(sequences))
        ]
        return sorted(found, key=lambda tally: (tally.kind, tally.project))

    async def delete(self, sequences: Sequence[int], by: Removing) -> None:
        def delete(connection: duckdb.DuckDBPyConnection) -> None:
            last = last_removal(connection)
            deletes.delete(connection, self._rows, sequences, by)
            self._note_deleted(connection, last)

        await self._write("delete", delete)

    async def delete_due(self, due: Due, by: Removing) -> list[int]:
        def delete(connection: duckdb.DuckDBPyConnection) -> list[int]:
            last = last_removal(connection)
            gone = deletes.delete_due(connection, self._rows, due, by)
            self._note_deleted(connection, last)
            return gone

        return await self._write("delete", delete)

    async def last_deletion(self, user: str) -> datetime | None:
        sql = """
            SELECT max(removed_at) FROM removals
            WHERE user_id = ? AND actor = ? AND reason = ? AND count > restored AND project <> ?
        """
        probes = self._rows.name(PROBE_PROJECT)
        ((at,),) = await self._select("last_deletion", sql, user, user, str(Reason.USER), probes)
        return at.astimezone(UTC) if at else None

    async def undelete(self, undoing: Undoing) -> Undone:
        def undelete(connection: duckdb.DuckDBPyConnection) -> Undone:
            done = undeletes.undelete(connection, self._rows, undoing)
            self._compaction.touch(done.sequences)
            self._note_undeleted(connection, undoing.user, done)
            return done

        done = await self._write("undelete", undelete)
        self._usage.forget()
        return done

    async def deleted_ids(self, user: str, ids: Sequence[str]) -> set[str]:
        return await self._reading("deleted", lambda cursor: deleted_ids(cursor, self._rows, user, ids))

    async def removals(self, user: str, project: str, limit: int) -> list[Removal]:
        sql = """
            SELECT removed_at, user_id, actor, reason, project, ids, count, erased, restored FROM removals
            WHERE user_id = ? AND CASE ? WHEN '' THEN project <> ? ELSE project = ? END ORDER BY number DESC LIMIT ?
        """
        name, probes = self._rows.name(project), self._rows.name(PROBE_PROJECT)
        return [
            Removal(at.astimezone(UTC), owner, actor, Reason(why), self._rows.read_name(of), *rest)
            for at, owner, actor, why, of, *rest in await self._select("removals", sql, user, name, probes, name, limit)
        ]

    async def unerased_count(self) -> int:
        return int((await self._select("unerased", "SELECT count(*) FROM removals WHERE NOT erased"))[0][0])

    async def oldest_unerased(self) -> datetime | None:
        (at,) = (await self._select("unerased", "SELECT min(removed_at) FROM removals WHERE NOT erased"))[0]
        return at.astimezone(UTC) if at else None

    async def last_removals(self) -> list[int]:
        return [await self._reading("last_removals", last_removal)]

    async def compact(self, erased_to: Sequence[int] | None = None) -> None:
        await self._compaction.run(None if erased_to is None else erased_to[0])


def _kind(name: str) -> Kind:
    """The kind; an invalid one counts as a conversation."""
    return Kind(name) if name in set(Kind) else Kind.CONVERSATION
