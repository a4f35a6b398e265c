"""Keyed digests of what was deleted: they keep it from being stored again by what copies or repeats earlier words.

Each deleted memory leaves the digest of its id and that of its text, with its project and kind; both are HMACs under a
random key of the database's own, which is sealed where texts are. Without the key nobody can guess a text from them.
The project is the same under every name that it had: what was deleted under one is not stored under another.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import duckdb

from services.kit.encryption.vault import SealBroken
from services.memory.domain.memories import Kind, Memory
from services.memory.domain.rows import NewRow
from services.memory.storage.duckdb.columns import insert_columns, placeholders
from services.memory.storage.row_codec import Rows, Texts, Whose

Connection = duckdb.DuckDBPyConnection
secret_bytes = 32
portion = 2_000
_types = ("UUID", "BIGINT", "TIMESTAMPTZ")


def keep_out(
    connection: Connection,
    written: Rows,
    sequences: Sequence[int],
    removals: Mapping[tuple[str, str], int],
    at: datetime,
) -> None:
    """Stores the digests of memories that are about to be deleted; `removals` by user and project's column."""
    secret = _secret(connection, written) or _new_secret(connection, written)
    for first in range(0, len(sequences), portion):
        rows = [
            (digest, removals[whose], at)
            for whose, digest in _digests(connection, written, secret, sequences[first : first + portion])
        ]
        insert_columns(connection, "deletion_digests", rows, _types)


def let_in(connection: Connection, written: Rows, sequences: Sequence[int], removals: Sequence[int]) -> None:
    """Drops the digests that these deletions left of memories that are stored again."""
    if secret := _secret(connection, written):
        digests = [digest for _, digest in _digests(connection, written, secret, sequences)]
        sql = """
            DELETE FROM deletion_digests WHERE digest IN (SELECT unnest(?::UUID[]))
                AND removal IN (SELECT unnest(?::BIGINT[]))
        """
        connection.execute(sql, [digests, list(removals)])


def let_in_new(connection: Connection, written: Rows, rows: Sequence[NewRow]) -> None:
    """Drops the digests of memories that are stored although they were deleted."""
    secret = _secret(connection, written) if rows else None
    if secret:
        earlier = _earlier_projects(connection, written, rows)
        digests = [digest for row in rows for digest in _of_row(secret, row, earlier)]
        connection.execute(f"DELETE FROM deletion_digests WHERE digest IN ({placeholders(digests)})", digests)  # noqa: S608


def deleted_places(connection: Connection, written: Rows, rows: Mapping[int, NewRow]) -> set[int]:
    """The positions of those that were deleted: by their id; or by their text, unless it was said after that."""
    secret = _secret(connection, written) if rows else None
    if secret is None:
        return set()
    earlier = _earlier_projects(connection, written, rows.values())
    digests = {place: _of_row(secret, row, earlier) for place, row in rows.items()}
    every = [each for its in digests.values() for each in its]
    sql = f"""
        SELECT digest::TEXT, r.project, max(deleted_at)
        FROM deletion_digests d LEFT JOIN removals r ON r.number = d.removal
        WHERE digest IN ({placeholders(every)}) GROUP BY ALL
    """  # noqa: S608  # marks only
    deleted: dict[str, list[tuple[str, datetime]]] = {}
    for digest, column, at in connection.execute(sql, every).fetchall():
        deleted.setdefault(digest, []).append((written.read_name(column) if column else "", at.astimezone(UTC)))

    def is_deleted(place: int) -> bool:
        memory, (by_id, *by_text) = rows[place].memory, digests[place]
        names = {"", memory.project, *earlier[rows[place].user, memory.project]}  # not one that has its name since
        said = [at for digest in by_text for whose, at in deleted.get(digest, ()) if whose in names]
        return by_id in deleted or any(memory.timestamp <= at for at in said)

    return {place for place in rows if is_deleted(place)}


def deleted_ids(connection: Connection, written: Rows, user: str, ids: Sequence[str]) -> set[str]:
    """Those of the user's ids that memories had which were deleted."""
    secret = _secret(connection, written) if ids else None
    if secret is None:
        return set()
    digests = {_id_digest(secret, user, each): each for each in ids}
    sql = f"SELECT DISTINCT digest::TEXT FROM deletion_digests WHERE digest IN ({placeholders(list(digests))})"  # noqa: S608
    return {digests[digest] for (digest,) in connection.execute(sql, list(digests)).fetchall()}


def _earlier_projects(
    connection: Connection, written: Rows, rows: Iterable[NewRow]
) -> dict[tuple[str, str], list[str]]:
    """What the projects of these rows were called before, or what was merged into them; by user and project."""
    sql = "SELECT earlier FROM earlier_projects WHERE user_id = ? AND project = ?"
    return {
        (user, project): [
            written.read_name(column) for (column,) in connection.execute(sql, [user, written.name(project)]).fetchall()
        ]
        for user, project in {(row.user, row.memory.project) for row in rows}
    }


def _of_row(secret: bytes, row: NewRow, earlier: Mapping[tuple[str, str], Sequence[str]]) -> list[str]:
    """The digest of its id, and that of its text in its project, under each name that this had."""
    projects = [row.memory.project, *earlier[row.user, row.memory.project]]
    texts = [_text_digest(secret, row.user, replace(row.memory, project=each)) for each in projects]
    return [_id_digest(secret, row.user, row.memory.id), *texts]


def _digests(
    connection: Connection, written: Rows, secret: bytes, sequences: Sequence[int]
) -> Iterator[tuple[tuple[str, str], str]]:
    """The digests of stored memories and of what they were before; each with its user and project's column."""
    asked = (
        "SELECT sequence, key, id, user_id, kind, {texts} FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[]))"
    )
    texts = ", ".join(Texts._fields)
    own = connection.execute(asked.format(texts=texts), [list(sequences)]).fetchall()
    project_of = {}
    for sequence, key, name, user, kind, *columns in own:
        whose = project_of[key] = (user, columns[1])
        yield whose, _id_digest(secret, user, name)
        if digest := _stored_digest(written, secret, Whose(sequence, name, user), kind, columns):
            yield whose, digest
    sql = f"""
        SELECT number, key, id, user_id, kind, {texts} FROM versions WHERE removal IS NULL
            AND key IN (SELECT unnest(?::UUID[]))
    """  # noqa: S608  # our own names
    for number, key, name, user, kind, *columns in connection.execute(
        sql, [[str(each) for each in project_of]]
    ).fetchall():
        if digest := _stored_digest(written, secret, Whose(-number, name, user), kind, columns):
            yield project_of[key], digest


def _stored_digest(written: Rows, secret: bytes, whose: Whose, kind: str, columns: Sequence[Any]) -> str:
    """Of a stored text; empty if it cannot be read."""
    try:
        texts = written.read(whose, Texts(*columns))
        unsaid = datetime.min  # noqa: DTZ901  # not in the digest
        return _text_digest(secret, whose.user, Memory(texts.content, Kind(kind), texts.project, unsaid))
    except (SealBroken, ValueError, TypeError):
        return ""


def _id_digest(secret: bytes, user: str, id: str) -> str:
    return _digest(secret, f"id\0{user}\0{id}".encode("utf-8", "replace"))


def _text_digest(secret: bytes, user: str, memory: Memory) -> str:
    """Of the text in its project, in whatever session."""
    return _digest(secret, b"text\0" + replace(memory, session_id="").fingerprint(user).bytes)


def _digest(secret: bytes, content: bytes) -> str:
    return str(UUID(bytes=hmac.digest(secret, content, "sha256")[:16]))


def _secret(connection: Connection, written: Rows) -> bytes | None:
    """The key of the digests; None while nothing was deleted. SealBroken if it was changed."""
    rows = connection.execute("SELECT secret FROM digest_key").fetchall()
    return written.read_secret(rows[0][0]) if rows else None


def _new_secret(connection: Connection, written: Rows) -> bytes:
    secret = secrets.token_bytes(secret_bytes)
    connection.execute("INSERT INTO digest_key VALUES (?)", [written.secret(secret)])
    return secret
