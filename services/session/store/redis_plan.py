"""One atomic change in Redis: what must still be as it was read, and then commands; carried out by one script.

And the plan for a session, which has many indexes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from services.session.domain.sessions import Session, State
from services.session.store import redis_keys as keys
from services.session.store.records import SESSION

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


def plan_session(plan: Plan, session: Session) -> None:
    """Writes the session as the version after the one it was read at, with all its indexes."""
    key = keys.key("session", session.id)
    following = replace(session, version=session.version + 1)
    plan.expect(key, "version", str(session.version) if session.version else "")
    active = keys.key("active", session.user, session.working_directory)
    if session.state is State.ACTIVE:
        plan.expect(active, "", "", session.id)
        plan.do("SET", active, session.id)
        plan.do("ZADD", keys.key("seen"), keys.score(session.last_seen_at), session.id)
        plan.do("ZREM", keys.key("finished"), session.id)
    else:
        plan.do("DELETE_IF", active, session.id)
        plan.do("ZREM", keys.key("seen"), session.id)
        plan.do("ZADD", keys.key("finished"), keys.score(session.last_seen_at), session.id)
    plan.do("HSET", key, "version", str(following.version), "body", SESSION.dump_json(following).decode())
    place = keys.place(session.created_at, session.id)
    is_handed_off = session.state is not State.ABANDONED or session.has_handoff
    name, score = ("ZREM", []) if is_handed_off else ("ZADD", ["0"])
    plan.do(name, keys.without_handoff(session.user, session.project), *score, place)
    for project in ("", session.project):
        for state in STATES:
            if state is None or state is session.state:
                plan.do("ZADD", keys.index(session.user, project, state), "0", place)
            else:
                plan.do("ZREM", keys.index(session.user, project, state), place)


def plan_session_out_of_project(plan: Plan, session: Session) -> None:
    """Removes the session from the indexes of its project: it is filed under another one next."""
    place = keys.place(session.created_at, session.id)
    for state in STATES:
        plan.do("ZREM", keys.index(session.user, session.project, state), place)
    plan.do("ZREM", keys.without_handoff(session.user, session.project), place)
