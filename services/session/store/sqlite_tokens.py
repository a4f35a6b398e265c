"""`TokenStore` in the session database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.session.domain.tokens import Token
from services.session.store.records import TOKEN

Rows = Callable[..., Awaitable[list[tuple[Any, ...]]]]


class SqliteTokens:
    """Tokens as JSON; the last use has its own column, so that recording it never restores a revoked token."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def add(self, token: Token) -> None:
        row = (token.digest, token.created_at.astimezone(UTC).isoformat(), TOKEN.dump_json(token).decode())
        await self._rows("INSERT INTO tokens (digest, created_at, body) VALUES (?, ?, ?)", *row)

    async def find(self, digest: str) -> Token | None:
        found = await self._rows("SELECT body, last_used_at FROM tokens WHERE digest = ?", digest)
        return _token(*found[0]) if found else None

    async def every(self) -> Sequence[Token]:
        return [_token(*row) for row in await self._rows("SELECT body, last_used_at FROM tokens ORDER BY created_at")]

    async def remove(self, digests: Sequence[str]) -> int:
        removed = 0
        for digest in digests:
            removed += len(await self._rows("DELETE FROM tokens WHERE digest = ? RETURNING digest", digest))
        return removed

    async def record_use(self, digest: str, at: datetime) -> None:
        await self._rows("UPDATE tokens SET last_used_at = ? WHERE digest = ?", at.astimezone(UTC).isoformat(), digest)


def _token(body: str, last_used_at: str | None) -> Token:
    used = datetime.fromisoformat(last_used_at) if last_used_at else None
    return replace(TOKEN.validate_json(body), last_used_at=used)
