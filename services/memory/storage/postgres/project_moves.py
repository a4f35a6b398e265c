"""Statements that file a project's memories under another one.

A memory gets a new row with a new sequence under the same id, as one whose text changes does: nothing derived from
rows, the index and its snapshots, confuses it with the earlier one. All columns that say nothing of the project stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.memory.domain.rows import Moved, ProjectMove
from services.memory.storage.memory_rows import COLUMNS, memory_of
from services.memory.storage.postgres.link_store import PUT_LINK
from services.memory.storage.postgres.server.schema import MEMORY_COLUMNS
from services.memory.storage.postgres.server.transaction import REMOVED, STORED, Statements, Transaction
from services.memory.storage.postgres.writes import EMBEDDING, INSERT_MEMORY, new_sequences
from services.memory.storage.row_codec import LinkTexts, Rows, Texts, Whose

portion = 1_000
_places = ("content", "context")
_author = len(COLUMNS.split(",")) + 1


@dataclass(frozen=True, slots=True)
class _MovingRow:
    """A row on its way: its columns by name, its texts and vectors in clear, its fingerprint in the new project."""

    columns: Mapping[str, Any]
    texts: Texts
    fingerprint: str
    vectors: Mapping[str, tuple[bytes, ...]]


async def move_project(transaction: Transaction, written: Rows, move: ProjectMove) -> Moved:
    """Moves memories, rules and links."""
    await transaction.lock([move.user])
    removed: list[int] = []
    added: list[int] = []
    while rows := await _read_rows(transaction, written, move):
        removed += await _drop_rows(transaction, written, move, rows)
        added += await _write_rows(transaction, written, move, rows)
    transaction.note(REMOVED, move.user, removed)
    transaction.note(STORED, move.user, added)
    await _note_earlier(transaction, written, move)
    if not move.splits:
        await _move_rules(transaction, written, move)
        await _move_links(transaction, written, move)
    return Moved(removed, added)


def chosen(written: Rows, move: ProjectMove) -> tuple[str, list[str]]:
    """The rows to be moved, as a clause and its values."""
    clause, values = "FROM memories WHERE user_id = %s AND project = %s", [move.user, written.name(move.source)]
    if not move.splits:
        return clause, values
    merged = "key IN (SELECT key FROM merged_memories WHERE user_id = %s AND project = %s)"
    return f"{clause} AND {merged}", [*values, move.user, written.name(move.target)]


async def _read_rows(statements: Statements, written: Rows, move: ProjectMove) -> list[_MovingRow]:
    """The first rows to be moved, as they will be in the other project. SealBroken for one that cannot be read."""
    clause, values = chosen(written, move)
    sql = f"SELECT {COLUMNS}, '', {', '.join(MEMORY_COLUMNS)} {clause} ORDER BY sequence LIMIT {portion}"
    found = await statements.rows(sql, *values)
    sql = """
        SELECT sequence, model, content, context FROM embeddings WHERE user_id = %s AND sequence = ANY(%s::BIGINT[])
    """
    vectors: dict[int, dict[str, tuple[bytes, ...]]] = {}
    for sequence, model, *both in await statements.rows(sql, move.user, [row[0] for row in found]):
        opened = (written.read_vector(sequence, place, each) for place, each in zip(_places, both, strict=True))
        vectors.setdefault(sequence, {})[model] = tuple(opened)
    return [_moving_row(written, move, row, vectors.get(row[0], {})) for row in found]


def _moving_row(
    written: Rows, move: ProjectMove, row: tuple[Any, ...], vectors: Mapping[str, tuple[bytes, ...]]
) -> _MovingRow:
    columns = dict(zip(MEMORY_COLUMNS, row[_author:], strict=True))
    whose = Whose(columns["sequence"], columns["id"], columns["user_id"])
    texts = written.read(whose, Texts(*(columns[each] for each in Texts._fields)))
    memory = replace(memory_of(row[:_author], written), project=move.target)
    fingerprint = str(written.fingerprint(memory, move.user))
    return _MovingRow(columns, texts._replace(project=move.target), fingerprint, vectors)


async def _drop_rows(
    transaction: Transaction, written: Rows, move: ProjectMove, rows: Sequence[_MovingRow]
) -> list[int]:
    """Removes them where they were, and the notes that are used up; returns their sequences there."""
    gone = [int(each.columns["sequence"]) for each in rows]
    for table in ("embeddings", "memories"):
        sql = f"DELETE FROM {table} WHERE user_id = %s AND sequence = ANY(%s::BIGINT[])"  # noqa: S608  # our own names
        await transaction.run(sql, move.user, gone)
    if move.splits:
        sql = "DELETE FROM merged_memories WHERE user_id = %s AND project = %s AND key = ANY(%s::UUID[])"
        await transaction.run(sql, move.user, written.name(move.target), [each.columns["key"] for each in rows])
    return gone


async def _write_rows(
    transaction: Transaction, written: Rows, move: ProjectMove, rows: Sequence[_MovingRow]
) -> list[int]:
    """Stores them under their new project; returns their sequences. What is there already in the same words and session
    is not stored again."""
    sql = "SELECT fingerprint::TEXT FROM memories WHERE user_id = %s AND fingerprint = ANY(%s::UUID[])"
    prints = [each.fingerprint for each in rows]
    known = {row[0] for row in await transaction.rows(sql, move.user, prints)}
    fresh = [each for each in rows if each.fingerprint not in known]
    sequences = await new_sequences(transaction, len(fresh))
    placed = list(zip(sequences, fresh, strict=True))
    await transaction.run_each(INSERT_MEMORY, [_columns(written, sequence, row) for sequence, row in placed])
    await transaction.run_each(
        EMBEDDING,
        [
            (move.user, sequence, model, *(written.vector(sequence, *each) for each in zip(_places, its, strict=True)))
            for sequence, row in placed
            for model, its in row.vectors.items()
        ],
    )
    if move.merges:
        notes = [(move.user, written.name(move.source), row.columns["key"]) for row in fresh]
        await transaction.run_each("INSERT INTO merged_memories VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", notes)
    return sequences


def _columns(written: Rows, sequence: int, row: _MovingRow) -> list[Any]:
    texts = written.texts(Whose(sequence, row.columns["id"], row.columns["user_id"]), row.texts)._asdict()
    columns = {**row.columns, **texts, "sequence": sequence, "fingerprint": row.fingerprint}
    return [list(each) if isinstance(each, tuple) else each for each in columns.values()]


async def _note_earlier(transaction: Transaction, written: Rows, move: ProjectMove) -> None:
    """Notes that what was deleted of the source counts as deleted of the target, and of what that is moved to."""
    user, target, source = move.user, written.name(move.target), written.name(move.source)
    sql = """
        INSERT INTO earlier_projects
        SELECT %s::TEXT, %s::TEXT, %s::TEXT
        UNION
        SELECT %s::TEXT, %s::TEXT, earlier FROM earlier_projects
            WHERE user_id = %s AND project = %s AND earlier <> %s
        ON CONFLICT DO NOTHING
    """
    await transaction.run(sql, user, target, source, user, target, user, source, target)


async def _move_rules(transaction: Transaction, written: Rows, move: ProjectMove) -> None:
    """The retention rule of the one is the other's, unless that has its own; the deletion log follows."""
    user, source, target = move.user, written.name(move.source), written.name(move.target)
    if await transaction.rows("SELECT 1 FROM retention WHERE user_id = %s AND project = %s", user, target):
        await transaction.run("DELETE FROM retention WHERE user_id = %s AND project = %s", user, source)
    for table in ("retention", "removals"):
        sql = f"UPDATE {table} SET project = %s WHERE user_id = %s AND project = %s"  # noqa: S608  # our own names
        await transaction.run(sql, target, user, source)


async def _move_links(transaction: Transaction, written: Rows, move: ProjectMove) -> None:
    """Ties the links of the one project to the other; one that would lead to itself, or is there already, goes."""
    user, source, target = move.user, move.source, move.target
    sql = "SELECT source, target, description, type, created_at FROM project_links WHERE user_id = %s"
    links = [(written.read_link(user, LinkTexts(*row[:3])), *row[3:]) for row in await transaction.rows(sql, user)]
    ends = {(each.source, each.target) for each, *_ in links if source not in {each.source, each.target}}
    for link, kind, created_at in links:
        if source not in {link.source, link.target}:
            continue
        sql = "DELETE FROM project_links WHERE user_id = %s AND source = %s AND target = %s"
        await transaction.run(sql, user, written.name(link.source), written.name(link.target))
        first, second = (target if each == source else each for each in (link.source, link.target))
        if first != second and (first, second) not in ends:
            ends.add((first, second))
            texts = written.link(user, LinkTexts(first, second, link.description))
            await transaction.run(PUT_LINK, user, texts.source, texts.target, kind, texts.description, created_at)
