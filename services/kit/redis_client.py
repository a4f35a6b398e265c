"""Redis clients by URL: one server, the master that Sentinels name, or a Cluster. They record commands as spans and
durations, without their arguments.

`redis://user:password@host:6379/0` · `redis+sentinel://user:password@host1:26379,host2/NAME/0` ·
`redis+cluster://user:password@host1:6379,host2:6379`; with `rediss` instead of `redis` by TLS, whose options are
parameters of the URL (`?ssl_ca_certs=/path`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.sentinel import Sentinel

from services.kit.errors import InvalidInput
from services.kit.observability import telemetry

_waiting = frozenset({"XREADGROUP", "XREAD", "BLPOP", "BRPOP"})
"""Blocking commands: their duration says nothing about Redis."""
_sentinel_port, _redis_port = 26379, 6379
_of_the_sentinels = ("sentinel_username", "sentinel_password")


class TracedRedis(Redis):
    """Like `Redis`; a pipeline is traced at its execution, by `telemetry.query`."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """The command's answer."""
        name = str(args[0])
        if name in _waiting:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        with telemetry.query("redis", name):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


class TracedCluster(RedisCluster):
    """Like `RedisCluster`."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """The command's answer."""
        name = str(args[0])
        if name in _waiting:
            return await super().execute_command(*args, **options)
        with telemetry.query("redis", name):
            return await super().execute_command(*args, **options)


def redis_client(url: str, **options: Any) -> Redis:
    """The client of the URL, which connects at its first command; InvalidInput if the URL is none of these. Options are
    those of a connection."""
    scheme, _, rest = url.partition("://")
    safety, _, kind = scheme.partition("+")
    try:
        if kind == "sentinel":
            return _sentinel_client(f"{safety}://{rest}", options)
        if kind == "cluster":
            return _cluster_client(f"{safety}://{rest}", options)
        return TracedRedis.from_url(url, **options)
    except (ValueError, LookupError):
        raise InvalidInput(
            "The URL of Redis cannot be understood.",
            "Give redis://host:6379/0, redis+sentinel://host1,host2/NAME/0 or redis+cluster://host1,host2.",
        ) from None


def _sentinel_client(url: str, options: Mapping[str, Any]) -> Redis:
    hosts, (name, *database), given = _parts(url, _sentinel_port)
    about_the_sentinels = {key.removeprefix("sentinel_"): given.pop(key) for key in _of_the_sentinels if key in given}
    shared = {key: value for key, value in {**given, **options}.items() if key.startswith(("socket_", "ssl"))}
    every = {**given, **options}
    sentinel: Any = Sentinel(hosts, sentinel_kwargs={**shared, **about_the_sentinels}, **every)  # type: ignore[no-untyped-call]
    number = int(database[0]) if database else 0
    return cast("Redis", sentinel.master_for(name, redis_class=TracedRedis, db=number))


def _cluster_client(url: str, options: Mapping[str, Any]) -> Redis:
    hosts, path, given = _parts(url, _redis_port)
    if path and path != ["0"]:
        raise ValueError(path)  # a cluster has one database
    nodes = [ClusterNode(host, port) for host, port in hosts]
    return cast("Redis", TracedCluster(startup_nodes=nodes, **{**given, **options}))


def _parts(url: str, port: int) -> tuple[list[tuple[str, int]], list[str], dict[str, Any]]:
    """The hosts, the parts of the path, and the options of a connection."""
    split = urlsplit(url)
    secret, _, places = split.netloc.rpartition("@")
    hosts = [_host(place, port) for place in places.split(",") if place]
    if not hosts or split.scheme not in {"redis", "rediss"}:
        raise ValueError(split.scheme)
    query = dict(parse_qsl(split.query))
    apart = {key: query.pop(key) for key in _of_the_sentinels if key in query}
    one = f"{split.scheme}://{secret}{'@' if secret else ''}host:1/?{urlencode(query)}"
    given: dict[str, Any] = dict(parse_url(one))
    is_sealed = given.pop("connection_class", None) is SSLConnection
    for key in ("host", "port", "db"):
        given.pop(key, None)
    return (
        hosts,
        [each for each in split.path.split("/") if each],
        {**given, **apart, **({"ssl": True} if is_sealed else {})},
    )


def _host(place: str, port: int) -> tuple[str, int]:
    """`host`, `host:port` or `[address]:port`."""
    split = urlsplit(f"//{place}")
    if not split.hostname:
        raise ValueError(place)
    return split.hostname, split.port or port


async def node_options(client: Redis) -> Sequence[dict[str, Any]]:
    """For a command that is about a server: the options that send it to each one of the client's."""
    if isinstance(client, RedisCluster):
        await client.initialize()
        return [{"target_nodes": node} for node in client.get_nodes()]
    return [{}]
