"""Keeps the Redis store small: removes old answers and data of earlier versions; reports the server's memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from services.kit.observability import telemetry
from services.kit.redis_client import node_options
from services.session.domain.sessions import Session, State
from services.session.store import StoreSize
from services.session.store import redis_keys as keys
from services.session.store.records import SESSION
from services.session.store.streams import translate_errors

scanned_at_once = 500

# KEYS all users' orders, one user's order, and that user's answers; ARGV the time before which answers are removed, and
# the most that stay. An empty order is removed from the list.
_forget_script = """
local old = redis.call("ZRANGE", KEYS[2], "-inf", "(" .. ARGV[1], "BYSCORE")
local surplus = redis.call("ZCARD", KEYS[2]) - #old - tonumber(ARGV[2])
for _, name in ipairs(old) do
  redis.call("ZREM", KEYS[2], name)
  redis.call("HDEL", KEYS[3], name)
end
while surplus > 0 do
  local first = redis.call("ZPOPMIN", KEYS[2])
  redis.call("HDEL", KEYS[3], first[1])
  surplus = surplus - 1
end
if redis.call("ZCARD", KEYS[2]) == 0 then redis.call("SREM", KEYS[1], KEYS[2]) end
return 0
"""


class RedisUpkeep:
    """Maintains the data of `RedisStore`."""

    def __init__(self, client: Redis, audit_max: int) -> None:
        self._client = client
        self._audit_max = audit_max
        self._forget = client.register_script(_forget_script)

    async def forget_answers(self, before: datetime, most: int) -> None:
        """See SessionStore."""
        listed = keys.key("answers-orders")
        for order in sorted(await translate_errors(self._client.smembers(listed))):
            answers = order.replace(":answers-order:", ":answers:", 1)
            await translate_errors(self._forget(keys=[listed, order, answers], args=[keys.score(before), str(most)]))
        await self._forget_earlier(before)

    async def _forget_earlier(self, before: datetime) -> None:
        """Removes answers from the order that earlier versions kept for all users; it ends with its last answer."""
        order = keys.key("answered")
        while names := await translate_errors(
            self._client.zrangebyscore(order, "-inf", f"({keys.score(before)}", start=0, num=scanned_at_once)
        ):
            async with self._client.pipeline(transaction=False) as pipeline:
                for name in names:
                    answers, _, operation_id = name.partition(" ")
                    pipeline.hdel(answers, operation_id)
                pipeline.zrem(order, *names)
                await _execute(pipeline)

    async def tidy(self) -> None:
        """See SessionStore. Steps that free memory come first: a full server refuses the others."""
        async for found in self._scan("audit:2:*"):  # a log for each project
            await translate_errors(self._client.unlink(*found))
        async for found in self._scan("audit:1:*"):
            async with self._client.pipeline(transaction=False) as pipeline:
                for key in found:
                    pipeline.ltrim(key, 0, self._audit_max - 1)
                await _execute(pipeline)
        async for found in self._scan("session:1:*"):
            await self._index(await self._bodies(found))

    async def _bodies(self, names: Sequence[str]) -> list[Session]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for key in names:
                pipeline.hget(key, "body")
            return [SESSION.validate_json(body) for body in await _execute(pipeline) if body]

    async def _index(self, sessions: Sequence[Session]) -> None:
        """Adds sessions to the indexes that earlier versions lacked. A session that changes meanwhile may keep an old
        entry until its next change: readers of the index check the session itself."""
        async with self._client.pipeline(transaction=False) as pipeline:
            for session in sessions:
                if session.state is State.ACTIVE:
                    continue
                pipeline.zadd(keys.key("finished"), {session.id: keys.score(session.last_seen_at)}, nx=True)
                if session.has_handoff:
                    pipeline.zadd(keys.key("handoffs", session.user, ""), {session.id: 0}, nx=True)
                if session.state is State.ABANDONED and not session.has_handoff:
                    place = keys.place(session.created_at, session.id)
                    pipeline.zadd(keys.without_handoff(session.user, session.project), {place: 0})
            await _execute(pipeline)

    async def _scan(self, pattern: str) -> AsyncIterator[list[str]]:
        scanned = self._client.scan_iter(match=keys.key(pattern), count=scanned_at_once)
        found: list[str] = []
        while (key := await translate_errors(anext(scanned, None))) is not None:
            found.append(key)
            if len(found) >= scanned_at_once:
                yield found
                found = []
        if found:
            yield found

    async def size(self) -> StoreSize | None:
        """See SessionStore."""
        sizes = []
        for node in await translate_errors(node_options(self._client)):
            memory = await translate_errors(self._client.info("memory", **node))
            most = int(memory.get("maxmemory", 0))
            sizes += [StoreSize(int(memory["used_memory"]), most)] if most else []
        return max(sizes, key=lambda size: size.used_bytes / size.max_bytes, default=None)


async def _execute(pipeline: Pipeline) -> list[str | None]:
    with telemetry.query("redis", "PIPELINE"):
        answers: list[str | None] = await translate_errors(pipeline.execute())
        return answers
