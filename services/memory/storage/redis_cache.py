"""The shared cache in Redis. After a failure it pauses briefly, so that an unreachable Redis costs no time."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.kit.errors import Unavailable
from services.kit.observability import telemetry
from services.kit.redis_client import redis_client
from services.memory.search.result_cache import rankings_ttl_s

timeout_s = 0.25
rest_s = 2.0
"""The time from a failure to the next attempt."""
scanned_at_once = 500
_generations_ttl_ms = round(4 * rankings_ttl_s * 1000)


@asynccontextmanager
async def open_shared_cache(url: str, prefix: str = "") -> AsyncIterator[RedisCache]:
    """The cache at `url` (see `kit/redis_client.py`); connects on first use.

    On a cluster the prefix holds a tag, so that one command may read several keys.
    """
    prefix = prefix or ("{segue:memory}:" if "+cluster:" in url else "segue:memory:")
    client = redis_client(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
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
        with self._reaching():
            found = await self._client.get(self._prefix + key)
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        with self._reaching():
            await self._client.set(self._prefix + key, value, px=round(ttl_s * 1000))

    async def generations(self, names: Sequence[str]) -> list[int | None]:
        """Each lives longer than the entries under it; every use extends its life."""
        keys = [self._prefix + name for name in names]
        with self._reaching(), telemetry.query("redis", "PIPELINE"):
            async with self._client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.get(key)  # a cluster's pipeline takes no MGET
                for key in keys:
                    pipeline.pexpire(key, _generations_ttl_ms)
                found: list[bytes | None] = (await pipeline.execute())[: len(keys)]
        return [int(each) if each else None for each in found]

    async def begin(self, names: Sequence[str]) -> None:
        """They are random, so that none ever returns after it was moved or evicted."""
        with self._reaching():
            for name in names:
                await self._client.set(self._prefix + name, 1 + secrets.randbits(62), nx=True, px=_generations_ttl_ms)

    async def move(self, names: Sequence[str]) -> None:
        with self._reaching():
            await self._client.unlink(*(self._prefix + name for name in names))

    async def limit_lives(self) -> None:
        """Sets a time to live on keys that earlier versions stored without one."""
        with self._reaching():
            async for key in self._client.scan_iter(match=f"{self._prefix}*", count=scanned_at_once):
                await self._client.pexpire(key, _generations_ttl_ms, nx=True)  # only those without one

    async def is_reachable(self) -> bool:
        """Whether Redis responds now."""
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
