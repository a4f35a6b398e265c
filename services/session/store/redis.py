"""`SessionStore` in Redis, for many replicas: one Lua script checks a change's preconditions and writes all of it.

Keys have no time to live: this is the primary copy. All share one hash tag, so that one script may access them on a
cluster as well. Names of users, projects and directories are hashed into the keys.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError, ResponseError

from services.kit.errors import Unavailable
from services.kit.observability import telemetry
from services.kit.redis_client import node_options, redis_client
from services.kit.redis_replicas import ReplicatedWrites
from services.session.domain.conversations import Conversation
from services.session.domain.handoff import Handoff
from services.session.domain.permissions import Audited, Ledger
from services.session.domain.sessions import Answer, Checkpoint, DeferredStore, Session, State
from services.session.store import Change, Listing, Stale, StoreSize, audit_max
from services.session.store.records import (
    ANSWER,
    AUDITED,
    CHECKPOINT,
    CONVERSATION,
    DEFERRED_STORE,
    EVENT,
    HANDOFF,
    LEDGER,
    SESSION,
)
from services.session.store.redis_access import RedisAllowance, RedisTokens
from services.session.store.redis_keys import TAG
from services.session.store.redis_keys import index as _index
from services.session.store.redis_keys import key as _key
from services.session.store.redis_keys import place as _place
from services.session.store.redis_keys import score as _score
from services.session.store.redis_keys import without_handoff as _without_handoff
from services.session.store.redis_plan import SCRIPT, Plan, plan_change, plan_removal
from services.session.store.redis_projects import RedisProjects
from services.session.store.redis_upkeep import RedisUpkeep
from services.session.store.streams import EventStream, RedisOutbox, translate_errors

logger = logging.getLogger(__name__)
Record = TypeVar("Record")
Result = TypeVar("Result")

_share_for_replicas = 0.6
"""How much of the time for an answer a change may wait for a replica."""
retries_max = 2
"""Retries of a command whose connection broke. If the write did happen, its version shows it."""


@asynccontextmanager
async def open_redis(
    url: str, *, timeout_s: float, stream_max: int, audit_max: int = audit_max, events_max: int = 0
) -> AsyncIterator[RedisStore]:
    """A store on the server at `url`; it connects at the first call."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.02, cap=0.2), retries_max)
    client = redis_client(
        url,
        decode_responses=True,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=retry,
        health_check_interval=30,
    )
    try:
        consumer = f"{socket.gethostname()}-{uuid4().hex[:8]}"
        events = EventStream(client, f"{TAG}:events", "session", consumer)
        try:
            writes = ReplicatedWrites(client, within_s=_share_for_replicas * timeout_s)
            yield RedisStore(client, writes, events, stream_max, audit_max, RedisOutbox(client, TAG, events_max))
        finally:
            await events.release()
    finally:
        await client.aclose()


class RedisStore:
    """`SessionStore` on a Redis client that decodes responses."""

    def __init__(
        self,
        client: Redis,
        writes: ReplicatedWrites,
        events: EventStream,
        stream_max: int,
        audit_max: int,
        outbox: RedisOutbox,
    ) -> None:
        self._client = client
        self._events = events
        self.outbox = outbox
        self._stream_max = stream_max
        self._audit_max = audit_max
        self._upkeep = RedisUpkeep(client, audit_max)
        self._writes = writes
        self.tokens = RedisTokens(client, self._writes)
        self.allowance = RedisAllowance(client)
        self.projects = RedisProjects(client, self._carry_out)

    @property
    def events(self) -> EventStream:
        return self._events

    async def commit(self, change: Change) -> None:
        plan = plan_change(change, self._audit_max)
        for event in change.events:
            plan.do(
                "XADD",
                self._events.key,
                "MAXLEN",
                "~",
                str(self._stream_max),
                "*",
                "event",
                EVENT.dump_json(event).decode(),
            )
        self.outbox.plan(plan, change.events)
        await self._carry_out(plan)

    async def _carry_out(self, plan: Plan) -> None:
        sent = self._writes.write(TAG, "EVAL", SCRIPT, len(plan.keys), *plan.keys, plan.text())
        written = await translate_errors(sent)
        if not written:
            raise Stale("Somebody else changed it meanwhile.")

    async def earlier_answer(self, user: str, operation_id: str) -> Answer | None:
        return _parse_record(ANSWER, await self._ask(self._client.hget(_key("answers", user), operation_id)))

    async def forget_answers(self, before: datetime, most: int) -> None:
        await self._upkeep.forget_answers(before, most)

    async def session(self, id: str) -> Session | None:
        return _parse_record(SESSION, await self._ask(self._client.hget(_key("session", id), "body")))

    async def active_in(self, user: str, working_directory: str) -> Sequence[Session]:
        ids: list[str] = await self._ask(self._client.hvals(_key("active-in", user, working_directory)))
        earlier = await self._ask(self._client.get(_key("active", user, working_directory)))  # of an earlier version
        found = await self._sessions(sorted({*ids, *([earlier] if earlier else [])}))
        active = [each for each in found if each.state is State.ACTIVE]
        return sorted(active, key=lambda each: each.last_seen_at, reverse=True)

    async def session_page(self, user: str, listing: Listing) -> list[Session]:
        index = _index(user, listing.project, listing.state)
        if listing.without_handoff:
            index = _without_handoff(user, listing.project)
        start = f"({_place(*listing.after)}" if listing.after else "+"
        names: list[str] = await self._ask(
            self._client.zrange(index, start, "-", bylex=True, desc=True, offset=0, num=listing.limit)
        )
        return await self._sessions([name.partition(" ")[2] for name in names])

    async def last_seen_before(self, time: datetime, most: int) -> list[Session]:
        ids = await self._ask(self._client.zrangebyscore(_key("seen"), "-inf", f"({_score(time)}", start=0, num=most))
        return await self._sessions(ids)

    async def finished_before(
        self, time: datetime, most: int, after: tuple[datetime, str] | None = None
    ) -> list[Session]:
        least = (float(_score(after[0])), after[1]) if after else (float("-inf"), "")
        page: list[Session] = []
        start, is_last = 0, False
        while not page and not is_last:  # many may have been last seen in the same microsecond
            part = await self._ask(
                self._client.zrangebyscore(
                    _key("finished"), least[0], f"({_score(time)}", start=start, num=most, withscores=True
                )
            )
            found = await self._sessions([name for name, score in part if (score, name) > least])
            page = [session for session in found if session.state is not State.ACTIVE]
            start, is_last = start + most, len(part) < most
        return page

    async def remove_session(self, session: Session) -> None:
        others = await self._ask(self._client.smembers(_key("handoffs-of", session.id)))
        await self._carry_out(plan_removal(session, sorted(others)))

    async def tidy(self) -> None:
        await self._upkeep.tidy()

    async def size(self) -> StoreSize | None:
        return await self._upkeep.size()

    async def _sessions(self, ids: Sequence[str]) -> list[Session]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for each in ids:
                pipeline.hget(_key("session", each), "body")
            with telemetry.query("redis", "PIPELINE"):
                bodies = await self._ask(pipeline.execute())
        return [SESSION.validate_json(body) for body in bodies if body]

    async def active_count(self) -> int:
        return int(await self._ask(self._client.zcard(_key("seen"))))

    async def checkpoint(self, session_id: str, number: int) -> Checkpoint | None:
        return _parse_record(
            CHECKPOINT, await self._ask(self._client.lindex(_key("checkpoints", session_id), number - 1))
        )

    async def checkpoints(self, session_id: str, most: int) -> list[Checkpoint]:
        return _every(CHECKPOINT, await self._ask(self._client.lrange(_key("checkpoints", session_id), -most, -1)))

    async def pending(self, user: str, most: int) -> list[DeferredStore]:
        ids = await self._ask(self._client.zrange(_key("owed-order", user), 0, most - 1))
        bodies = await self._ask(self._client.hmget(_key("owed", user), ids)) if ids else []
        return _every(DEFERRED_STORE, [body for body in bodies if body])

    async def handoff(self, id: str) -> Handoff | None:
        found = _parse_record(HANDOFF, await self._ask(self._client.get(_key("handoff", id))))
        if found is None:
            return None
        place = await self._ask(self._client.zscore(_key("handoffs", found.user, found.project), id))
        return replace(found, place=int(place or 0))

    async def handoffs(self, user: str, project: str, most: int, before: int = 0) -> list[Handoff]:
        start = f"({before}" if before else "+inf"
        places = await self._ask(
            self._client.zrange(
                _key("handoffs", user, project),
                start,
                "-inf",
                desc=True,
                byscore=True,
                offset=0,
                num=most,
                withscores=True,
            )
        )
        keys = [_key("handoff", handoff) for handoff, _ in places]
        bodies = await self._ask(self._client.mget(keys)) if keys else []
        return [
            replace(HANDOFF.validate_json(body), place=int(place))
            for body, (_, place) in zip(bodies, places, strict=True)
            if body
        ]

    async def latest_handoff(self, user: str, project: str) -> Handoff | None:
        return next(iter(await self.handoffs(user, project, 1)), None)

    async def conversation(self, user: str, id: str) -> Conversation | None:
        return _parse_record(CONVERSATION, await self._ask(self._client.hget(_key("conversation", user, id), "body")))

    async def open_conversations(self, user: str, project: str, most: int) -> list[Conversation]:
        index = _key("open-conversations", user, project)
        return await self._conversations(await self._ask(self._client.zrange(index, 0, most - 1, desc=True)))

    async def old_conversations(self, before: datetime, most: int) -> list[Conversation]:
        index = _key("conversations")
        return await self._conversations(
            await self._ask(self._client.zrangebyscore(index, "-inf", f"({_score(before)}", start=0, num=most))
        )

    async def _conversations(self, keys: Sequence[str]) -> list[Conversation]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for each in keys:
                pipeline.hget(each, "body")
            with telemetry.query("redis", "PIPELINE"):
                bodies = await self._ask(pipeline.execute())
        return _every(CONVERSATION, [body for body in bodies if body])

    async def ledger(self, user: str) -> Ledger:
        return _parse_record(LEDGER, await self._ask(self._client.hget(_key("ledger", user), "body"))) or Ledger(user)

    async def audit(self, user: str, project: str, most: int) -> list[Audited]:
        last = -1 if project else most - 1
        lines = _every(AUDITED, await self._ask(self._client.lrange(_key("audit", user), 0, last)))
        return [line for line in lines if project in {"", line.place.project}][:most]

    async def troubles(self) -> Mapping[str, str]:
        """Whether each server keeps acknowledged writes, as far as it shows its settings."""
        found: dict[str, str] = {}
        for node in await self._ask(node_options(self._client)):
            found |= await self._troubles_of(node)
        return found

    async def _troubles_of(self, node: Mapping[str, Any]) -> Mapping[str, str]:
        persistence = await self._ask(self._client.info("persistence", **node))
        troubles = {}
        if not int(persistence.get("aof_enabled", 0)):
            troubles["persistence"] = "AOF is off: a restart of Redis loses sessions. Set appendonly yes."
        elif persistence.get("aof_last_write_status") != "ok":
            troubles["persistence"] = "Redis could not write its AOF."
        settings = await self._settings(node)
        if settings.get("appendfsync", "always") != "always" and not troubles:
            troubles["persistence"] = f"appendfsync is {settings['appendfsync']}: a crash loses up to a second."
        policy = settings.get("maxmemory-policy", "noeviction")
        if settings.get("maxmemory", "0") != "0" and policy.startswith("allkeys"):
            troubles["eviction"] = f"maxmemory-policy is {policy}: sessions may be dropped. Set noeviction."
        if self._writes.has_failover and await self._ask(self._writes.is_alone(node)):
            troubles["replication"] = "A master has no replica: if it is lost now, its last changes are lost with it."
        return troubles

    async def _settings(self, node: Mapping[str, Any]) -> Mapping[str, str]:
        try:
            found = await self._client.config_get("maxmemory*", "appendfsync", **node)
        except ResponseError:  # CONFIG is restricted on some servers
            return {}
        except RedisError as error:
            raise Unavailable("Redis does not answer.") from error
        return {str(name): str(value) for name, value in found.items()}

    async def _ask(self, answer: Awaitable[Any] | Any) -> Any:
        return await translate_errors(answer)


def _parse_record(record: TypeAdapter[Record], body: str | None) -> Record | None:
    return record.validate_json(body) if body else None


def _every(record: TypeAdapter[Record], bodies: Sequence[str]) -> list[Record]:
    return [record.validate_json(body) for body in bodies]
