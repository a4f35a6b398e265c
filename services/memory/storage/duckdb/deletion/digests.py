"""Keyed digests of what was deleted: they keep it from being stored again by what copies or repeats earlier words.

Each deleted memory leaves the digest of its id and that of its text, with its project and kind; both are HMACs under a
random key of the database's own, which is sealed where texts are. Without the key nobody can guess a text from them.
The project is the same under every name that it had: what was deleted under one is not stored under another.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import duckdb

from services.memory.domain.rows import NewRow
from services.memory.storage.deletion_digests import id_digest, is_deleted, row_digests, secret_bytes, stored_digest
from services.memory.storage.duckdb.columns import insert_columns, placeholders
from services.memory.storage.row_codec import Rows, Texts, Whose

Connection = duckdb.DuckDBPyConnection
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
        digests = [digest for row in rows for digest in row_digests(secret, row, earlier)]
        connection.execute(f"DELETE FROM deletion_digests WHERE digest IN ({placeholders(digests)})", digests)  # noqa: S608


def deleted_places(connection: Connection, written: Rows, secret: bytes, rows: Mapping[int, NewRow]) -> set[int]:
    """The positions of those that were deleted: by their id; or by their text, unless it was said after that. `secret`
    is the digests' key."""
    if not rows:
        return set()
    earlier = _earlier_projects(connection, written, rows.values())
    digests = {place: row_digests(secret, row, earlier) for place, row in rows.items()}
    every = [each for its in digests.values() for each in its]
    sql = f"""
        SELECT digest::TEXT, r.project, max(deleted_at)
        FROM deletion_digests d LEFT JOIN removals r ON r.number = d.removal
        WHERE digest IN ({placeholders(every)}) GROUP BY ALL
    """  # noqa: S608  # marks only
    deleted: dict[str, list[tuple[str, datetime]]] = {}
    for digest, column, at in connection.execute(sql, every).fetchall():
        deleted.setdefault(digest, []).append((written.read_name(column) if column else "", at.astimezone(UTC)))

    return {place for place, row in rows.items() if is_deleted(row, digests[place], deleted, earlier)}


def deleted_ids(connection: Connection, written: Rows, user: str, ids: Sequence[str]) -> set[str]:
    """Those of the user's ids that memories had which were deleted."""
    secret = _secret(connection, written) if ids else None
    if secret is None:
        return set()
    digests = {id_digest(secret, user, each): each for each in ids}
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
        yield whose, id_digest(secret, user, name)
        if digest := stored_digest(written, secret, Whose(sequence, name, user), kind, columns):
            yield whose, digest
    sql = f"""
        SELECT number, key, id, user_id, kind, {texts} FROM versions WHERE removal IS NULL
            AND key IN (SELECT unnest(?::UUID[]))
    """  # noqa: S608  # our own names
    for number, key, name, user, kind, *columns in connection.execute(
        sql, [[str(each) for each in project_of]]
    ).fetchall():
        if digest := stored_digest(written, secret, Whose(-number, name, user), kind, columns):
            yield project_of[key], digest


def _secret(connection: Connection, written: Rows) -> bytes | None:
    """The key of the digests; None while nothing was deleted. SealBroken if it was changed."""
    rows = connection.execute("SELECT secret FROM digest_key").fetchall()
    return written.read_secret(rows[0][0]) if rows else None


def _new_secret(connection: Connection, written: Rows) -> bytes:
    secret = secrets.token_bytes(secret_bytes)
    connection.execute("INSERT INTO digest_key VALUES (?)", [written.secret(secret)])
    return secret
