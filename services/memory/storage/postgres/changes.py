"""What changed of a user's memories since a version: who knows one misses nothing that was committed since.

Sequences would not do: transactions commit in another order than they are given numbers.
"""

from __future__ import annotations

from datetime import timedelta

from services.memory.domain.followed_store import Change
from services.memory.storage.postgres.server.transaction import Statements

kept = timedelta(days=1)


async def version_of(statements: Statements, user: str) -> int:
    """The user's version, 0 before the first change."""
    rows = await statements.rows("SELECT version FROM users WHERE user_id = %s", user)
    return rows[0][0] if rows else 0


async def changes_since(statements: Statements, user: str, version: int) -> list[Change] | None:
    """What changed after that version, in order; None if that is no longer known, and all must be read anew."""
    sql = """
        SELECT u.version, c.version, c.what, c.sequences
        FROM users u LEFT JOIN changes c ON c.user_id = u.user_id AND c.version > %s
        WHERE u.user_id = %s ORDER BY c.version, c.what
    """  # one statement, so that the user's version is of the same moment
    rows = await statements.rows(sql, version, user)
    changes = [Change(*change) for _, *change in rows if change[0] is not None]
    if changes:
        return changes if changes[0].version == version + 1 else None
    return [] if version == (rows[0][0] if rows else 0) else None


async def trim_changes(statements: Statements) -> None:
    """Drops what nobody follows any more."""
    await statements.run("DELETE FROM changes WHERE at < now() - %s", kept)
