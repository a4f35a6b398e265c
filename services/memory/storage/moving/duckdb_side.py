"""DuckDB as one side of a move: the database file of a data directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from services.memory.storage.database_file.opening import start_database
from services.memory.storage.duckdb.columns import insert_columns
from services.memory.storage.moving.tables import DIGESTS, EMBEDDINGS, TABLES, GeneralRows, Row, Span, Table
from services.memory.storage.row_codec import Rows

Connection = duckdb.DuckDBPyConnection
Result = TypeVar("Result")
MARK = "move"
_apart = ("compacted", MARK)
"""Of upkeep, what is the database's own."""
_owners = "SELECT sequence FROM {} WHERE user_id = $user"
_of_user = f"sequence IN ({_owners.format('memories')} UNION ALL {_owners.format('deleted_memories')})"
_of_removal = "removal IN (SELECT number FROM removals WHERE user_id = $user)"
_of_nobody = "removal NOT IN (SELECT number FROM removals) AND $user = ''"


@asynccontextmanager
async def open_duckdb_side(path: Path, rows: Rows) -> AsyncIterator[DuckSide]:
    """The database at `path`, created if there is none; Unavailable while a service has it open."""
    config = {"memory_limit": "512MB", "threads": 2, "temp_directory": str(path.parent / "spill")}
    opened = await asyncio.to_thread(start_database, path, config, rows)
    try:
        yield DuckSide(opened.connection)
    finally:
        await asyncio.to_thread(opened.connection.close)


class DuckSide:
    """Implements `Side`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._types: dict[str, list[str]] = {}

    async def users(self) -> list[str]:
        """See Side."""
        names = [each.name for each in TABLES if each.has_user]
        every = " UNION ".join(f"SELECT user_id FROM {name}" for name in names)  # noqa: S608  # the schema's names
        found = await self._run(lambda connection: connection.execute(f"{every} ORDER BY 1").fetchall())
        return [user for (user,) in found]

    async def keys(self, table: Table, user: str) -> list[int]:
        """See Side."""
        sql = f"SELECT {table.key} FROM {table.name} WHERE {_whose(table)} ORDER BY 1"  # noqa: S608  # the schema's
        found = await self._run(lambda connection: connection.execute(sql, {"user": user}).fetchall())
        return [key for (key,) in found]

    async def rows(self, table: Table, span: Span) -> list[Row]:
        """See Side."""
        clause, values = _clause(table, span)
        sql = f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE {clause}"  # noqa: S608  # the schema's names
        return await self._run(lambda connection: connection.execute(sql, values).fetchall())

    async def replace(self, table: Table, span: Span, rows: Sequence[Row]) -> None:
        """See Side. In two transactions: DuckDB's indexes hold what was deleted in the same one."""
        clause, values = _clause(table, span)

        def write(connection: Connection) -> None:
            connection.execute(f"DELETE FROM {table.name} WHERE {clause}", values)  # noqa: S608  # the schema's names
            if table.key:  # embeddings of rows that are not there have no user
                keys = [row[0] for row in rows]
                own = f"DELETE FROM {table.name} WHERE {table.key} IN (SELECT unnest(?::BIGINT[]))"  # noqa: S608
                connection.execute(own, [keys])
            connection.begin()
            insert_columns(connection, table.name, [_values(row) for row in rows], self._types_of(table))
            connection.commit()

        if rows or await self.rows(table, span):
            await self._run(write)

    def _types_of(self, table: Table) -> list[str]:
        """Its columns' types; they are in the order of the table."""
        if table.name not in self._types:
            sql = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
            found = self._connection.execute(sql, [table.name]).fetchall()
            assert [name for name, _ in found] == [*table.columns], table.name  # noqa: S101  # the schemas'
            self._types[table.name] = [kind for _, kind in found]
        return self._types[table.name]

    async def general_rows(self) -> GeneralRows:
        """See Side."""

        def read(connection: Connection) -> GeneralRows:
            secrets = connection.execute("SELECT secret FROM digest_key").fetchall()
            upkeep = connection.execute("SELECT name, value FROM upkeep ORDER BY name").fetchall()
            sql = "SELECT sequence_name, coalesce(last_value, start_value - 1) FROM duckdb_sequences()"
            last = dict(connection.execute(sql).fetchall())
            return GeneralRows(
                secrets[0][0] if secrets else "",
                [(name, value) for name, value in upkeep if name not in _apart],
                last["memory_sequence"],
                last["version_sequence"],
                last["removal_sequence"],
            )

        return await self._run(read)

    async def put_general_rows(self, rows: GeneralRows) -> None:
        """See Side."""

        def write(connection: Connection) -> None:
            connection.execute("DELETE FROM digest_key")
            if rows.secret:
                connection.execute("INSERT INTO digest_key VALUES (?)", [rows.secret])
            for each in rows.upkeep:
                connection.execute("INSERT OR REPLACE INTO upkeep VALUES (?, ?)", each)
            reached = {
                "memory_sequence": rows.last_sequence,
                "version_sequence": rows.last_version,
                "removal_sequence": rows.last_removal,
            }
            sql = "SELECT sequence_name, coalesce(last_value, start_value - 1) FROM duckdb_sequences()"
            for name, last in connection.execute(sql).fetchall():
                missing = max(reached[name] - last, 0)
                connection.execute(f"SELECT max(nextval('{name}')) FROM range(?)", [missing]).fetchall()  # noqa: S608

        await self._run(write)

    async def mark(self) -> str:
        """See Side."""
        sql = "SELECT value FROM upkeep WHERE name = ?"
        found = await self._run(lambda connection: connection.execute(sql, [MARK]).fetchall())
        return found[0][0] if found else ""

    async def put_mark(self, mark: str) -> None:
        """See Side."""
        sql = "INSERT OR REPLACE INTO upkeep VALUES (?, ?)"
        await self._run(lambda connection: connection.execute(sql, [MARK, mark]))

    async def _run(self, work: Callable[[Connection], Result]) -> Result:
        return await asyncio.to_thread(work, self._connection)


def _whose(table: Table) -> str:
    if table == EMBEDDINGS:
        return _of_user
    if table == DIGESTS:
        return f"({_of_removal} OR {_of_nobody})"
    return "user_id = $user"


def _clause(table: Table, span: Span) -> tuple[str, dict[str, Any]]:
    clause = _whose(table)
    values: dict[str, Any] = {"user": span.user}
    if table.key:
        clause += f" AND {table.key} > $after AND ($last IS NULL OR {table.key} <= $last)"
        values |= {"after": span.after, "last": span.to}
    return clause, values


def _values(row: Row) -> Row:
    """As parameters of DuckDB's driver."""
    return tuple(bytes(each) if isinstance(each, memoryview) else each for each in row)
