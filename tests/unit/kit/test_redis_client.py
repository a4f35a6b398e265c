"""Redis by URL: one server, Sentinels, a Cluster; TLS, users and passwords; and what is no such URL."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest
from redis.asyncio import RedisCluster
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedSSLConnection

from services.kit.errors import InvalidInput, Unavailable
from services.kit.redis_client import TracedRedis, redis_client
from services.memory.storage.redis_cache import open_shared_cache
from services.session.store import Change, Stale
from services.session.store.redis import RedisStore, open_redis
from tests.patience import eventually, eventually_so
from tests.servers.redis import cluster, run, send_signal, sentinels
from tests.unit.session.store.test_session_store import new

Nodes = Callable[[], AbstractContextManager[tuple[str, Any, list[int]]]]


def test_one_server_by_its_url() -> None:
    client = redis_client("rediss://ann:a%40b@host:1234/3?ssl_ca_certs=/ca.pem", socket_timeout=2)
    assert isinstance(client, TracedRedis)
    given = client.connection_pool.connection_kwargs
    assert (given["host"], given["port"], given["db"]) == ("host", 1234, 3)
    assert (given["username"], given["password"], given["ssl_ca_certs"]) == ("ann", "a@b", "/ca.pem")
    assert given["socket_timeout"] == 2


def test_the_master_that_sentinels_name() -> None:
    url = "rediss+sentinel://ann:a%40b@one,two:1,[::1]:2/main/5?ssl_ca_certs=/ca.pem&sentinel_password=c"
    client = redis_client(url, decode_responses=True)
    pool = client.connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "main"
    assert pool.connection_class is SentinelManagedSSLConnection
    given = pool.connection_kwargs
    assert (given["username"], given["password"], given["db"], given["ssl_ca_certs"]) == ("ann", "a@b", 5, "/ca.pem")
    watching = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in watching] == [("one", 26379), ("two", 1), ("::1", 2)]
    assert {each["password"] for each in watching} == {"c"}
    assert {each["ssl_ca_certs"] for each in watching} == {"/ca.pem"}


def test_a_cluster_by_some_of_its_nodes() -> None:
    client: Any = redis_client("rediss+cluster://ann:b@one:1,two?ssl_ca_certs=/ca.pem", decode_responses=True)
    assert isinstance(client, RedisCluster)
    assert [(each.host, each.port) for each in client.nodes_manager.startup_nodes.values()] == [
        ("one", 1),
        ("two", 6379),
    ]
    assert client.connection_kwargs["password"] == "b"
    assert client.connection_kwargs["ssl_ca_certs"] == "/ca.pem"


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost", "http://host", "redis+other://host", "redis+cluster://", "redis+sentinel://one,two"),
        *("redis+cluster://host/3", "redis+sentinel://host:port/main", "redis+cluster://host:99999", "ftp+cluster://h"),
    ],
)
def test_what_is_no_url_of_redis_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        redis_client(url.replace("://", "://ann:a-secret@"))
    assert "secret" not in repr(refused.value)


# --- on real nodes ------------------------------------------------------------------------------


@pytest.mark.containers
@pytest.mark.parametrize("kind", ["emptied_redis", "emptied_redis_cluster", "emptied_redis_sentinel"])
async def test_the_cache_reads_several_keys_at_once_everywhere(kind: str, request: pytest.FixtureRequest) -> None:
    async with open_shared_cache(request.getfixturevalue(kind)) as cache:
        assert await cache.is_reachable()
        await cache.begin(["one", "two", "three"])
        before = await cache.generations(["one", "two", "three", "four"])
        assert [each is None for each in before] == [False, False, False, True]
        await cache.move(["one", "two"])
        assert (await cache.generations(["one", "two", "three"]))[:2] == [None, None]
        await cache.put("key", b"value", 5)
        assert await cache.get("key") == b"value"
        await cache.limit_lives()


@pytest.mark.containers
@pytest.mark.parametrize("nodes", [cluster, sentinels])
async def test_a_master_that_is_killed_takes_no_acknowledged_session_with_it(nodes: Nodes) -> None:
    with nodes() as (url, made, ports):
        async with open_redis(url, timeout_s=2, stream_max=100) as store:
            await eventually(lambda: has_troubles(store, set()))
            acknowledged, ends = set[str](), asyncio.Event()

            async def commit(writer: int) -> None:
                for number in itertools.count():
                    if ends.is_set():
                        return
                    name = f"{writer}-{number}"
                    with suppress(Unavailable, Stale):  # the second is of a try before, whose answer got lost
                        await store.commit(Change(session=new(name, directory=f"/work/{name}")))
                        acknowledged.add(name)

            async with asyncio.TaskGroup() as group:
                for writer in range(8):
                    group.create_task(commit(writer))
                await eventually_so(lambda: len(acknowledged) >= 200)
                killed = await asyncio.to_thread(kill_master, made, ports)
                before = len(acknowledged)
                await eventually_so(lambda: len(acknowledged) >= before + 200)
                ends.set()
            assert [name for name in sorted(acknowledged) if await store.session(name) is None] == []
    assert killed in ports


@pytest.mark.containers
@pytest.mark.parametrize("nodes", [cluster, sentinels])
async def test_a_change_counts_once_a_replica_has_it_if_there_is_one(nodes: Nodes) -> None:
    with nodes() as (url, made, ports):
        async with open_redis(url, timeout_s=2, stream_max=100) as store:
            await eventually(lambda: has_troubles(store, set()))
            await store.commit(Change(session=new("both", directory="/both")))
            replicas = [port for port in ports if role(made, port) == "slave"]
            for port in replicas:
                send_signal(made, port, "STOP")
            with pytest.raises(Unavailable, match="No replica"):
                await store.commit(Change(session=new("one", directory="/one")))
            for port in replicas:
                send_signal(made, port, "CONT")
                send_signal(made, port, "KILL")
            await eventually(lambda: is_committed(store, Change(session=new("alone", directory="/alone"))))
            await eventually(lambda: has_troubles(store, {"replication"}))
            assert await store.session("both")
            assert await store.session("alone")


async def is_committed(store: RedisStore, change: Change) -> bool:
    """Whether it is, now or by a try before."""
    try:
        await store.commit(change)
    except Unavailable:
        return False
    except Stale:
        return True
    return True


def kill_master(made: Any, ports: Sequence[int]) -> int:
    """Kills the server that has the keys as their master; its port."""
    for port in ports:
        if role(made, port) == "master" and run(made, f"redis-cli -p {port} dbsize") != "0":
            send_signal(made, port, "KILL")
            assert "refused" in run(made, f"redis-cli -p {port} ping 2>&1")
            return port
    raise AssertionError("no master has a key")


def role(made: Any, port: int) -> str:
    return run(made, f"redis-cli -p {port} role").partition("\n")[0]


async def has_troubles(store: RedisStore, expected: set[str]) -> bool:
    """Whether these are the store's troubles; a node that does not answer yet has none that are known."""
    with suppress(Unavailable):
        return set(await store.troubles()) == expected
    return False
