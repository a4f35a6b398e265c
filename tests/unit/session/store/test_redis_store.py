"""What only Redis can go through: being away, coming back, being set up badly, and consumers of its stream."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from services.kit.background_task import Supervisor
from services.kit.errors import Unavailable
from services.session.domain.operation_risk import Level
from services.session.domain.permissions import Audited, Place, Verdict
from services.session.domain.sessions import Answer, Session, State
from services.session.operations.events import PERMISSION_DECIDED, SESSION_ENDED, Event, Handler
from services.session.operations.health import Condition
from services.session.store import Change, Listing, streams
from services.session.store.redis import RedisStore, open_redis
from services.session.store.streams import EventStream, deliveries_max
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.containers
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SESSION = Session("s1", "ada", "/work/a", "/work/a", "a", NOW, NOW)
KEY = "{segue}:events"
COMMAND = "cd services/memory && ../../.venv/bin/python -m pytest -q tests/unit/test_store.py -k group"
LINE = Audited(
    NOW, "ada", "check", "bash", COMMAND, Place("a", "/work/a"), Verdict.ASK, Level.HIGH, "no rule covers it"
)


@pytest.fixture
async def client(emptied_redis: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(emptied_redis, decode_responses=True) as client:
        yield client


async def test_no_key_has_a_time_to_live(client: Redis, redis_url: str) -> None:
    async with open_redis(redis_url, timeout_s=5, stream_max=1000) as store:
        await store.commit(Change(session=SESSION, events=[Event(SESSION_ENDED, "ada", NOW, "s1")]))
    keys = await client.keys("*")
    assert len(keys) > 5
    assert {await client.ttl(key) for key in keys} == {-1}
    assert not [key for key in keys if "ada" in key]


async def test_a_server_that_may_lose_sessions_is_reported(client: Redis, redis_url: str) -> None:
    async with open_redis(redis_url, timeout_s=5, stream_max=1000) as store:
        try:
            await client.config_set("maxmemory-policy", "allkeys-lru")
            await client.config_set("maxmemory", "100mb")
            await client.config_set("appendfsync", "everysec")
            assert set(await store.troubles()) == {"eviction", "persistence"}
            await client.config_set("appendonly", "no")
            assert "AOF is off" in (await store.troubles())["persistence"]
        finally:
            for name, value in (("maxmemory-policy", "noeviction"), ("maxmemory", "0"), ("appendfsync", "always")):
                await client.config_set(name, value)
            await client.config_set("appendonly", "yes")


async def test_a_server_that_is_full_refuses_and_loses_nothing(client: Redis, redis_url: str) -> None:
    async with open_redis(redis_url, timeout_s=5, stream_max=1000) as store:
        await store.commit(Change(session=SESSION))
        try:
            await client.config_set("maxmemory", "1")
            with pytest.raises(Unavailable):
                await store.commit(Change(events=[Event(SESSION_ENDED, "ada", NOW, "s1")]))
            assert await store.session("s1")
        finally:
            await client.config_set("maxmemory", "0")
        await store.commit(Change(events=[Event(SESSION_ENDED, "ada", NOW, "s1")]))


async def test_a_server_that_was_killed_comes_back_with_everything_and_is_found_again() -> None:
    command = "redis-server --appendonly yes --appendfsync always"
    container = DockerContainer("redis:8.0").with_command(command).with_bind_ports(6379, 0)
    container.waiting_for(LogMessageWaitStrategy("Ready to accept connections"))
    with container:
        name = container.get_wrapped_container().id
        address = _address(name)
        async with open_redis(f"redis://{address}:6379/0", timeout_s=2, stream_max=1000) as store:
            event = Event(SESSION_ENDED, "ada", NOW, "s1")
            await store.commit(Change(session=SESSION, events=[event]))
            _docker("kill", name)
            with pytest.raises(Unavailable, match="does not answer"):
                await store.session("s1")
            with pytest.raises(Unavailable):
                await store.events.take()
            _docker("start", name)
            assert _address(name) == address
            assert await _until_it_answers(lambda: store.session("s1"))
            assert [each.id for each in await store.events.take()] == [event.id]


async def _until_it_answers(ask: Callable[[], Awaitable[Session | None]]) -> Session | None:
    while True:
        with suppress(Unavailable):
            return await ask()


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def _address(name: str) -> str:
    return _docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)


# --- consumers ----------------------------------------------------------------------------------


async def published(client: Redis, url: str, count: int) -> list[str]:
    events = [Event(SESSION_ENDED, "ada", NOW, "s1", {"n": number}) for number in range(count)]
    async with open_redis(url, timeout_s=5, stream_max=1000) as store:
        for event in events:
            await store.commit(Change(events=[event]))
    return [event.id for event in events]


async def test_every_group_hears_everything_in_order(client: Redis, redis_url: str) -> None:
    ids = await published(client, redis_url, 250)
    for group in ("one", "two"):
        heard: list[str] = []
        done = asyncio.Event()

        async def handler(event: Event, heard: list[str] = heard, done: asyncio.Event = done) -> None:
            heard.append(event.id)
            if len(heard) == len(ids):
                done.set()

        task = asyncio.create_task(EventStream(client, KEY, group, "c").consume(handler))
        await asyncio.wait_for(done.wait(), 30)
        task.cancel()
        assert heard == ids


async def test_what_a_consumer_left_unsettled_comes_to_the_next(client: Redis, redis_url: str) -> None:
    ids = await published(client, redis_url, 3)
    assert len(await EventStream(client, KEY, "group", "first").take()) == 3
    await client.delete(f"{KEY}:lease:group")  # as its lease runs out when it is killed
    second = EventStream(client, KEY, "group", "second")
    taken = await second.take()
    assert [each.id for each in taken] == ids
    await second.settle(taken)
    assert await client.xpending(KEY, "group") == {"pending": 0, "min": None, "max": None, "consumers": []}


async def test_of_two_consumers_in_a_group_one_works_at_a_time(client: Redis, redis_url: str) -> None:
    ids = await published(client, redis_url, 20)
    heard: list[tuple[str, str]] = []
    done = asyncio.Event()

    def handler_of(consumer: str) -> Handler:
        async def handler(event: Event) -> None:
            heard.append((consumer, event.id))
            if len(heard) == len(ids):
                done.set()

        return handler

    tasks = [
        asyncio.create_task(EventStream(client, KEY, "group", name).consume(handler_of(name))) for name in ("a", "b")
    ]
    await asyncio.wait_for(done.wait(), 30)
    for task in tasks:
        task.cancel()
    assert [heard_id for _, heard_id in heard] == ids
    assert len({consumer for consumer, _ in heard}) == 1


async def test_an_event_that_always_fails_is_set_aside_and_the_next_ones_come(client: Redis, redis_url: str) -> None:
    bad, good = await published(client, redis_url, 2)
    heard: list[str] = []
    done = asyncio.Event()

    async def handler(event: Event) -> None:
        heard.append(event.id)
        if event.id == bad:
            raise ValueError("it always fails")
        done.set()

    task = asyncio.create_task(EventStream(client, KEY, "group", "c").consume(handler))
    await asyncio.wait_for(done.wait(), 30)
    task.cancel()
    assert heard == [bad] * deliveries_max + [good]
    assert await client.xlen(f"{KEY}:failed") == 1


async def test_the_stream_is_bounded(client: Redis, redis_url: str) -> None:
    async with open_redis(redis_url, timeout_s=5, stream_max=1000) as store:
        for _ in range(15):
            await store.commit(Change(events=[Event(SESSION_ENDED, "ada", NOW, "s1") for _ in range(200)]))
    assert 1000 <= await client.xlen(KEY) < 2000


async def _consumers(client: Redis) -> set[str]:
    return {each["name"] for each in await client.xinfo_consumers(KEY, "session")}


async def test_a_process_that_ends_leaves_no_consumer_behind(client: Redis, redis_url: str) -> None:
    for _ in range(3):
        async with open_redis(redis_url, timeout_s=5, stream_max=1000) as store:
            await store.commit(Change(events=[Event(SESSION_ENDED, "ada", NOW, "s1")]))
            await store.events.settle(await store.events.take())
    assert await _consumers(client) == set()


async def test_a_consumer_with_something_unsettled_stays_until_another_has_taken_it(
    client: Redis, redis_url: str
) -> None:
    (event_id,) = await published(client, redis_url, 1)
    async with open_redis(redis_url, timeout_s=5, stream_max=1000) as store:
        assert await store.events.take()
    assert len(await _consumers(client)) == 1
    async with open_redis(redis_url, timeout_s=5, stream_max=1000) as store:
        taken = await store.events.take()
        assert [each.id for each in taken] == [event_id]
        await store.events.settle(taken)
    assert len(await _consumers(client)) == 1  # the killed one's, which has nothing any more


async def test_consumers_that_were_killed_long_ago_are_removed_when_another_begins(
    client: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await published(client, redis_url, 1)
    for number in range(20):
        await client.xgroup_create(KEY, "session", "0") if not number else None
        await client.xgroup_createconsumer(KEY, "session", f"killed-{number}")
    await client.xreadgroup("session", "killed-0", {KEY: ">"})
    fresh = EventStream(client, KEY, "session", "fresh")
    await fresh.take()
    assert len(await _consumers(client)) == 21  # none is idle for long
    await fresh.release()
    monkeypatch.setattr(streams, "idle_max_ms", 0)
    await EventStream(client, KEY, "session", "later").take()
    assert await _consumers(client) == {"fresh", "later"}  # what fresh had is later's now


# --- room -----------------------------------------------------------------------------------------


async def test_what_earlier_versions_left_is_brought_to_what_is_kept_now(client: Redis, redis_url: str) -> None:
    async with open_redis(redis_url, timeout_s=5, stream_max=1000, audit_max=100) as store:
        left = replace(SESSION, state=State.ABANDONED)
        await store.commit(Change(session=left, audited=[LINE] * 100, answer=Answer("ada", "o1", "Init", NOW)))
        for each in await _keys(client, "{segue}:*"):  # as it was: other indexes, and two long logs
            if any(name in each for name in ("finished", "without-handoff", "answers-order")):
                await client.delete(each)
        (log,) = await _keys(client, "{segue}:audit:1:*")
        (answers,) = await _keys(client, "{segue}:answers:1:*")
        await client.lpush(log, *([str((await client.lrange(log, 0, 0))[0])] * 9_900))
        await client.copy(log, f"{log.replace(':1:', ':2:')}")
        await client.zadd("{segue}:answered", {f"{answers} o1": NOW.timestamp() * 1e6})
        assert await store.finished_before(NOW + timedelta(days=1), 10) == []
        await store.tidy()
        assert not await _keys(client, "{segue}:audit:2:*")
        assert await client.llen(log) == 100
        assert [each.id for each in await store.finished_before(NOW + timedelta(days=1), 10)] == ["s1"]
        assert [each.id for each in await store.session_page("ada", Listing("a", without_handoff=True))] == ["s1"]
        await store.forget_answers(NOW, 10)
        assert await store.earlier_answer("ada", "o1")
        await store.forget_answers(NOW + timedelta(seconds=1), 10)
        assert await store.earlier_answer("ada", "o1") is None
        assert not await client.exists("{segue}:answered")


async def test_a_server_that_is_full_makes_room_by_tidying_and_removing(client: Redis, redis_url: str) -> None:
    async with open_redis(redis_url, timeout_s=5, stream_max=1000, audit_max=100) as store:
        await store.commit(Change(session=replace(SESSION, state=State.ENDED), audited=[LINE]))
        (log,) = await _keys(client, "{segue}:audit:1:*")
        await client.lpush(f"{log.replace(':1:', ':2:')}", *["x" * 1_000] * 5_000)
        (session,) = await store.finished_before(NOW + timedelta(days=1), 10)
        try:
            await client.config_set("maxmemory", str((await client.info("memory"))["used_memory"] - 1_000_000))
            with pytest.raises(Unavailable, match="refused the command"):
                await store.commit(Change(audited=[LINE]))
            await store.remove_session(session)
            await store.tidy()
            await _until(lambda: store.commit(Change(audited=[LINE])))
        finally:
            await client.config_set("maxmemory", "0")


async def _keys(client: Redis, pattern: str) -> list[str]:
    return [str(each) for each in await client.keys(pattern)]


async def _until(work: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(PATIENCE_S):  # what is unlinked is freed in the background
        while True:
            with suppress(Unavailable):
                return await work()


async def test_a_server_that_is_nearly_full_says_so_before_it_refuses(client: Redis, redis_url: str) -> None:
    async with open_redis(redis_url, timeout_s=5, stream_max=1000) as store:
        condition = Condition(store, None, Supervisor())
        assert "room" not in (await condition.check())[0]
        used = (await client.info("memory"))["used_memory"]
        try:
            await client.config_set("maxmemory", str(round(used / 0.5)))
            assert (await condition.look())["room"].status == "healthy"
            await client.config_set("maxmemory", str(round(used / 0.9)))
            room = (await condition.look())["room"]
            assert (room.status, "segue prune" in room.reason) == ("degraded", True)
            counts = await condition.count()
            assert 0.8 < counts["segue.redis.memory.used"] / counts["segue.redis.memory.max"] < 1
        finally:
            await client.config_set("maxmemory", "0")


async def test_a_month_of_a_teams_tool_calls_takes_no_more_room_than_its_first_days(
    client: Redis, redis_url: str
) -> None:
    """Twenty developers in five projects, with 400 calls a day each that do more than read."""
    used, keys = [], []
    async with open_redis(redis_url, timeout_s=30, stream_max=20_000) as store:
        for day in range(22):
            await asyncio.gather(*(_a_day_of(store, f"dev{number}", day) for number in range(20)))
            used.append((await client.info("memory"))["used_memory"])
            keys.append(await client.dbsize())
    assert len(set(keys)) == 1
    assert max(used[6:]) < 1.05 * min(used[6:])
    assert used[-1] < 64e6  # of compose's 256 MB


async def _a_day_of(store: RedisStore, user: str, day: int) -> None:
    at = NOW + timedelta(days=day)
    for call in range(0, 400, 80):
        place = Place(f"p{call // 80}", f"/home/{user}/src/p{call // 80}", "0f0f0f0f-aaaa-4bbb-8ccc-000000000000")
        asked = replace(LINE, at=at, user=user, place=place)
        event = Event(
            PERMISSION_DECIDED, user, at, place.session_id, {"action": "check", "decision": "ask", "rule": ""}
        )
        await store.commit(Change(audited=[asked] * 80, events=[event] * 80))
