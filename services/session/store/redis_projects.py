"""`ProjectStore` in Redis: a user's projects in a hash, their order by when they were seen, and a set for each key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from services.kit.observability import telemetry
from services.session.domain.projects import Page, Project, Registered, RegistryChange, Relabelling
from services.session.domain.relabelling import relabelled_ledger
from services.session.domain.sessions import Session, State, abandon
from services.session.store import Change
from services.session.store import redis_keys as keys
from services.session.store.records import AUDITED, CONVERSATION, HANDOFF, LEDGER, PROJECT, SESSION
from services.session.store.redis_plan import Plan, plan_conversation, plan_session, plan_session_out_of_project
from services.session.store.streams import translate_errors

CarryOut = Callable[[Plan], Awaitable[None]]

# Replaces lines of a list where they stand now; others may have been added before them. ARGV old and new, in pairs.
_replace_script = """
for number = 1, #ARGV, 2 do
  local place = redis.call("LPOS", KEYS[1], ARGV[number])
  if place then redis.call("LSET", KEYS[1], place, ARGV[number + 1]) end
end
return 0
"""


class RedisProjects:
    """Changes go through `carry_out`, which checks what must still be so."""

    def __init__(self, client: Redis, carry_out: CarryOut) -> None:
        self._client = client
        self._carry_out = carry_out
        self._replace = client.register_script(_replace_script)

    async def find(self, user: str, keys_wanted: Iterable[str]) -> Registered:
        """See ProjectStore."""
        wanted = list(dict.fromkeys(keys_wanted))
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.get(_registry(user))
            for key in wanted:
                pipeline.smembers(_found_by(user, key))
            version, *found = await _execute(pipeline)
        ids = sorted({one for each in found for one in each})
        projects = {each.id: each for each in await self._projects(user, ids)}
        by_key = {
            key: [projects[one] for one in sorted(each) if one in projects]
            for key, each in zip(wanted, found, strict=True)
        }
        return Registered(int(version or 0), {key: each for key, each in by_key.items() if each})

    async def project(self, user: str, id: str) -> Project | None:
        """See ProjectStore."""
        return next(iter(await self._projects(user, [id])), None)

    async def page(self, user: str, most: int, after: tuple[datetime, str] | None = None) -> Page:
        """See ProjectStore."""
        start = f"({keys.place(*after)}" if after else "+"
        order = keys.key("projects-order", user)
        names = await translate_errors(
            self._client.zrange(order, start, "-", bylex=True, desc=True, offset=0, num=most)
        )
        total = int(await translate_errors(self._client.zcard(order)))
        return Page(await self._projects(user, [name.partition(" ")[2] for name in names]), total)

    async def commit(self, change: RegistryChange) -> None:
        """See ProjectStore."""
        plan = Plan()
        registry = _registry(change.user)
        plan.expect(registry, "", str(change.version) if change.version else "")
        plan.do("SET", registry, str(change.version + 1))
        ids = [*(each.id for each in change.put), *change.remove]
        for known in await self._projects(change.user, ids):  # as they are at this version, or the plan fails
            plan.do("HDEL", keys.key("projects", known.user), known.id)
            plan.do("ZREM", keys.key("projects-order", known.user), keys.place(known.seen_at, known.id))
            for key in sorted(known.keys):
                plan.do("SREM", _found_by(known.user, key), known.id)
        for project in change.put:
            plan.do("HSET", keys.key("projects", project.user), project.id, PROJECT.dump_json(project).decode())
            plan.do("ZADD", keys.key("projects-order", project.user), "0", keys.place(project.seen_at, project.id))
            for key in sorted(project.keys):
                plan.do("SADD", _found_by(project.user, key), project.id)
        await self._carry_out(plan)

    async def session_roots(self, user: str, label: str) -> Mapping[str, int]:
        """See ProjectStore."""
        return Counter(each.root for each in await self._sessions(user, label))

    async def relabel(self, relabelling: Relabelling) -> int:
        """See ProjectStore. In steps: one that was interrupted is gone on with by the next call."""
        user, source, target = relabelling.user, relabelling.source, relabelling.target
        sessions = [each for each in await self._sessions(user, source) if relabelling.takes(each.root)]
        for session in sessions:
            await self._relabel_session(session, target)
        ids: list[str] = await translate_errors(self._client.zrange(keys.key("handoffs", user, source), 0, -1))
        for each in ids:
            await self._relabel_handoff(each, relabelling)
        open_ones = keys.key("open-conversations", user, source)
        for each in await translate_errors(self._client.zrange(open_ones, 0, -1)):
            await self._relabel_conversation(each, relabelling)
        await self._relabel_audit(relabelling)
        await self._relabel_ledger(relabelling)
        return len(sessions)

    async def _relabel_session(self, session: Session, target: str) -> None:
        active = keys.key("active-in", session.user, session.working_directory)
        other = await translate_errors(self._client.hget(active, target))
        following = abandon(session) if session.state is State.ACTIVE and other not in {None, session.id} else session
        plan = Plan()
        plan_session_out_of_project(plan, session)
        plan_session(plan, replace(following, project=target))
        await self._carry_out(plan)

    async def _relabel_handoff(self, id: str, asked: Relabelling) -> None:
        body = await translate_errors(self._client.get(keys.key("handoff", id)))
        source = keys.key("handoffs", asked.user, asked.source)
        handoff = HANDOFF.validate_json(body) if body else None
        if handoff and not asked.takes(handoff.working_directory):
            return
        plan = Plan()
        plan.do("ZREM", source, id)
        if body and handoff:
            plan.expect(keys.key("handoff", id), "", body)
            following = HANDOFF.dump_json(replace(handoff, project=asked.target)).decode()
            plan.do("SET", keys.key("handoff", id), following)
            plan.do("ZADD_LAST", keys.key("handoffs", asked.user, asked.target), id)
        await self._carry_out(plan)

    async def _relabel_conversation(self, key: str, asked: Relabelling) -> None:
        body = await translate_errors(self._client.hget(key, "body"))
        found = CONVERSATION.validate_json(body) if body else None
        if found and not asked.takes(found.working_directory):
            return
        plan = Plan()
        plan.do("ZREM", keys.key("open-conversations", asked.user, asked.source), key)
        if found:
            plan_conversation(plan, Change(conversation=replace(found, project=asked.target)))
        await self._carry_out(plan)

    async def _relabel_audit(self, asked: Relabelling) -> None:
        key = keys.key("audit", asked.user)
        pairs: list[str] = []
        for body in await translate_errors(self._client.lrange(key, 0, -1)):
            line = AUDITED.validate_json(body)
            if line.place.project == asked.source and asked.takes(line.place.root):
                moved = replace(line, place=replace(line.place, project=asked.target))
                pairs += [body, AUDITED.dump_json(moved).decode()]
        if pairs:
            await translate_errors(self._replace(keys=[key], args=pairs))

    async def _relabel_ledger(self, asked: Relabelling) -> None:
        key = keys.key("ledger", asked.user)
        body = await translate_errors(self._client.hget(key, "body"))
        if not body:
            return
        ledger = LEDGER.validate_json(body)
        following = replace(relabelled_ledger(ledger, asked), version=ledger.version + 1)
        plan = Plan()
        plan.expect(key, "version", str(ledger.version))
        plan.do("HSET", key, "version", str(following.version), "body", LEDGER.dump_json(following).decode())
        await self._carry_out(plan)

    async def _projects(self, user: str, ids: Sequence[str]) -> list[Project]:
        bodies = await translate_errors(self._client.hmget(keys.key("projects", user), ids)) if ids else []
        return [PROJECT.validate_json(body) for body in bodies if body]

    async def _sessions(self, user: str, label: str) -> list[Session]:
        names: list[str] = await translate_errors(self._client.zrange(keys.index(user, label, None), 0, -1))
        async with self._client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hget(keys.key("session", name.partition(" ")[2]), "body")
            bodies = await _execute(pipeline)
        return [SESSION.validate_json(body) for body in bodies if body]


def _registry(user: str) -> str:
    return keys.key("registry", user)


def _found_by(user: str, key: str) -> str:
    return keys.key("projects-by", user, key)


async def _execute(pipeline: Pipeline) -> list[Any]:
    with telemetry.query("redis", "PIPELINE"):
        answers: list[Any] = await translate_errors(pipeline.execute())
        return answers
