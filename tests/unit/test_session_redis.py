"""What only Redis can go through: being away, coming back, being set up badly, and consumers of its stream."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from services.kit.errors import Unavailable
from services.session.events import SESSION_ENDED, Event, Handler
from services.session.sessions import Session
from services.session.store import Change
from services.session.store.redis import open_redis
from services.session.store.streams import EventStream, deliveries_max

pytestmark = pytest.mark.containers
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SESSION = Session("s1", "ada", "/work/a", "/work/a", "a", NOW, NOW)
KEY = "{segue}:events"


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
