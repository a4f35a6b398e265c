"""Rate limits for each user: calls a minute, and calls at once.

Calls a minute are counted by the session service; if it keeps its state in Redis, for all gateways together. The
gateway takes them in batches. While the session service is down, each gateway counts for itself, so that memory
searches still work.
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
"""After the session service failed, this gateway counts for itself for this long."""
batches_per_minute = 480
"""Calls are taken in batches of this part of a minute's limit: 125 ms worth."""
users_max, user_forgotten_s = 10_000, 120.0


@dataclass(slots=True)
class _Bucket:
    """The calls granted but not spent, and the time until which no more are granted."""

    left: int = 0
    empty_until_s: float = 0.0


class Allowances:
    """Counts a user's calls, and raises RateLimited, which says when to try again."""

    def __init__(self, access: AccessBackend, calls_per_minute: int, calls_at_once: int) -> None:
        self._access = access
        self._rate = Rate(calls_per_minute, calls_per_minute)
        self._batch = max(1, calls_per_minute // batches_per_minute)
        self._at_once = calls_at_once
        self._buckets: TTLCache[str, _Bucket] = TTLCache(users_max, user_forgotten_s)
        self._running: Counter[str] = Counter()
        self._own = ProcessAllowance()
        self._alone_until_s = 0.0

    async def spend(self, user: str) -> None:
        """Takes one call from the user's limit per minute."""
        now_s = asyncio.get_running_loop().time()
        bucket = self._buckets.setdefault(user, _Bucket())
        if not bucket.left and bucket.empty_until_s <= now_s:
            granted = await self._take(user, now_s)
            bucket.left += granted.calls
            bucket.empty_until_s = 0.0 if bucket.left else now_s + granted.retry_after_s
        if not bucket.left:
            raise _limit_error(f"{self._rate.burst:,} calls a minute", bucket.empty_until_s - now_s)
        bucket.left -= 1

    @contextmanager
    def running(self, user: str) -> Iterator[None]:
        """Counts one of the calls that the user may run at once at this gateway."""
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


class RateLimits(Middleware):
    """Counts every MCP request against its user's limit."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances

    async def on_request(
        self, context: MiddlewareContext[mcp_types.Request[Any, Any]], call_next: CallNext[Any, Any]
    ) -> Any:
        """The answer, unless a limit is exceeded."""
        user = current_user()
        await self._allowances.spend(user)
        with self._allowances.running(user):
            return await call_next(context)


class RouteRateLimits:
    """Counts every request of another authenticated route against the same limit."""

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
