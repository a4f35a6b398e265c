"""Resolves bearer tokens to users through the session service; results are cached briefly."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import UTC, datetime
from typing import NamedTuple

from services.gateway.access.identity import Caller, Scope
from services.gateway.backends import AccessBackend
from services.kit import bearer_token
from services.kit.errors import Unauthenticated
from services.pb import access_pb2

known_for_s = 0.5
"""How long a result is cached: a revoked token works for at most this long, as does one while sessions are down."""
known_max = 10_000
itself = "-gateway"
"""The user name of the gateway's own lookups; names of real users begin with a letter or digit."""


class _Known(NamedTuple):
    caller: Caller
    until_s: float


class TokenVerifier:
    """Verifies Segue's own tokens, made by `segue token`."""

    def __init__(self, access: AccessBackend) -> None:
        self._access = access
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """The token's caller; see `authentication.Verifier`."""
        if not bearer_token.is_token(token):
            raise Unauthenticated("This is not a Segue token.", "`segue token create NAME` makes one.")
        digest = bearer_token.digest(token)
        known = self._known.get(digest)
        asked_s = asyncio.get_running_loop().time()
        if known is None or known.until_s <= asked_s:
            known = _Known(await self._ask(digest), asked_s + known_for_s)
            self._known[digest] = known
            self._known.move_to_end(digest)
            if len(self._known) > known_max:
                self._known.popitem(last=False)
        if known.caller.expires_at and known.caller.expires_at <= datetime.now(UTC):
            raise Unauthenticated("This token has expired.", "Ask for a new one.")
        return known.caller

    async def _ask(self, digest: bytes) -> Caller:
        self._known.pop(digest, None)
        request = access_pb2.AuthenticateRequest(sha256=digest)
        found: access_pb2.TokenRecord = await self._access.call(self._access.stub.Authenticate, request, user=itself)
        expires_at = found.expires_at.ToDatetime(UTC) if found.HasField("expires_at") else None
        return Caller(found.user, Scope[found.scope.upper()], expires_at)
