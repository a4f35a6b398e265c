"""Waiting until all of a Segue works, or its index, as a client sees it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastmcp import Client

patience_s, asked = 180.0, 4


def wait_until_whole(url: str) -> None:
    """Returns when every part works, whichever gateway is asked; AssertionError when that takes too long."""
    deadline = time.monotonic() + patience_s
    trouble = {"nobody": "was asked"}
    while trouble:
        assert time.monotonic() < deadline, f"not whole after {patience_s} s: {trouble}"
        trouble = asyncio.run(_troubles(url))


async def index_settled(mcp: Client[Any]) -> None:
    """Returns when the index has read every text: one that has to be built again is, beside serving."""
    while True:
        health = (await mcp.call_tool("health_check")).structured_content or {}
        if health["checks"].get("index", {}).get("status") == "healthy":  # unless memory was too busy to say
            return
        await asyncio.sleep(0.1)


async def _troubles(url: str) -> dict[str, str]:
    try:
        async with Client(url, timeout=5, init_timeout=5) as mcp:
            for _ in range(asked):
                found: dict[str, Any] = (await mcp.call_tool("health_check", {})).structured_content or {}
                if found["status"] != "healthy":
                    return {name: check["reason"] for name, check in found["checks"].items() if check["reason"]}
            await mcp.call_tool("store_reflection", {"content": "whole again", "project": "whole"})
            await mcp.call_tool("list_sessions", {})
    except Exception as error:  # whatever a client may meet
        await asyncio.sleep(0.2)
        return {type(error).__name__: str(error)}
    return {}
