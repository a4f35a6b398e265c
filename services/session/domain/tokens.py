"""Bearer tokens: their user, scope and expiry. A token itself is shown once and never stored."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

from services.kit import bearer_token
from services.kit.errors import InvalidInput, NotFound, OverQuota, ServiceError, Unauthenticated

logger = logging.getLogger(__name__)

SCOPES = ("read", "write", "admin")
tokens_max = 10_000
lifetime_max = timedelta(days=3660)
used_every = timedelta(minutes=5)
"""The precision of a token's last use."""
_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


@dataclass(frozen=True, slots=True)
class Token:
    """The record of a token."""

    id: str
    user: str
    scope: str
    digest: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


class TokenStore(Protocol):
    """Tokens by digest. Every method raises Unavailable while the store does not answer."""

    async def add(self, token: Token) -> None:
        """Stores a token; it survives a kill once this returns."""
        ...

    async def find(self, digest: str) -> Token | None:
        """The token with that digest."""
        ...

    async def every(self) -> Sequence[Token]:
        """All tokens, oldest first."""
        ...

    async def remove(self, digests: Sequence[str]) -> int:
        """Removes these permanently; returns how many existed."""
        ...

    async def record_use(self, digest: str, at: datetime) -> None:
        """Records a use, if the token still exists."""
        ...


class Tokens:
    """Creates, checks, lists and revokes tokens."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store

    async def create(self, user: str, scope: str, expires_in_s: float) -> tuple[Token, str]:
        """A new token of the user, and its text, which is shown once; 0 seconds means no expiry."""
        if not _name.fullmatch(user):
            raise InvalidInput("A name has 1 to 64 letters, digits and . _ @ + -, and begins with a letter or digit.")
        if scope not in SCOPES:
            raise InvalidInput(f"scope is none of {', '.join(SCOPES)}.")
        if not 0 <= expires_in_s <= lifetime_max.total_seconds():
            raise InvalidInput(f"A token lives for {lifetime_max.days} days at most.", "Leave it out for no end.")
        if len(await self._store.every()) >= tokens_max:
            raise OverQuota(f"There are {tokens_max:,} tokens already.", "Revoke some first.")
        now, shown = datetime.now(UTC), bearer_token.new_token()
        expires_at = now + timedelta(seconds=expires_in_s) if expires_in_s else None
        token = Token(uuid4().hex[:12], user, scope, bearer_token.digest(shown).hex(), now, expires_at)
        await self._store.add(token)
        return token, shown

    async def authenticate(self, digest: bytes) -> Token:
        """The token with that digest; Unauthenticated if there is none, or it has expired."""
        token, now = await self._store.find(digest.hex()), datetime.now(UTC)
        if token is None:
            raise Unauthenticated("This token is not known: it was revoked, or never issued.", "Ask for a new one.")
        if token.expires_at and token.expires_at <= now:
            raise Unauthenticated("This token has expired.", "Ask for a new one.")
        if not token.last_used_at or now - token.last_used_at >= used_every:
            await self._note_use(token, now)
        return token

    async def _note_use(self, token: Token, now: datetime) -> None:
        try:
            await self._store.record_use(token.digest, now)
        except ServiceError as error:  # a full disk must not lock out the token's owner
            logger.warning("a token's use could not be noted: %s", type(error).__name__)

    async def every(self) -> Sequence[Token]:
        """All that have not been revoked, oldest first."""
        return await self._store.every()

    async def revoke(self, which: str) -> int:
        """Revokes the token with that id, or all tokens of that user; returns how many."""
        found = await self._store.every()
        meant = [each for each in found if each.id == which] or [each for each in found if each.user == which]
        if not meant:
            raise NotFound("There is no token of that id, and none of a user of that name.", "See `segue token list`.")
        return await self._store.remove([each.digest for each in meant])
