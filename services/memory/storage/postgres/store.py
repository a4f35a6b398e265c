"""The source of truth on PostgreSQL: memories and their embeddings. Everything else is derived from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg

from services.kit.backup import server_id
from services.kit.encryption.vault import Vault
from services.kit.errors import NotReady
from services.memory.domain.memories import Memory, Stats, id_key
from services.memory.domain.rows import Embedded, Inserted, Loaded, Moved, NewRow, ProjectMove, Restated, Sequences
from services.memory.domain.store import Inventory
from services.memory.storage.memory_rows import COLUMNS, page_of
from services.memory.storage.postgres import bulk_reads, project_moves, restatements, writes
from services.memory.storage.postgres.correction_store import CorrectionStore
from services.memory.storage.postgres.deletion.deletion_store import DeletionStore
from services.memory.storage.postgres.deletion.retention_store import RetentionStore
from services.memory.storage.postgres.follow_store import FollowStore, inventory_from
from services.memory.storage.postgres.known_rows import existing
from services.memory.storage.postgres.link_store import LinkStore
from services.memory.storage.postgres.outbox_store import OutboxStore
from services.memory.storage.postgres.server.database import Address, Database, open_database
from services.memory.storage.postgres.server.keyring_copy import refuse_other_key, require_data_key
from services.memory.storage.postgres.server.lease import hold_lease, lasts_s, locked_home
from services.memory.storage.postgres.server.migration import migrate
from services.memory.storage.postgres.server.prepared_schema import await_schema
from services.memory.storage.postgres.usage_counts import UsageCounts
from services.memory.storage.row_codec import Rows, rows_of

_own = "'' AS author"


@asynccontextmanager
async def open_postgres(
    address: Address, vault: Vault | None, home: Path, wait_s: float = lasts_s + 2, *, events_max: int = 0
) -> AsyncIterator[PostgresStore]:
    """The store in the database, whose schema is created or brought up to date. `home` is the data directory of the
    server that opens it. About `events_max` events for other programs are kept, none if that is 0.

    Unavailable if nothing answers, or if another service serves the database for longer than `wait_s`.
    """
    rows = rows_of(vault)
    async with locked_home(home), open_database(address) as database:
        database.events_max = events_max
        owner = await asyncio.to_thread(server_id, home)
        async with hold_lease(database, owner, wait_s, migrate):
            await database.write("seal", lambda transaction: require_data_key(transaction, rows.data_key, home))
            store = PostgresStore(database, rows, await _identity(database))
            try:
                yield store
            finally:
                await database.finish()


@asynccontextmanager
async def open_postgres_reader(
    address: Address, open_vault: Callable[[str], Vault | None], *, sealed: bool
) -> AsyncIterator[PostgresStore]:
    """The store, for reading alone, beside the service that holds the lease: it takes no lease and no data directory.
    `open_vault` takes the database's keyring, empty if it has none; `sealed`: whether there is to be one.

    Unavailable if nothing answers, or if there is no schema in time; NotReady if its texts are sealed otherwise.
    """
    async with open_database(address, reads_only=True) as database:
        marks = await await_schema(database, sealed=sealed)
        rows = rows_of(open_vault(marks[0][1] if marks else ""))
        refuse_other_key([data_key for data_key, _ in marks], rows.data_key)
        yield PostgresStore(database, rows, await _identity(database))


async def _identity(database: Database) -> str:
    """The same as long as sequences of this database mean the same memories: a database that was brought back from a
    backup has another, and one that a replica took over."""
    sql = """
        SELECT system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database()),
               left(pg_walfile_name(pg_current_wal_lsn()), 8)
        FROM pg_control_system()
    """
    try:
        cursor = await database.use(lambda connection: connection.execute(sql))
        return "-".join(map(str, (await cursor.fetchall())[0]))
    except psycopg.errors.InsufficientPrivilege:
        return str(uuid4())


class PostgresStore(CorrectionStore, DeletionStore, RetentionStore, LinkStore, FollowStore, OutboxStore):
    """`FollowedStore` on PostgreSQL."""

    def __init__(self, database: Database, rows: Rows, identity: str) -> None:
        super().__init__(database, rows)
        self._usage = UsageCounts()
        self.identity = identity
        self.insert_sees_all = True

    @property
    def troubles(self) -> Sequence[str]:
        return [self._database.refusal] if self._database.refusal else []

    async def find_existing(self, rows: Sequence[NewRow]) -> dict[int, Inserted]:
        return await self._read("find_existing", lambda statements: existing(statements, self._rows, rows))

    async def insert(self, rows: Sequence[NewRow], model: str) -> list[Inserted]:
        return await self._write("insert", lambda transaction: writes.insert(transaction, self._rows, rows, model))

    async def restate(self, rows: Sequence[NewRow], model: str) -> dict[int, Restated]:
        return await self._write(
            "restate", lambda transaction: restatements.restate(transaction, self._rows, rows, model)
        )

    async def fetch(self, sequences: Sequence[int]) -> dict[int, Memory]:
        if not sequences:
            return {}
        sql = f"SELECT {COLUMNS}, {_own} FROM memories WHERE sequence = ANY(%s::BIGINT[])"  # noqa: S608  # our own names
        return await self._memories("fetch", sql, list(sequences))

    async def find(self, user: str, id: str) -> int | None:
        sql = "SELECT sequence FROM memories WHERE user_id = %s AND key = %s::UUID"
        rows = await self._select("find", sql, user, str(id_key(user, id)))
        return rows[0][0] if rows else None

    async def visible(self, user: str, sequences: Sequence[int]) -> dict[int, Memory]:
        if not sequences:
            return {}
        sql = f"""
            SELECT {COLUMNS}, CASE WHEN user_id = %s THEN '' ELSE user_id END AS author FROM memories
            WHERE sequence = ANY(%s::BIGINT[]) AND (user_id = %s OR shared)
        """  # noqa: S608  # our own names
        found = await self._readable("seen", sql, user, list(sequences), user)
        return {sequence: memory for sequence, memory in found.items() if memory}

    async def find_shared(self, id: str) -> int | None:
        rows = await self._select("find_shared", "SELECT min(sequence) FROM memories WHERE shared AND id = %s", id)
        sequence: int | None = rows[0][0]
        return sequence

    async def share(self, sequence: int, shared: bool) -> None:
        await self._write("share", lambda transaction: writes.share(transaction, sequence, shared))

    async def page(self, user: str, after: int, limit: int) -> dict[int, Memory]:
        sql = f"""
            SELECT {COLUMNS}, {_own} FROM memories WHERE user_id = %s AND sequence > %s ORDER BY sequence LIMIT %s
        """  # noqa: S608  # our own names
        return await page_of(lambda start, count: self._readable("page", sql, user, start, count), after, limit)

    async def copy_to(self, directory: Path) -> list[dict[str, int]]:  # noqa: ARG002  # the Protocol's
        raise NotReady(
            "The memories are in PostgreSQL, which is not copied from here.",
            "Back it up with pg_dump, or archive its log for recovery to a point in time.",
        )

    def earlier_databases(self) -> list[Path]:
        return []

    async def newest(self) -> datetime | None:
        return _utc((await self._select("newest", "SELECT max(stored_at) FROM memories"))[0][0])

    async def upkeep(self, name: str) -> str | None:
        rows = await self._select("upkeep", "SELECT value FROM upkeep WHERE name = %s", name)
        return rows[0][0] if rows else None

    async def keep_upkeep(self, name: str, value: str) -> None:
        sql = "INSERT INTO upkeep VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        await self._write("upkeep", lambda transaction: transaction.run(sql, name, value))

    async def without_embedding(self, model: str, most: int) -> list[int]:
        sql = """
            SELECT m.sequence FROM memories m WHERE NOT EXISTS (
                SELECT FROM embeddings e WHERE e.user_id = m.user_id AND e.sequence = m.sequence AND e.model = %s
            ) ORDER BY m.sequence LIMIT %s
        """
        return [row[0] for row in await self._select("unembedded", sql, model, most)]

    async def longer_than(self, size: int, after: int, most: int) -> list[int]:
        sql = "SELECT sequence FROM memories WHERE size > %s AND sequence > %s ORDER BY sequence LIMIT %s"
        return [row[0] for row in await self._select("longer_than", sql, size, after, most)]

    async def embed(self, embedded: Sequence[Embedded], model: str) -> None:
        await self._write(
            "embed", lambda transaction: writes.replace_embeddings(transaction, self._rows, embedded, model)
        )

    async def load(self, model: str, sequences: Sequences, *, text: bool) -> AsyncIterator[Loaded]:
        for begin in range(0, len(sequences), bulk_reads.portion):
            yield await self._portion(model, sequences[begin : begin + bulk_reads.portion], text)

    async def _portion(self, model: str, sequences: Sequences, text: bool) -> Loaded:
        return await self._read(
            "load", lambda statements: bulk_reads.load_portion(statements, self._rows, model, sequences, text=text)
        )

    async def inventory(self, model: str) -> Inventory:
        return inventory_from(await self._read("inventory", lambda statements: bulk_reads.inventory(statements, model)))

    async def stats(self, user: str, project: str, model: str, since: datetime | None = None) -> Stats:
        name = self._rows.name(project)
        asked = {"user": user, "project": name, "model": model, "since": since}
        (row,) = await self._read("stats", lambda statements: statements.named_rows(_stats, asked))
        counts = (row[0], row[1], row[2], row[3])
        return Stats(*counts, await self._size(), _utc(row[4]), _utc(row[5]), row[6], row[7], row[8], _utc(row[9]))

    async def size(self) -> tuple[int, int]:
        return (await self._select("size", "SELECT count(*) FROM memories"))[0][0], await self._size()

    async def _size(self) -> int:
        """The bytes of the database, with all that is in it."""
        return int((await self._select("size", "SELECT pg_database_size(current_database())"))[0][0])

    async def usage(self, user: str) -> tuple[int, int]:
        return await self._read("usage", lambda statements: self._usage.read(statements, user))

    async def projects(self, user: str) -> list[str]:
        sql = """
            SELECT DISTINCT project FROM memories WHERE user_id = %s
            UNION SELECT DISTINCT project FROM memories WHERE shared
        """
        return sorted(self._rows.read_name(row[0]) for row in await self._select("projects", sql, user))

    async def count_move(self, move: ProjectMove) -> int:
        clause, values = project_moves.chosen(self._rows, move)
        return int((await self._select("move", f"SELECT count(*) {clause}", *values))[0][0])  # our own

    async def move_project(self, move: ProjectMove) -> Moved:
        return await self._write("move", lambda transaction: project_moves.move_project(transaction, self._rows, move))


def _utc(time: datetime | None) -> datetime | None:
    return time.astimezone(UTC) if time else None


_stats = """
    WITH m AS (
        SELECT * FROM memories
        WHERE user_id = %(user)s AND (%(project)s::TEXT = '' OR project = %(project)s::TEXT)
        UNION ALL
        SELECT * FROM memories
        WHERE shared AND user_id <> %(user)s AND (%(project)s::TEXT = '' OR project = %(project)s::TEXT)
    )
    SELECT count(*) FILTER (WHERE kind = 'conversation'), count(*) FILTER (WHERE kind = 'reflection'),
           count(DISTINCT project), count(e.sequence), min(first_said), max(timestamp),
           count(*) FILTER (WHERE shared AND m.user_id = %(user)s), count(*) FILTER (WHERE m.user_id <> %(user)s),
           count(*) FILTER (WHERE stored_at >= %(since)s::TIMESTAMPTZ), max(stored_at)
    FROM m LEFT JOIN embeddings e ON e.user_id = m.user_id AND e.sequence = m.sequence AND e.model = %(model)s
"""
