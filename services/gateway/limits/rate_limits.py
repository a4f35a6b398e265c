"""How much each user may ask of the gateway: calls a minute, and calls at once.

Calls a minute are counted by the session service, for all gateways together where it keeps its state in Redis. They
are taken from there a few at a time. While it does not answer, each gateway counts for itself: who searches memories
need not notice that sessions are down.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mcp_types
from cachetools import TTLCache
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.access.identity import current_user, user_of
from services.gateway.backends import AccessBackend
from services.gateway.errors import failure
from services.kit.errors import RateLimited, ServiceError
from services.kit.token_bucket import Granted, ProcessAllowance, Rate
from services.pb import access_pb2

spend_timeout_s = 1.0
alone_for_s = 5.0
"""After a failure to ask, this gateway counts for itself for so long."""
batches_per_minute = 480
"""Calls are taken in batches of this part of a minute's: an eighth of a second's worth."""
users_max, user_forgotten_s = 10_000, 120.0


@dataclass(slots=True)
class _Purse:
    """What was granted and is not spent, and until when there is nothing more."""

    left: int = 0
    empty_until_s: float = 0.0


class Allowances:
    """Lets a user's calls through, or raises RateLimited with when to try again."""

    def __init__(self, access: AccessBackend, calls_per_minute: int, calls_at_once: int) -> None:
        self._access = access
        self._rate = Rate(calls_per_minute, calls_per_minute)
        self._batch = max(1, calls_per_minute // batches_per_minute)
        self._at_once = calls_at_once
        self._purses: TTLCache[str, _Purse] = TTLCache(users_max, user_forgotten_s)
        self._running: Counter[str] = Counter()
        self._own = ProcessAllowance()
        self._alone_until_s = 0.0

    async def spend(self, user: str) -> None:
        """One call of the user's minute."""
        now_s = asyncio.get_running_loop().time()
        purse = self._purses.setdefault(user, _Purse())
        if not purse.left and purse.empty_until_s <= now_s:
            granted = await self._take(user, now_s)
            purse.left += granted.calls
            purse.empty_until_s = 0.0 if purse.left else now_s + granted.retry_after_s
        if not purse.left:
            raise _limit_error(f"{self._rate.burst:,} calls a minute", purse.empty_until_s - now_s)
        purse.left -= 1

    @contextmanager
    def running(self, user: str) -> Iterator[None]:
        """One of the calls that the user may have at once, at this gateway."""
        if self._running[user] >= self._at_once:
            raise _limit_error(f"{self._at_once:,} calls at once", 1.0)
        self._running[user] += 1
        try:
            yield
        finally:
            self._running[user] -= 1
            if not self._running[user]:
                del self._running[user]

    async def _take(self, user: str, now_s: float) -> Granted:
        if now_s >= self._alone_until_s:
            request = access_pb2.SpendRequest(
                calls=self._batch, per_minute=self._rate.per_minute, burst=self._rate.burst
            )
            try:
                answer: access_pb2.SpendResponse = await self._access.call(
                    self._access.stub.Spend, request, spend_timeout_s, user
                )
            except ServiceError:
                self._alone_until_s = now_s + alone_for_s
            else:
                return Granted(answer.granted, answer.retry_after_s)
        return await self._own.take(user, self._batch, self._rate)


def _limit_error(what: str, retry_after_s: float) -> RateLimited:
    seconds = max(1, round(retry_after_s + 0.5))
    error = RateLimited(f"You may make {what}; try again in {seconds} s.", f"Wait {seconds} s.", "Ask for less.")
    error.retry_after_s = seconds
    return error


class Allowing(Middleware):
    """Every request of the protocol, against its user's allowance."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances

    async def on_request(
        self, context: MiddlewareContext[mcp_types.Request[Any, Any]], call_next: CallNext[Any, Any]
    ) -> Any:
        """The answer, within the limits."""
        user = current_user()
        await self._allowances.spend(user)
        with self._allowances.running(user):
            return await call_next(context)


class RouteAllowing:
    """Every request of another route that wants a caller, against the same."""

    def __init__(self, app: ASGIApp, allowances: Allowances) -> None:
        self._app = app
        self._allowances = allowances

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        user = user_of(scope)
        if user is None or scope["path"].rstrip("/") == "/mcp":
            await self._app(scope, receive, send)
            return
        try:
            await self._allowances.spend(user)
            with self._allowances.running(user):
                await self._app(scope, receive, send)
        except RateLimited as error:
            headers = {"retry-after": str(round(error.retry_after_s))}
            await JSONResponse(failure(error), 429, headers)(scope, receive, send)
