"""Events in a bounded Redis stream: consumer groups, at least once, in order.

The stream is written by the same script as the change. In each group a lease admits one active consumer at a time, so
that a session's events stay in order. Unsettled events are delivered again to the next consumer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from services.kit.errors import Unavailable
from services.kit.events.outbox import Taken, stored_event
from services.session.operations.events import Event, Handler
from services.session.store.outbox import outgoing_event
from services.session.store.records import EVENT
from services.session.store.redis_plan import Plan

logger = logging.getLogger(__name__)

lease_ms = 10_000
block_ms = 1_000
idle_max_ms = 3_600_000
"""A consumer without unsettled events is removed from its group after this long."""
taken_max = 100
deliveries_max = 5
"""How often a handler may fail on one event before it is moved to the stream `...:failed`."""
failed_max = 10_000
retry_s = 0.5
_passing = (
    *("OOM", "MISCONF", "NOREPLICAS", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "LOADING", "BUSY"),
    *("NOAUTH", "WRONGPASS", "NOPERM"),
)
_lease_script = """
local holder = redis.call("GET", KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1
"""


async def translate_errors(answer: Awaitable[Any]) -> Any:
    """The response of Redis; Unavailable if it does not respond or refuses the command."""
    try:
        return await answer
    except ResponseError as error:
        if isinstance(error, NoScriptError) or (not str(error).startswith(_passing) and type(error) is ResponseError):
            raise  # a bug in our code
        logger.error("redis: %s", type(error).__name__)  # noqa: TRY400  # its text may hold arguments
        raise Unavailable(f"Redis refused the command ({_word(error)}).", "Look at its log, then try again.") from error
    except (RedisError, OSError) as error:
        logger.warning("redis: %s", type(error).__name__)
        raise Unavailable("Redis, which keeps the sessions, does not answer.", "Try again in a moment.") from error


def _word(error: ResponseError) -> str:
    first = str(error).split(" ", 1)[0]
    return first if first.isupper() else type(error).__name__


_release_script = """
if redis.call("GET", KEYS[1]) == ARGV[1] then redis.call("DEL", KEYS[1]) end
"""

# KEYS the stream; ARGV the group, a consumer and the least idle time. Removes that consumer or, if none is named,
# all idle ones. Its unsettled entries would be lost with it, so a consumer that has any stays.
_forget_script = """
local consumers = redis.pcall("XINFO", "CONSUMERS", KEYS[1], ARGV[1])
if consumers.err then return 0 end
for _, fields in ipairs(consumers) do
  local it = {}
  for place = 1, #fields, 2 do it[fields[place]] = fields[place + 1] end
  local is_meant = it.name == ARGV[2] or (ARGV[2] == "" and it.idle >= tonumber(ARGV[3]))
  if is_meant and it.pending == 0 then redis.call("XGROUP", "DELCONSUMER", KEYS[1], ARGV[1], it.name) end
end
return 1
"""


class EventStream:
    """`EventSource` for one consumer of a group on the stream `key`."""

    def __init__(self, client: Redis, key: str, group: str, consumer: str) -> None:
        self.key = key
        self._client = client
        self._group = group
        self._consumer = consumer
        self._lease = client.register_script(_lease_script)
        self._release = client.register_script(_release_script)
        self._forget = client.register_script(_forget_script)
        self._lease_key = f"{key}:lease:{group}"
        self._taken: dict[str, str] = {}  # from an event's id to its entry's
        self._has_group = False
        self._at_work = False

    async def take(self) -> Sequence[Event]:
        while True:
            if not await self._may_work():
                await asyncio.sleep(block_ms / 1000)
                continue
            entries = await self._entries()
            if entries:
                events = {entry: EVENT.validate_json(fields["event"]) for entry, fields in entries}
                self._taken = {event.id: entry for entry, event in events.items()}
                return list(events.values())

    async def release(self) -> None:
        """Lets another consumer of the group continue at once, and removes this one unless it has unsettled events; if
        this fails, the other waits until the lease expires."""
        with suppress(Unavailable):
            await translate_errors(self._release(keys=[self._lease_key], args=[self._consumer]))
            await self._forget_consumers(self._consumer)

    async def _forget_consumers(self, consumer: str = "") -> None:
        """Removes that consumer, or all idle ones; a consumer that reads again is created again."""
        await translate_errors(self._forget(keys=[self.key], args=[self._group, consumer, str(idle_max_ms)]))

    async def settle(self, events: Sequence[Event]) -> None:
        entries = [self._taken.pop(event.id) for event in events if event.id in self._taken]
        if entries:
            await translate_errors(self._client.xack(self.key, self._group, *entries))

    async def consume(self, handler: Handler) -> None:
        """Passes each event to `handler` until cancelled; after a failure it is retried, and finally set aside."""
        failures: dict[str, int] = {}
        while True:
            try:
                for event in await self.take():
                    if await self._handle(event, handler, failures):
                        continue
                    break  # later events wait, to keep the order
            except Unavailable:
                await asyncio.sleep(retry_s)

    async def _handle(self, event: Event, handler: Handler, failures: dict[str, int]) -> bool:
        """Whether the event is finished; it is settled at once, to keep duplicates rare."""
        if not await self._may_work():
            return False
        try:
            await handler(event)
        except Exception:  # of any class: the event must neither be lost nor block the others forever
            failures[event.id] = failures.get(event.id, 0) + 1
            logger.exception("a consumer of %s failed on %s", self._group, event.name)
            if failures[event.id] < deliveries_max:
                await asyncio.sleep(retry_s)
                return False
            body = EVENT.dump_json(event).decode()
            kept = {"group": self._group, "event": body}
            await translate_errors(self._client.xadd(f"{self.key}:failed", kept, maxlen=failed_max, approximate=True))  # type: ignore[arg-type]
        failures.pop(event.id, None)
        await self.settle([event])
        return True

    async def _may_work(self) -> bool:
        """Whether this consumer holds the group's lease, acquired or renewed now."""
        had, self._at_work = (
            self._at_work,
            bool(await translate_errors(self._lease(keys=[self._lease_key], args=[self._consumer, lease_ms]))),
        )
        if self._at_work and not had:
            await self._ensure_group()
            await self._forget_consumers()
        return self._at_work

    async def _ensure_group(self) -> None:
        try:
            await self._client.xgroup_create(self.key, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):  # the group exists already
                raise Unavailable("Redis refuses to keep a consumer group.") from error
        except (RedisError, OSError) as error:
            raise Unavailable("Redis does not answer.") from error

    async def _entries(self) -> list[tuple[str, dict[str, str]]]:
        """First the unsettled entries of any consumer of the group, then new ones."""
        claimed = await self._in_group(
            self._client.xautoclaim(self.key, self._group, self._consumer, 0, "0-0", count=taken_max)
        )
        if claimed[1]:
            return [(entry, fields) for entry, fields in claimed[1] if fields]
        found = await self._in_group(
            self._client.xreadgroup(self._group, self._consumer, {self.key: ">"}, count=taken_max, block=block_ms)
        )
        return [each for _, entries in (found.items() if isinstance(found, dict) else found or ()) for each in entries]

    async def _in_group(self, answer: Awaitable[Any]) -> Any:
        try:
            return await translate_errors(answer)
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            self._at_work = False  # the server restarted without it
            raise Unavailable("The consumer group is gone.") from error


_settle_script = """
local last = redis.pcall("XINFO", "STREAM", KEYS[1])
if last.err then return 0 end
local top = 0
for place = 1, #last, 2 do
  if last[place] == "last-generated-id" then top = tonumber(string.match(last[place + 1], "-(%d+)$")) + 1 end
end
local number = math.min(tonumber(ARGV[1]), top)
if number < 1 then return 0 end
redis.call("XTRIM", KEYS[1], "MINID", "1-" .. string.format("%.0f", number))
if number > tonumber(redis.call("GET", KEYS[2]) or "0") then
  redis.call("SET", KEYS[2], string.format("%.0f", number))
end
return 1
"""


class RedisOutbox:
    """Events for other programs. `Outbox` in the stream `{tag}:outgoing`: its entries are 1-0, 1-1, 1-2, …,
    whatever was trimmed."""

    def __init__(self, client: Redis, tag: str, events_max: int) -> None:
        self._client = client
        self._key = f"{tag}:outgoing"
        self._settled_key = f"{tag}:outgoing-settled"
        self._events_max = events_max
        self._settle = client.register_script(_settle_script)

    def plan(self, plan: Plan, events: Sequence[Event]) -> None:
        """Adds the events to a change, if they are wanted."""
        if self._events_max:
            for event in events:
                plan.do(
                    "XADD",
                    self._key,
                    "MAXLEN",
                    "~",
                    str(self._events_max),
                    "1-*",
                    "event",
                    outgoing_event(event).text(),
                )

    async def take(self, most: int) -> Taken:
        entries = await translate_errors(self._client.xrange(self._key, count=most))
        if not entries:
            return Taken()
        events = [(int(entry.partition("-")[2]) + 1, stored_event(fields["event"])) for entry, fields in entries]
        settled = int(await translate_errors(self._client.get(self._settled_key)) or 0)
        return Taken(events, max(0, events[0][0] - settled - 1))

    async def settle(self, number: int) -> None:
        await translate_errors(self._settle(keys=[self._key, self._settled_key], args=[number]))
