"""Tokens and rate limits in Redis, for many replicas."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from redis.asyncio import Redis

from services.kit.redis_replicas import ReplicatedWrites
from services.kit.token_bucket import Granted, Rate
from services.session.domain.tokens import Token
from services.session.store.records import TOKEN
from services.session.store.streams import translate_errors

_tokens, _used = "{segue}:tokens", "{segue}:tokens-used"

# KEYS[1] the bucket; ARGV requested calls, calls per second, capacity. The time is Redis's, the same for all replicas.
# Returns the granted calls, and if none, milliseconds until there is one. A full bucket need not be stored.
_take_script = """
local wanted, per_s, holds = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call("TIME")
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local bucket = redis.call("HMGET", KEYS[1], "left", "at")
local left = holds
if bucket[1] then left = math.min(holds, bucket[1] + math.max(0, now_ms - bucket[2]) / 1000 * per_s) end
local granted = math.min(wanted, math.floor(left))
redis.call("HSET", KEYS[1], "left", tostring(left - granted), "at", tostring(now_ms))
redis.call("PEXPIRE", KEYS[1], math.ceil(holds / per_s * 1000) + 1000)
if granted > 0 then return {granted, 0} end
return {0, math.ceil((1 - left) / per_s * 1000)}
"""


class RedisTokens:
    """`TokenStore` in two hashes: the records, and the last uses, so that recording a use never restores a token."""

    def __init__(self, client: Redis, writes: ReplicatedWrites) -> None:
        self._client = client
        self._writes = writes

    async def add(self, token: Token) -> None:
        body = TOKEN.dump_json(token).decode()
        await translate_errors(self._writes.write(_tokens, "HSET", _tokens, token.digest, body))

    async def find(self, digest: str) -> Token | None:
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hget(_tokens, digest)
            pipeline.hget(_used, digest)
            body, used = await translate_errors(pipeline.execute())
        return _token(body, used) if body else None

    async def every(self) -> Sequence[Token]:
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(_tokens)
            pipeline.hgetall(_used)
            bodies, used = await translate_errors(pipeline.execute())
        found = [_token(body, used.get(digest)) for digest, body in bodies.items()]
        return sorted(found, key=lambda token: token.created_at)

    async def remove(self, digests: Sequence[str]) -> int:
        if not digests:
            return 0
        removed = await translate_errors(self._writes.write(_tokens, "HDEL", _tokens, *digests))
        await translate_errors(self._client.hdel(_used, *digests))
        return int(removed)

    async def record_use(self, digest: str, at: datetime) -> None:
        await translate_errors(self._client.hset(_used, digest, at.astimezone(UTC).isoformat()))


class RedisAllowance:
    """`Allowance` shared by all replicas."""

    def __init__(self, client: Redis) -> None:
        self._take = client.register_script(_take_script)

    async def take(self, user: str, calls: int, rate: Rate) -> Granted:
        """See Allowance."""
        key = f"{{segue}}:allowance:{hashlib.blake2b(user.encode(), digest_size=16).hexdigest()}"
        asked = [str(calls), repr(rate.per_minute / 60), str(rate.burst)]
        granted, retry_after_ms = await translate_errors(self._take(keys=[key], args=asked))
        return Granted(int(granted), int(retry_after_ms) / 1000)


def _token(body: str, last_used_at: str | None) -> Token:
    used = datetime.fromisoformat(last_used_at) if last_used_at else None
    return replace(TOKEN.validate_json(body), last_used_at=used)
