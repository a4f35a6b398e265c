"""The shared cache in Redis. After a failure it is left alone for a moment, so that a dead Redis costs nothing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.kit.errors import Unavailable
from services.kit.redis import TracedRedis

timeout_s = 0.25
rest_s = 2.0
"""Before another try after a failure."""


@asynccontextmanager
async def open_shared_cache(url: str, prefix: str = "segue:memory:") -> AsyncIterator[RedisCache]:
    """The cache at `url` (`redis://host:port/0`); whether it answers shows when it is used."""
    client = TracedRedis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
    try:
        yield RedisCache(client, prefix)
    finally:
        await client.aclose()


class RedisCache:
    """Implements `Shared`."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._rests_until_s = 0.0

    async def get(self, key: str) -> bytes | None:
        """See Shared."""
        with self._reaching():
            found = await self._client.get(self._prefix + key)
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """See Shared."""
        with self._reaching():
            await self._client.set(self._prefix + key, value, px=round(ttl_s * 1000))

    async def generations(self, names: Sequence[str]) -> list[int]:
        """See Shared. One that is missing gets the time as its first: no earlier one was as high."""
        keys = [self._prefix + name for name in names]
        with self._reaching():
            found = await self._client.mget(keys)
            if None in found:
                await self._begin(keys)
                found = await self._client.mget(keys)
        return [int(each or 0) for each in found]

    async def move(self, names: Sequence[str]) -> None:
        """See Shared."""
        keys = [self._prefix + name for name in names]
        with self._reaching():
            await self._begin(keys)
            for key in keys:
                await self._client.incr(key)

    async def _begin(self, keys: Sequence[str]) -> None:
        for key in keys:
            await self._client.set(key, time.time_ns(), nx=True)

    async def is_reachable(self) -> bool:
        """Whether it answers now."""
        try:
            with self._reaching():
                await self._client.ping()
        except Unavailable:
            return False
        return True

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        if time.monotonic() < self._rests_until_s:
            raise Unavailable("The shared cache does not answer.")
        try:
            yield
        except (RedisError, OSError) as error:
            self._rests_until_s = time.monotonic() + rest_s
            raise Unavailable("The shared cache does not answer.") from error
