"""One change of the Redis store as a plan: what is expected to be there, and what is written, by one Lua script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import TypeAdapter

from services.session.domain.sessions import Session, State
from services.session.store import Change
from services.session.store.records import (
    ANSWER,
    AUDITED,
    CHECKPOINT,
    CONVERSATION,
    DEFERRED_STORE,
    HANDOFF,
    LEDGER,
    SESSION,
)
from services.session.store.redis_keys import index as _index
from services.session.store.redis_keys import key as _key
from services.session.store.redis_keys import place as _place
from services.session.store.redis_keys import score as _score
from services.session.store.redis_keys import without_handoff as _without_handoff

Record = TypeVar("Record")
STATES: tuple[State | None, ...] = (None, *State)

# KEYS as numbered in the plan; ARGV[1] is the plan as JSON: checks [[key, field or "", [values that may be there]]],
# then commands [[name, key, arguments...]]. Returns 1 when it wrote, 0 where a check failed and nothing was written.
SCRIPT = """
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
  elseif name == "HDEL_IF" then
    if redis.call("HGET", key, command[3]) == command[4] then redis.call("HDEL", key, command[3]) end
  elseif name == "ZADD_LAST" then
    local last = redis.call("ZRANGE", key, -1, -1, "WITHSCORES")
    redis.call("ZADD", key, string.format("%.0f", (tonumber(last[2]) or 0) + 1), command[3])
  else
    redis.call(name, key, unpack(command, 3))
  end
end
return 1
"""


@dataclass(slots=True)
class Plan:
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


def plan_change(change: Change, audit_max: int) -> Plan:
    """All of the change but its events."""
    plan = Plan()
    if answer := change.answer:
        key = _key("answers", answer.user)
        plan.expect(key, answer.operation_id, "")
        plan.do("HSET", key, answer.operation_id, _json(ANSWER, answer))
        plan.do("ZADD", _key("answers-order", answer.user), _score(answer.at), answer.operation_id)
        plan.do("SADD", _key("answers-orders"), _key("answers-order", answer.user))
    if change.session:
        plan_session(plan, change.session)
    if change.checkpoint:
        plan.do("RPUSH", _key("checkpoints", change.checkpoint.session_id), _json(CHECKPOINT, change.checkpoint))
    _plan_deferred(plan, change)
    plan_conversation(plan, change)
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


def plan_session(plan: Plan, session: Session) -> None:
    """Writes the session as the version after the one it was read at, with all its indexes."""
    key = _key("session", session.id)
    following = replace(session, version=session.version + 1)
    plan.expect(key, "version", str(session.version) if session.version else "")
    active = _key("active-in", session.user, session.working_directory)
    plan.do("DELETE_IF", _key("active", session.user, session.working_directory), session.id)  # of an earlier version
    if session.state is State.ACTIVE:
        plan.expect(active, session.project, "", session.id)
        plan.do("HSET", active, session.project, session.id)
        plan.do("ZADD", _key("seen"), _score(session.last_seen_at), session.id)
        plan.do("ZREM", _key("finished"), session.id)
    else:
        plan.do("HDEL_IF", active, session.project, session.id)
        plan.do("ZREM", _key("seen"), session.id)
        plan.do("ZADD", _key("finished"), _score(session.last_seen_at), session.id)
    plan.do("HSET", key, "version", str(following.version), "body", _json(SESSION, following))
    place = _place(session.created_at, session.id)
    is_handed_off = session.state is not State.ABANDONED or session.has_handoff
    name, score = ("ZREM", []) if is_handed_off else ("ZADD", ["0"])
    plan.do(name, _without_handoff(session.user, session.project), *score, place)
    for project in ("", session.project):
        for state in STATES:
            if state is None or state is session.state:
                plan.do("ZADD", _index(session.user, project, state), "0", place)
            else:
                plan.do("ZREM", _index(session.user, project, state), place)


def plan_session_out_of_project(plan: Plan, session: Session) -> None:
    """Removes the session from the indexes of its project: it is filed under another one next."""
    place = _place(session.created_at, session.id)
    plan.do("HDEL_IF", _key("active-in", session.user, session.working_directory), session.project, session.id)
    for state in STATES:
        plan.do("ZREM", _index(session.user, session.project, state), place)
    plan.do("ZREM", _without_handoff(session.user, session.project), place)


def plan_conversation(plan: Plan, change: Change) -> None:
    """Writes or forgets the change's conversation, and the handoff that it leaves or drops."""
    if found := change.conversation or change.forgotten:
        key = _key("conversation", found.user, found.id)
        plan.expect(key, "version", str(found.version) if found.version else "")
        indexes = [_key("open-conversations", found.user, project) for project in ("", found.project)]
        if change.forgotten:
            plan.do("DEL", key)
        else:
            following = replace(found, version=found.version + 1)
            plan.do("HSET", key, "version", str(following.version), "body", _json(CONVERSATION, following))
        name, score = ("ZREM", []) if change.forgotten else ("ZADD", [_score(found.heard_at)])
        plan.do(name, _key("conversations"), *score, key)
        name, score = ("ZADD", score) if score and found.is_open else ("ZREM", [])
        for index in indexes:
            plan.do(name, index, *score, key)
    if gone := change.dropped:
        plan.do("DEL", _key("handoff", gone.key))
        for project in ("", gone.project):
            plan.do("ZREM", _key("handoffs", gone.user, project), gone.key)
    if left := change.handoff:
        plan.do("SET", _key("handoff", left.key), _json(HANDOFF, left))
        plan.do("ZADD_LAST", _key("handoffs", left.user, ""), left.key)
        place = ["ZADD", str(left.place)] if left.place else ["ZADD_LAST"]
        plan.do(place[0], _key("handoffs", left.user, left.project), *place[1:], left.key)
        plan.do("SADD", _key("handoffs-of", left.session_id), left.key)


def plan_removal(session: Session, handoffs: Sequence[str]) -> Plan:
    """Removes the session with everything that belongs to it, if it is unchanged since it was read."""
    plan = Plan()
    plan.expect(_key("session", session.id), "version", str(session.version))
    for kind in ("session", "checkpoints", "handoff", "handoffs-of"):
        plan.do("DEL", _key(kind, session.id))
    for key in (_key("finished"), _key("seen")):
        plan.do("ZREM", key, session.id)
    for handoff in {session.id, *handoffs}:
        plan.do("DEL", _key("handoff", handoff))
        for project in ("", session.project):
            plan.do("ZREM", _key("handoffs", session.user, project), handoff)
    place = _place(session.created_at, session.id)
    indexes = [_index(session.user, project, state) for project in ("", session.project) for state in STATES]
    for key in (*indexes, _without_handoff(session.user, session.project)):
        plan.do("ZREM", key, place)
    for deferred in session.deferred:
        plan.do("HDEL", _key("owed", session.user), f"{session.id} {deferred}")
        plan.do("ZREM", _key("owed-order", session.user), f"{session.id} {deferred}")
    return plan


def _plan_deferred(plan: Plan, change: Change) -> None:
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
