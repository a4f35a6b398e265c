"""`SessionStore` in Redis, for many replicas: one Lua script checks a change's preconditions and writes all of it.

Keys have no time to live: this is the primary copy. All share one hash tag, so that one script may access them on a
cluster as well. Names of users, projects and directories are hashed into the keys.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
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
from services.kit.redis_client import TracedRedis
from services.session.domain.permissions import Audited, Ledger
from services.session.domain.sessions import Answer, Checkpoint, DeferredStore, Handoff, Session, State
from services.session.store import Change, Listing, Stale, StoreSize, audit_max
from services.session.store.records import ANSWER, AUDITED, CHECKPOINT, DEFERRED_STORE, EVENT, HANDOFF, LEDGER, SESSION
from services.session.store.redis_access import RedisAllowance, RedisTokens
from services.session.store.redis_keys import TAG
from services.session.store.redis_keys import index as _index
from services.session.store.redis_keys import key as _key
from services.session.store.redis_keys import place as _place
from services.session.store.redis_keys import score as _score
from services.session.store.redis_keys import without_handoff as _without_handoff
from services.session.store.redis_upkeep import RedisUpkeep
from services.session.store.streams import EventStream, translate_errors

logger = logging.getLogger(__name__)
Record = TypeVar("Record")
Result = TypeVar("Result")

retries_max = 2
"""Retries of a command whose connection broke. If the write did happen, its version shows it."""
_states: tuple[State | None, ...] = (None, *State)

# KEYS as numbered in the plan; ARGV[1] is the plan as JSON: checks [[key, field or "", [values that may be there]]],
# then commands [[name, key, arguments...]]. Returns 1 when it wrote, 0 where a check failed and nothing was written.
_script = """
local plan = cjson.decode(ARGV[1])
for _, check in ipairs(plan.checks) do
  local found
  local key = KEYS[check[1]]
  if check[2] == "" then found = redis.call("GET", key) else found = redis.call("HGET", key, check[2]) end
  if not found then found = "" end
  local fits = false
  for _, value in ipairs(check[3]) do if value == found then fits = true end end
  if not fits then return 0 end
end
for _, command in ipairs(plan.commands) do
  local name, key = command[1], KEYS[command[2]]
  if name == "DELETE_IF" then
    if redis.call("GET", key) == command[3] then redis.call("DEL", key) end
  else
    redis.call(name, key, unpack(command, 3))
  end
end
return 1
"""


@asynccontextmanager
async def open_redis(
    url: str, *, timeout_s: float, stream_max: int, audit_max: int = audit_max
) -> AsyncIterator[RedisStore]:
    """A store on the server at `url`; it connects at the first call."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.02, cap=0.2), retries_max)
    client: Redis = TracedRedis.from_url(
        url,
        decode_responses=True,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=retry,
        health_check_interval=30,
    )
    async with client:
        consumer = f"{socket.gethostname()}-{uuid4().hex[:8]}"
        events = EventStream(client, f"{TAG}:events", "session", consumer)
        try:
            yield RedisStore(client, events, stream_max, audit_max)
        finally:
            await events.release()


@dataclass(slots=True)
class _Plan:
    """The checks and writes for the script."""

    keys: list[str] = field(default_factory=list)
    checks: list[list[Any]] = field(default_factory=list)
    commands: list[list[Any]] = field(default_factory=list)

    def _key(self, key: str) -> int:
        if key not in self.keys:
            self.keys.append(key)
        return self.keys.index(key) + 1

    def expect(self, key: str, field_name: str, *values: str) -> None:
        """Adds a check: the value must be one of `values`; empty means missing."""
        self.checks.append([self._key(key), field_name, list(values)])

    def do(self, name: str, key: str, *arguments: str) -> None:
        """One command."""
        self.commands.append([name, self._key(key), *arguments])

    def text(self) -> str:
        """The plan as JSON for the script."""
        return json.dumps({"checks": self.checks, "commands": self.commands}, ensure_ascii=False)


class RedisStore:
    """`SessionStore` on a Redis client that decodes responses."""

    def __init__(self, client: Redis, events: EventStream, stream_max: int, audit_max: int) -> None:
        self._client = client
        self._events = events
        self._stream_max = stream_max
        self._audit_max = audit_max
        self._upkeep = RedisUpkeep(client, audit_max)
        self._commit = client.register_script(_script)
        self.tokens = RedisTokens(client)
        self.allowance = RedisAllowance(client)

    @property
    def events(self) -> EventStream:
        return self._events

    async def commit(self, change: Change) -> None:
        plan = _plan(change, self._audit_max)
        for event in change.events:
            plan.do("XADD", self._events.key, "MAXLEN", "~", str(self._stream_max), "*", "event", _json(EVENT, event))
        await self._carry_out(plan)

    async def _carry_out(self, plan: _Plan) -> None:
        written = await translate_errors(self._commit(keys=plan.keys, args=[plan.text()]))
        if not written:
            raise Stale("Somebody else changed it meanwhile.")

    async def earlier_answer(self, user: str, operation_id: str) -> Answer | None:
        return _parse_record(ANSWER, await self._ask(self._client.hget(_key("answers", user), operation_id)))

    async def forget_answers(self, before: datetime, most: int) -> None:
        await self._upkeep.forget_answers(before, most)

    async def session(self, id: str) -> Session | None:
        return _parse_record(SESSION, await self._ask(self._client.hget(_key("session", id), "body")))

    async def active_in(self, user: str, working_directory: str) -> Session | None:
        found = await self._ask(self._client.get(_key("active", user, working_directory)))
        return await self.session(found) if found else None

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
        await self._carry_out(_removal(session))

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

    async def handoff(self, session_id: str) -> Handoff | None:
        return _parse_record(HANDOFF, await self._ask(self._client.get(_key("handoff", session_id))))

    async def latest_handoff(self, user: str, project: str) -> Handoff | None:
        ids = await self._ask(self._client.zrange(_key("handoffs", user, project), -1, -1))
        return await self.handoff(ids[0]) if ids else None

    async def ledger(self, user: str) -> Ledger:
        return _parse_record(LEDGER, await self._ask(self._client.hget(_key("ledger", user), "body"))) or Ledger(user)

    async def audit(self, user: str, project: str, most: int) -> list[Audited]:
        last = -1 if project else most - 1
        lines = _every(AUDITED, await self._ask(self._client.lrange(_key("audit", user), 0, last)))
        return [line for line in lines if project in {"", line.place.project}][:most]

    async def troubles(self) -> Mapping[str, str]:
        """Whether the server persists acknowledged writes, as far as it shows its settings."""
        persistence = await self._ask(self._client.info("persistence"))
        troubles = {}
        if not int(persistence.get("aof_enabled", 0)):
            troubles["persistence"] = "AOF is off: a restart of Redis loses sessions. Set appendonly yes."
        elif persistence.get("aof_last_write_status") != "ok":
            troubles["persistence"] = "Redis could not write its AOF."
        settings = await self._settings()
        if settings.get("appendfsync", "always") != "always" and not troubles:
            troubles["persistence"] = f"appendfsync is {settings['appendfsync']}: a crash loses up to a second."
        policy = settings.get("maxmemory-policy", "noeviction")
        if settings.get("maxmemory", "0") != "0" and policy.startswith("allkeys"):
            troubles["eviction"] = f"maxmemory-policy is {policy}: sessions may be dropped. Set noeviction."
        return troubles

    async def _settings(self) -> Mapping[str, str]:
        try:
            found = await self._client.config_get("maxmemory*", "appendfsync")
        except ResponseError:  # CONFIG is restricted on some servers
            return {}
        except RedisError as error:
            raise Unavailable("Redis does not answer.") from error
        return {str(name): str(value) for name, value in found.items()}

    async def _ask(self, answer: Awaitable[Any] | Any) -> Any:
        return await translate_errors(answer)


# --- one change as a plan -----------------------------------------------------------------------


def _plan(change: Change, audit_max: int) -> _Plan:
    plan = _Plan()
    if answer := change.answer:
        key = _key("answers", answer.user)
        plan.expect(key, answer.operation_id, "")
        plan.do("HSET", key, answer.operation_id, _json(ANSWER, answer))
        plan.do("ZADD", _key("answers-order", answer.user), _score(answer.at), answer.operation_id)
        plan.do("SADD", _key("answers-orders"), _key("answers-order", answer.user))
    if change.session:
        _plan_session(plan, change.session)
    if change.checkpoint:
        plan.do("RPUSH", _key("checkpoints", change.checkpoint.session_id), _json(CHECKPOINT, change.checkpoint))
    _plan_deferred(plan, change)
    if left := change.handoff:
        plan.do("SET", _key("handoff", left.session_id), _json(HANDOFF, left))
        plan.do("ZADD", _key("handoffs", left.user, left.project), _score(left.ended_at), left.session_id)
    if ledger := change.ledger:
        key = _key("ledger", ledger.user)
        plan.expect(key, "version", str(ledger.version) if ledger.version else "")
        following = replace(ledger, version=ledger.version + 1)
        plan.do("HSET", key, "version", str(following.version), "body", _json(LEDGER, following))
    for audited in change.audited:
        plan.do("LPUSH", _key("audit", audited.user), _json(AUDITED, audited))
    for user in {audited.user for audited in change.audited}:
        plan.do("LTRIM", _key("audit", user), "0", str(audit_max - 1))
    return plan


def _plan_session(plan: _Plan, session: Session) -> None:
    key = _key("session", session.id)
    following = replace(session, version=session.version + 1)
    plan.expect(key, "version", str(session.version) if session.version else "")
    active = _key("active", session.user, session.working_directory)
    if session.state is State.ACTIVE:
        plan.expect(active, "", "", session.id)
        plan.do("SET", active, session.id)
        plan.do("ZADD", _key("seen"), _score(session.last_seen_at), session.id)
        plan.do("ZREM", _key("finished"), session.id)
    else:
        plan.do("DELETE_IF", active, session.id)
        plan.do("ZREM", _key("seen"), session.id)
        plan.do("ZADD", _key("finished"), _score(session.last_seen_at), session.id)
    plan.do("HSET", key, "version", str(following.version), "body", _json(SESSION, following))
    place = _place(session.created_at, session.id)
    is_handed_off = session.state is not State.ABANDONED or session.has_handoff
    name, score = ("ZREM", []) if is_handed_off else ("ZADD", ["0"])
    plan.do(name, _without_handoff(session.user, session.project), *score, place)
    for project in ("", session.project):
        for state in _states:
            if state is None or state is session.state:
                plan.do("ZADD", _index(session.user, project, state), "0", place)
            else:
                plan.do("ZREM", _index(session.user, project, state), place)


def _removal(session: Session) -> _Plan:
    """Removes the session with everything that belongs to it, if it is unchanged since it was read."""
    plan = _Plan()
    plan.expect(_key("session", session.id), "version", str(session.version))
    for kind in ("session", "checkpoints", "handoff"):
        plan.do("DEL", _key(kind, session.id))
    for key in (_key("finished"), _key("seen"), _key("handoffs", session.user, session.project)):
        plan.do("ZREM", key, session.id)
    place = _place(session.created_at, session.id)
    indexes = [_index(session.user, project, state) for project in ("", session.project) for state in _states]
    for key in (*indexes, _without_handoff(session.user, session.project)):
        plan.do("ZREM", key, place)
    for deferred in session.deferred:
        plan.do("HDEL", _key("owed", session.user), f"{session.id} {deferred}")
        plan.do("ZREM", _key("owed-order", session.user), f"{session.id} {deferred}")
    return plan


def _plan_deferred(plan: _Plan, change: Change) -> None:
    if deferred := change.deferred:
        name = f"{deferred.session_id} {deferred.id}"
        plan.expect(_key("owed", deferred.user), name, "")
        plan.do("HSET", _key("owed", deferred.user), name, _json(DEFERRED_STORE, deferred))
        plan.do("ZADD", _key("owed-order", deferred.user), _score(deferred.created_at), name)
    if change.settled and change.session:
        name = f"{change.session.id} {change.settled}"
        plan.do("HDEL", _key("owed", change.session.user), name)
        plan.do("ZREM", _key("owed-order", change.session.user), name)


def _json(record: TypeAdapter[Record], value: Record) -> str:
    return record.dump_json(value).decode()


def _parse_record(record: TypeAdapter[Record], body: str | None) -> Record | None:
    return record.validate_json(body) if body else None


def _every(record: TypeAdapter[Record], bodies: Sequence[str]) -> list[Record]:
    return [record.validate_json(body) for body in bodies]
