"""Reads what one user has: versions, where memories stand, what is not in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import errors

from services.kit.encryption.vault import SealBroken
from services.memory.domain.corrections import Corrections
from services.memory.domain.followed_store import SessionRow, UserCorrections, UserVersions
from services.memory.storage.postgres import corrections
from services.memory.storage.postgres.server.transaction import Statements
from services.memory.storage.row_codec import Rows, Texts, Whose, is_sealed


async def user_versions(statements: Statements, identity: str, user: str) -> UserVersions:
    """The versions of the user and of those who share. What a replica says may be of earlier: it is asked elsewhere."""
    sql = """
        SELECT CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
               u.user_id, u.version
        FROM (SELECT 1) one LEFT JOIN users u ON u.user_id = %s OR u.shares
    """
    rows = await statements.rows(sql, user)
    timeline = rows[0][0]
    if not timeline:
        raise errors.ReadOnlySqlTransaction
    return UserVersions(f"{identity}-{timeline}", {name: version for _, name, version in rows if name is not None})


async def inventory(statements: Statements, model: str, user: str, only: Sequence[int] | None) -> tuple[Any, ...]:
    """The user's sequences, of these alone if any are given, ascending; whether they have embeddings, are shared; and
    when each was last said."""
    sql = """
        SELECT m.sequence, e.sequence IS NOT NULL, m.shared, extract(epoch FROM m.timestamp)::FLOAT8
        FROM memories m LEFT JOIN embeddings e
            ON e.user_id = m.user_id AND e.sequence = m.sequence AND e.model = %s AND e.user_id = %s
        WHERE m.user_id = %s AND (%s OR m.sequence = ANY(%s::BIGINT[])) ORDER BY m.sequence
    """
    found = await statements.rows(sql, model, user, user, only is None, list(only or ()))
    return tuple(zip(*found, strict=True)) or ((), (), (), ())


async def session_rows(
    statements: Statements, written: Rows, user: str, only: Sequence[int] | None
) -> list[SessionRow]:
    """The user's memories of these sequences; by default all in projects of which any is shared, ascending."""
    columns = """
        SELECT sequence, id, user_id, CASE WHEN %s THEN content ELSE '' END, project, session_id, role, tags, metadata,
               extract(epoch FROM timestamp)::FLOAT8, shared
        FROM memories
    """
    if only is None:
        projects = "SELECT project FROM memories WHERE user_id = %s AND shared"
        sql = f"{columns} WHERE user_id = %s AND project IN ({projects}) ORDER BY sequence"
        found = await statements.rows(sql, is_sealed(written), user, user)
    else:
        sql = f"{columns} WHERE user_id = %s AND sequence = ANY(%s::BIGINT[]) ORDER BY sequence"
        found = await statements.rows(sql, is_sealed(written), user, list(only))
    return [each for row in found if (each := _session_row(written, row)) is not None]


def _session_row(written: Rows, row: tuple[Any, ...]) -> SessionRow | None:
    sequence, name, user, *columns, said_s, shared = row
    try:
        texts = written.read(Whose(sequence, name, user), Texts(*columns))
    except (SealBroken, ValueError, TypeError):
        return None
    return SessionRow(sequence, texts.project, texts.session_id, said_s, shared)


async def user_corrections(statements: Statements, user: str) -> UserCorrections:
    """What replaces what, and since when memories are withdrawn that were not said again since."""
    replacements = await corrections.user_replacements(statements, user)
    withdrawals = await corrections.user_withdrawals(statements, user)
    keys = sorted({each.key for each in replacements})
    sequences = await corrections.user_sequences_of(statements, user, keys)
    return UserCorrections(Corrections(replacements, withdrawals), sequences)


async def owners(statements: Statements, sequences: Sequence[int]) -> dict[int, str]:
    """Whose the memories are that exist."""
    sql = "SELECT sequence, user_id FROM memories WHERE sequence = ANY(%s::BIGINT[])"
    return dict(await statements.rows(sql, list(sequences)))


async def removal_versions(statements: Statements) -> dict[str, int]:
    """The versions in which memories were last removed, as far as changes are kept."""
    sql = "SELECT user_id, max(version) FROM changes WHERE what = 'removed' GROUP BY user_id"
    return dict(await statements.rows(sql))
