"""A Redis client that records commands as spans and durations, without their arguments."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from services.kit.observability import telemetry

_waiting = frozenset({"XREADGROUP", "XREAD", "BLPOP", "BRPOP"})
"""Blocking commands: their duration says nothing about Redis."""


class TracedRedis(Redis):
    """Like `Redis`; a pipeline is traced at its execution, by `telemetry.query`."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """The command's answer."""
        name = str(args[0])
        if name in _waiting:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        with telemetry.query("redis", name):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
