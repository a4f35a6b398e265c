"""Statements that file a project's memories under another one.

A memory gets a new row with a new sequence under the same id, as one whose text changes does: nothing derived from
rows, the index and its snapshots, confuses it with the earlier one. All columns that say nothing of the project stay.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from services.memory.domain.rows import Moved, ProjectMove
from services.memory.storage.duckdb.columns import placeholders
from services.memory.storage.duckdb.writes import new_sequences
from services.memory.storage.memory_rows import COLUMNS, memory_of
from services.memory.storage.row_codec import LinkTexts, Rows, Texts, Whose

Connection = duckdb.DuckDBPyConnection

portion = 1_000
_places = ("content", "context")


@dataclass(frozen=True, slots=True)
class MovingRow:
    """A row on its way: its columns by name, its texts and vectors in clear, its fingerprint in the new project."""

    move: ProjectMove

    columns: Mapping[str, Any]
    texts: Texts
    fingerprint: str
    vectors: Mapping[str, tuple[bytes, ...]]


def read_rows(connection: Connection, written: Rows, move: ProjectMove) -> list[MovingRow]:
    """The first rows to be moved, as they will be in the other project. SealBroken for one that cannot be read."""
    chosen, values = _chosen(written, move)
    found = connection.execute(f"SELECT * {chosen} ORDER BY sequence LIMIT {portion}", values)  # our own
    names = [each[0] for each in found.description or ()]
    return [_moving_row(connection, written, dict(zip(names, row, strict=True)), move) for row in found.fetchall()]


def _chosen(written: Rows, move: ProjectMove) -> tuple[str, list[str]]:
    """The rows to be moved, as a clause and its values."""
    clause, values = "FROM memories WHERE user_id = ? AND project = ?", [move.user, written.name(move.source)]
    if not move.splits:
        return clause, values
    merged = "key IN (SELECT key FROM merged_memories WHERE user_id = ? AND project = ?)"
    return f"{clause} AND {merged}", [*values, move.user, written.name(move.target)]


def _moving_row(connection: Connection, written: Rows, columns: Mapping[str, Any], move: ProjectMove) -> MovingRow:
    sequence, name, user = columns["sequence"], columns["id"], columns["user_id"]
    texts = written.read(Whose(sequence, name, user), Texts(*(columns[each] for each in Texts._fields)))
    sql = f"SELECT {COLUMNS}, '' AS author FROM memories WHERE sequence = ?"  # noqa: S608  # our own names
    memory = memory_of(connection.execute(sql, [sequence]).fetchall()[0], written)
    fingerprint = str(written.fingerprint(replace(memory, project=move.target), user))
    sql = "SELECT model, content, context FROM embeddings WHERE sequence = ?"
    vectors = {
        model: tuple(written.read_vector(sequence, place, each) for place, each in zip(_places, both, strict=True))
        for model, *both in connection.execute(sql, [sequence]).fetchall()
    }
    return MovingRow(move, columns, texts._replace(project=move.target), fingerprint, vectors)


def drop_rows(connection: Connection, written: Rows, rows: Sequence[MovingRow]) -> list[int]:
    """Removes them where they were, and the notes that are used up; returns their sequences there."""
    gone = [int(each.columns["sequence"]) for each in rows]
    for table in ("embeddings", "memories"):
        connection.execute(f"DELETE FROM {table} WHERE sequence IN (SELECT unnest(?::BIGINT[]))", [gone])  # noqa: S608
    for row in (each for each in rows if each.move.splits):
        values = [row.columns["key"], row.move.user, written.name(row.move.target)]
        connection.execute("DELETE FROM merged_memories WHERE key = ? AND user_id = ? AND project = ?", values)
    return gone


def write_rows(connection: Connection, written: Rows, rows: Sequence[MovingRow]) -> list[int]:
    """Stores them under their new project; returns their sequences. What is there already in the same words and session
    is not stored again."""
    prints = [each.fingerprint for each in rows]
    sql = f"SELECT fingerprint::TEXT FROM memories WHERE fingerprint IN ({placeholders(prints)})"  # noqa: S608  # marks
    known = {row[0] for row in connection.execute(sql, prints).fetchall()} if prints else set()
    fresh = [each for each in rows if each.fingerprint not in known]
    sequences = new_sequences(connection, len(fresh))
    for sequence, row in zip(sequences, fresh, strict=True):
        _write_row(connection, written, sequence, row)
    for row in (each for each in fresh if each.move.merges):
        values = [row.columns["key"], row.move.user, written.name(row.move.source)]
        connection.execute("INSERT INTO merged_memories VALUES (?, ?, ?)", values)
    return sequences


def _write_row(connection: Connection, written: Rows, sequence: int, row: MovingRow) -> None:
    whose = Whose(sequence, row.columns["id"], row.columns["user_id"])
    texts = written.texts(whose, row.texts)._asdict()
    columns = {**row.columns, **texts, "sequence": sequence, "fingerprint": row.fingerprint}
    sql = f"INSERT INTO memories ({', '.join(columns)}) VALUES ({placeholders([*columns])})"  # noqa: S608  # the schema's
    connection.execute(sql, [list(each) if isinstance(each, tuple) else each for each in columns.values()])
    for model, vectors in row.vectors.items():
        sealed = [written.vector(sequence, place, each) for place, each in zip(_places, vectors, strict=True)]
        connection.execute("INSERT INTO embeddings VALUES (?, ?, ?, ?)", [sequence, model, *sealed])


def move_rows(connection: Connection, written: Rows, move: ProjectMove) -> Moved:
    """Moves a project's memories within one database."""
    removed: list[int] = []
    added: list[int] = []
    while rows := read_rows(connection, written, move):
        removed += drop_rows(connection, written, rows)
        added += write_rows(connection, written, rows)
    return Moved(removed, added)


def note_earlier(connection: Connection, written: Rows, move: ProjectMove) -> None:
    """Notes that what was deleted of the source counts as deleted of the target, and of what that is moved to."""
    names = [move.user, written.name(move.target), written.name(move.source)]
    sql = """
        INSERT OR IGNORE INTO earlier_projects
        SELECT ?1, ?2, ?3 UNION SELECT ?1, ?2, earlier FROM earlier_projects
            WHERE user_id = ?1 AND project = ?3 AND earlier <> ?2
    """
    connection.execute(sql, names)


def move_rules(connection: Connection, written: Rows, move: ProjectMove) -> None:
    """The retention rule of the one is the other's, unless that has its own; the deletion log follows."""
    names = [move.user, written.name(move.source), written.name(move.target)]
    has_own = connection.execute("SELECT 1 FROM retention WHERE user_id = ? AND project = ?", names[::2]).fetchone()
    if has_own:
        connection.execute("DELETE FROM retention WHERE user_id = ? AND project = ?", names[:2])
    for table in ("retention", "removals"):
        sql = f"UPDATE {table} SET project = ?3 WHERE user_id = ?1 AND project = ?2"  # noqa: S608  # our own names
        connection.execute(sql, names)


def move_links(connection: Connection, written: Rows, user: str, source: str, target: str) -> None:
    """Ties the links of the one project to the other; one that would lead to itself, or is there already, goes."""
    sql = "SELECT source, target, description, type, created_at FROM project_links WHERE user_id = ?"
    links = [
        (written.read_link(user, LinkTexts(*row[:3])), *row[3:]) for row in connection.execute(sql, [user]).fetchall()
    ]
    ends = {(each.source, each.target) for each, *_ in links if source not in {each.source, each.target}}
    for link, kind, created_at in links:
        if source not in {link.source, link.target}:
            continue
        values = [user, written.name(link.source), written.name(link.target)]
        connection.execute("DELETE FROM project_links WHERE user_id = ? AND source = ? AND target = ?", values)
        both = tuple(target if each == source else each for each in (link.source, link.target))
        if both[0] != both[1] and both not in ends:
            ends.add(both)  # type: ignore[arg-type]  # two
            texts = written.link(user, LinkTexts(both[0], both[1], link.description))
            row = (user, texts.source, texts.target, kind, texts.description, created_at)
            connection.execute("INSERT INTO project_links VALUES (?, ?, ?, ?, ?, ?)", row)


class ProjectMoves:
    """The moves of one database, each in a transaction of its own; `write` runs a job in it."""

    def __init__(self, write: Callable[[str, Callable[[Connection], Any]], Awaitable[Any]], written: Rows) -> None:
        self._write = write
        self._written = written

    async def move(self, asked: ProjectMove) -> Moved:
        """Moves memories, rules and links within this database."""

        def move(connection: Connection) -> Moved:
            moved = move_rows(connection, self._written, asked)
            note_earlier(connection, self._written, asked)
            if not asked.splits:
                move_rules(connection, self._written, asked)
                move_links(connection, self._written, asked.user, asked.source, asked.target)
            return moved

        moved: Moved = await self._write("move", move)
        return moved

    async def tie(self, user: str, source: str, target: str) -> None:
        """Moves the links alone."""
        await self._write("move", lambda connection: move_links(connection, self._written, user, source, target))

    async def count(self, move: ProjectMove) -> int:
        """How many memories it would move."""
        chosen, values = _chosen(self._written, move)
        sql = f"SELECT count(*) {chosen}"  # our own
        counted: int = await self._write("move", lambda connection: connection.execute(sql, values).fetchall()[0][0])
        return counted

    async def read(self, move: ProjectMove) -> list[MovingRow]:
        """A portion of the rows to be moved, for another database."""
        rows: list[MovingRow] = await self._write("move", lambda connection: read_rows(connection, self._written, move))
        return rows

    async def add(self, rows: Sequence[MovingRow]) -> list[int]:
        """Stores rows of another database; returns their sequences here."""
        added: list[int] = await self._write("move", lambda connection: write_rows(connection, self._written, rows))
        return added

    async def drop(self, rows: Sequence[MovingRow]) -> list[int]:
        """Removes rows that another database has now."""
        gone: list[int] = await self._write("move", lambda connection: drop_rows(connection, self._written, rows))
        return gone
