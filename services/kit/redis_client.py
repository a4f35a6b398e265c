"""A Redis client whose commands are spans and durations; their arguments are not told."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from services.kit.observability import telemetry

_waiting = frozenset({"XREADGROUP", "XREAD", "BLPOP", "BRPOP"})
"""They answer when there is something: how long that takes says nothing of Redis."""


class TracedRedis(Redis):
    """As `Redis`; a pipeline is traced where it is executed, by `telemetry.query`."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """The command's answer."""
        name = str(args[0])
        if name in _waiting:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        with telemetry.query("redis", name):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
