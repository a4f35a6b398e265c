"""Keyed digests of what was deleted: they keep it from being stored again by what copies or repeats earlier words.

As in DuckDB: each deleted memory leaves the digest of its id and that of its text, with its project and kind; both are
HMACs under a random key of the database's own, which is sealed where texts are.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from services.memory.domain.rows import NewRow
from services.memory.storage.deletion_digests import id_digest, is_deleted, row_digests, secret_bytes, stored_digest
from services.memory.storage.postgres.server.transaction import Statements
from services.memory.storage.row_codec import Rows, Texts, Whose

portion = 2_000
UNKNOWN = ""
"""Whose digests are that were moved here from a database that no longer knew it. They say it themselves, under the
key."""


async def keep_out(
    statements: Statements,
    written: Rows,
    sequences: Sequence[int],
    removals: Mapping[tuple[str, str], int],
    at: datetime,
) -> None:
    """Stores the digests of memories that are about to be deleted; `removals` by user and project's column."""
    secret = await _secret(statements, written) or await _new_secret(statements, written)
    users = sorted({user for user, _ in removals})
    for first in range(0, len(sequences), portion):
        rows = [
            (whose[0], digest, removals[whose], at)
            async for whose, digest in _digests(statements, written, secret, users, sequences[first : first + portion])
        ]
        await statements.run_each("INSERT INTO deletion_digests VALUES (%s, %s::UUID, %s, %s)", rows)


async def let_in(
    statements: Statements, written: Rows, user: str, sequences: Sequence[int], removals: Sequence[int]
) -> None:
    """Drops the digests that these deletions left of the user's memories that are stored again."""
    if secret := await _secret(statements, written):
        digests = [digest async for _, digest in _digests(statements, written, secret, [user], sequences)]
        sql = """
            DELETE FROM deletion_digests
            WHERE user_id = ANY(%s::TEXT[]) AND digest = ANY(%s::UUID[]) AND removal = ANY(%s::BIGINT[])
        """
        await statements.run(sql, [user, UNKNOWN], digests, list(removals))


async def let_in_new(statements: Statements, written: Rows, rows: Sequence[NewRow]) -> None:
    """Drops the digests of memories that are stored although they were deleted."""
    secret = await _secret(statements, written) if rows else None
    if secret:
        earlier = await _earlier_projects(statements, written, rows)
        digests = [digest for row in rows for digest in row_digests(secret, row, earlier)]
        sql = "DELETE FROM deletion_digests WHERE user_id = ANY(%s::TEXT[]) AND digest = ANY(%s::UUID[])"
        await statements.run(sql, [*{row.user for row in rows}, UNKNOWN], digests)


async def deleted_places(statements: Statements, written: Rows, rows: Mapping[int, NewRow]) -> set[int]:
    """The positions of those that were deleted: by their id; or by their text, unless it was said after that."""
    secret = await _secret(statements, written) if rows else None
    if secret is None:
        return set()
    earlier = await _earlier_projects(statements, written, rows.values())
    digests = {place: row_digests(secret, row, earlier) for place, row in rows.items()}
    sql = """
        SELECT d.digest::TEXT, r.project, max(d.deleted_at)
        FROM deletion_digests d
        LEFT JOIN removals r ON r.user_id = d.user_id AND r.number = d.removal AND r.user_id = ANY(%s::TEXT[])
        WHERE d.user_id = ANY(%s::TEXT[]) AND d.digest = ANY(%s::UUID[]) GROUP BY 1, 2
    """
    users = [*{row.user for row in rows.values()}, UNKNOWN]
    deleted: dict[str, list[tuple[str, datetime]]] = {}
    asked = (users, users, [each for its in digests.values() for each in its])
    for digest, column, at in await statements.rows(sql, *asked):
        deleted.setdefault(digest, []).append((written.read_name(column) if column else "", at.astimezone(UTC)))
    return {place for place, row in rows.items() if is_deleted(row, digests[place], deleted, earlier)}


async def deleted_ids(statements: Statements, written: Rows, user: str, ids: Sequence[str]) -> set[str]:
    """Those of the user's ids that memories had which were deleted."""
    secret = await _secret(statements, written) if ids else None
    if secret is None:
        return set()
    digests = {id_digest(secret, user, each): each for each in ids}
    sql = """
        SELECT DISTINCT digest::TEXT FROM deletion_digests WHERE user_id = ANY(%s::TEXT[]) AND digest = ANY(%s::UUID[])
    """
    return {digests[digest] for (digest,) in await statements.rows(sql, [user, UNKNOWN], list(digests))}


async def _earlier_projects(
    statements: Statements, written: Rows, rows: Iterable[NewRow]
) -> dict[tuple[str, str], list[str]]:
    """What the projects of these rows were called before, or what was merged into them; by user and project."""
    sql = "SELECT user_id, project, earlier FROM earlier_projects WHERE user_id = ANY(%s::TEXT[])"
    found: dict[tuple[str, str], list[str]] = {(row.user, row.memory.project): [] for row in rows}
    for user, project, earlier in await statements.rows(sql, sorted({user for user, _ in found})):
        names = found.get((user, written.read_name(project)))
        if names is not None:
            names.append(written.read_name(earlier))
    return found


async def _digests(
    statements: Statements, written: Rows, secret: bytes, users: Sequence[str], sequences: Sequence[int]
) -> AsyncIterator[tuple[tuple[str, str], str]]:
    """The digests of the users' stored memories and of what they were before; each with its user and project's
    column."""
    texts = ", ".join(Texts._fields)
    sql = f"""
        SELECT sequence, key, id, user_id, kind, {texts} FROM memories
        WHERE user_id = ANY(%s::TEXT[]) AND sequence = ANY(%s::BIGINT[])
    """  # noqa: S608  # our own names
    project_of = {}
    for sequence, key, name, user, kind, *columns in await statements.rows(sql, list(users), list(sequences)):
        whose = project_of[key] = (user, columns[1])
        yield whose, id_digest(secret, user, name)
        if digest := stored_digest(written, secret, Whose(sequence, name, user), kind, columns):
            yield whose, digest
    sql = f"""
        SELECT number, key, id, user_id, kind, {texts} FROM versions
        WHERE user_id = ANY(%s::TEXT[]) AND key = ANY(%s::UUID[]) AND removal IS NULL
    """  # noqa: S608  # our own names
    for number, key, name, user, kind, *columns in await statements.rows(sql, list(users), list(project_of)):
        if digest := stored_digest(written, secret, Whose(-number, name, user), kind, columns):
            yield project_of[key], digest


async def _secret(statements: Statements, written: Rows) -> bytes | None:
    """The key of the digests; None while nothing was deleted. SealBroken if it was changed."""
    rows = await statements.rows("SELECT secret FROM digest_key")
    return written.read_secret(rows[0][0]) if rows else None


async def _new_secret(statements: Statements, written: Rows) -> bytes:
    secret = secrets.token_bytes(secret_bytes)
    await statements.run("INSERT INTO digest_key (secret) VALUES (%s) ON CONFLICT DO NOTHING", written.secret(secret))
    return await _secret(statements, written) or secret  # another one may have come first
