"""PostgreSQL as one side of a move."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.kit.backup import server_id
from services.memory.storage.moving.duckdb_side import MARK
from services.memory.storage.moving.tables import DIGESTS, EMBEDDINGS, TABLES, GeneralRows, Row, Span, Table
from services.memory.storage.postgres.server.database import Address, Database, open_database
from services.memory.storage.postgres.server.keyring_copy import require_data_key
from services.memory.storage.postgres.server.lease import hold_lease
from services.memory.storage.postgres.server.migration import migrate
from services.memory.storage.postgres.server.transaction import CHANGED, Transaction
from services.memory.storage.row_codec import Rows

_known = "EXISTS (SELECT FROM removals r WHERE r.user_id = t.user_id AND r.number = t.removal)"


@asynccontextmanager
async def open_postgres_side(address: Address, rows: Rows, home: Path) -> AsyncIterator[PostgresSide]:
    """The database; Unavailable while a service serves it. `home` is the data directory with the keyring."""
    async with open_database(address) as database, hold_lease(database, f"move {server_id(home)}", 1.0, migrate):
        await database.write("seal", lambda transaction: require_data_key(transaction, rows.data_key, home))
        yield PostgresSide(database)


class PostgresSide:
    """Implements `Side`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def users(self) -> list[str]:
        """See Side."""
        names = [each.name for each in TABLES if each.has_user]
        every = " UNION ".join(f"SELECT user_id FROM {name}" for name in names)  # noqa: S608  # the schema's names
        return sorted(row[0] for row in await self._rows(every))

    async def keys(self, table: Table, user: str) -> list[int]:
        """See Side."""
        sql = f"SELECT {table.key} FROM {table.name} t WHERE {_whose(table)} ORDER BY 1"  # noqa: S608  # the schema's
        return [row[0] for row in await self._rows(sql, {"user": user})]

    async def rows(self, table: Table, span: Span) -> list[Row]:
        """See Side."""
        clause, values = _clause(table, span)
        columns = ", ".join(table.columns)
        return await self._rows(f"SELECT {columns} FROM {table.name} t WHERE {clause}", values)  # noqa: S608

    async def replace(self, table: Table, span: Span, rows: Sequence[Row]) -> None:
        """See Side."""
        clause, values = _clause(table, span)
        columns = table.columns if table.has_user else ("user_id", *table.columns)
        marks = ", ".join("%b" if name in _bytes(table) else "%s" for name in columns)
        sql = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  # the schema's names
        every = [row if table.has_user else (span.user, *row) for row in rows]

        async def write(transaction: Transaction) -> None:
            await transaction.lock([span.user])
            await transaction.named_run(f"DELETE FROM {table.name} t WHERE {clause}", values)  # noqa: S608  # schema's
            await transaction.run_each(sql, every)
            if table.name == "memories":
                transaction.note(CHANGED, span.user, [row[0] for row in rows])

        await self._database.write("move", write)

    async def general_rows(self) -> GeneralRows:
        """See Side."""
        secrets = await self._rows("SELECT secret FROM digest_key")
        upkeep = await self._rows("SELECT name, value FROM upkeep WHERE name <> %(mark)s ORDER BY name", {"mark": MARK})
        sql = """
            SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM memory_sequence),
                   (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM version_sequence),
                   (SELECT value FROM counters WHERE name = 'removal')
        """
        ((sequence, version, removal),) = await self._rows(sql)
        pairs = [(name, value) for name, value in upkeep]
        return GeneralRows(secrets[0][0] if secrets else "", pairs, sequence, version, removal)

    async def put_general_rows(self, rows: GeneralRows) -> None:
        """See Side."""

        async def write(transaction: Transaction) -> None:
            await transaction.run("DELETE FROM digest_key")
            if rows.secret:
                await transaction.run("INSERT INTO digest_key (secret) VALUES (%s)", rows.secret)
            await transaction.run_each(_put_upkeep, rows.upkeep)
            for name, last in (("memory_sequence", rows.last_sequence), ("version_sequence", rows.last_version)):
                if last > 0:
                    await transaction.rows("SELECT setval(%s::REGCLASS, %s)", name, last)
            sql = "UPDATE counters SET value = greatest(value, %s) WHERE name = 'removal'"
            await transaction.run(sql, rows.last_removal)

        await self._database.write("move", write)

    async def mark(self) -> str:
        """See Side."""
        found = await self._rows("SELECT value FROM upkeep WHERE name = %(mark)s", {"mark": MARK})
        return found[0][0] if found else ""

    async def put_mark(self, mark: str) -> None:
        """See Side."""
        await self._database.write("move", lambda transaction: transaction.run(_put_upkeep, MARK, mark))

    async def _rows(self, sql: str, values: dict[str, Any] | None = None) -> list[Row]:
        return await self._database.read("move", lambda statements: statements.named_rows(sql, values or {}))


_put_upkeep = "INSERT INTO upkeep VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


def _bytes(table: Table) -> Sequence[str]:
    return ("content", "context") if table == EMBEDDINGS else ()


def _whose(table: Table) -> str:
    if table == DIGESTS:  # as DuckDB knows it: by the deletion
        return f"((t.user_id = %(user)s AND {_known}) OR (%(user)s::TEXT = '' AND NOT {_known}))"
    return "t.user_id = %(user)s"


def _clause(table: Table, span: Span) -> tuple[str, dict[str, Any]]:
    clause = _whose(table)
    values: dict[str, Any] = {"user": span.user}
    if table.key:
        clause += f" AND t.{table.key} > %(after)s AND (%(last)s::BIGINT IS NULL OR t.{table.key} <= %(last)s)"
        values |= {"after": span.after, "last": span.to}
    return clause, values
