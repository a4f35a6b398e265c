"""Writes that outlive their server: where Sentinels or a Cluster may put a replica in its place, it has them too.

Redis replicates asynchronously, so a master that dies takes with it what no replica has yet. `WAIT` on the connection
of a write counts the replicas that have it; see https://redis.io/docs/latest/commands/wait/.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import AskError, MovedError, RedisClusterException, TryAgainError

from services.kit.errors import Unavailable
from services.kit.observability import telemetry

alone_s = 5.0
"""How long writes do not wait, once no replica was there."""
tries_max = 4
pause_s = 0.1
_of_a_move = (*RedisCluster.ERRORS_ALLOW_RETRY, RedisClusterException, MovedError, AskError, TryAgainError)


class ReplicatedWrites:
    """Sends each write to the server of its key, and waits until a replica has it, where there is one.

    It waits for `within_s`, which is less than the client's time for an answer.
    """

    def __init__(self, client: Redis, within_s: float) -> None:
        self._client = client
        self._wait_ms = round(within_s * 1000)
        self._is_cluster = isinstance(client, RedisCluster)
        self.has_failover = self._is_cluster or isinstance(client.connection_pool, SentinelConnectionPool)
        self._alone_until = 0.0

    async def write(self, key: str, *command: str | int) -> Any:
        """The command's answer. Unavailable if there is a replica and it does not confirm: then the write may stand or
        not. A command whose connection breaks may be sent twice."""
        if not self.has_failover or time.monotonic() < self._alone_until:
            return await self._client.execute_command(*command)  # type: ignore[no-untyped-call]
        answer, confirmed = await self._write_and_wait(key, command)
        if not confirmed:
            await self._look_for_replicas(key)
        return answer

    async def _write_and_wait(self, key: str, command: tuple[str | int, ...]) -> tuple[Any, int]:
        """The answer, and how many replicas have what was written. A Cluster is asked for its nodes again and again."""
        for _ in range(tries_max - 1 if self._is_cluster else 0):
            try:
                return await self._send(key, command)
            except _of_a_move:
                await self._client.aclose()  # so that it asks for its nodes
                await asyncio.sleep(pause_s)
        return await self._send(key, command)

    async def _send(self, key: str, command: tuple[str | int, ...]) -> tuple[Any, int]:
        node = await self._node(key)
        client: Any = self._client  # a Cluster's pipeline knows no transaction
        pipeline = client.pipeline(**({} if node else {"transaction": False}))
        pipeline.execute_command(*command, **node)
        pipeline.execute_command("WAIT", 1, self._wait_ms, **node)
        with telemetry.query("redis", str(command[0])):
            answer, confirmed = await pipeline.execute(**({"allow_redirections": False} if node else {}))
        return answer, int(confirmed)

    async def _node(self, key: str) -> Mapping[str, Any]:
        """The options that send a command to the server of the key."""
        if not isinstance(self._client, RedisCluster):
            return {}
        await self._client.initialize()
        return {"target_nodes": self._client.get_node_from_key(key)}

    async def is_alone(self, node: Mapping[str, Any]) -> bool:
        """Whether the server is a master without a replica that has caught up; the node as `node_options` gives it."""
        found = await self._client.info("replication", **node)
        replicas = [each for name, each in found.items() if name.startswith("slave") and isinstance(each, Mapping)]
        return found["role"] == "master" and not any(each["state"] == "online" for each in replicas)

    async def _look_for_replicas(self, key: str) -> None:
        if not await self.is_alone(await self._node(key)):
            raise Unavailable("No replica of Redis has confirmed the change.", "Try again in a moment.")
        self._alone_until = time.monotonic() + alone_s
