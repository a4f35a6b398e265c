"""What it costs to know who calls: the same call at a gateway that asks for tokens and at one that does not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from fastmcp import Client

from tests.integration.stack import ProcessStack
from tests.integration.team import TeamStack
from tests.performance.rows import Row, Rows, spread

calls = 400


def rows(directory: Path, model_directory: Path) -> Rows:
    """The lines of the report."""
    model = {"SEGUE_MEMORY_MODEL_DIRECTORY": str(model_directory)}
    with ProcessStack(directory / "open", **model) as stack, TeamStack(directory / "team", model_directory) as team:
        without, with_token = asyncio.run(_alternating(stack, team))
    ratio = with_token / without
    yield Row("authentication: list_sessions without, p50", without, "ms", "the baseline")
    yield Row("authentication: list_sessions with a token, p50", with_token, "ms", f"{ratio:.2f} x without")


async def _alternating(stack: ProcessStack, team: TeamStack) -> tuple[float, float]:
    """The medians; a call here and a call there, so that the machine's other work meets both."""
    took: dict[str, list[float]] = {"without": [], "with": []}
    async with Client(stack.url) as plain, team.client("ada") as known:
        for number in range(calls):
            for name, client in (("without", plain), ("with", known)):
                began = time.perf_counter()
                await client.call_tool("list_sessions", {})
                if number >= calls // 10:  # the first ones warm up
                    took[name].append((time.perf_counter() - began) * 1e3)
    return spread(took["without"]).p50, spread(took["with"]).p50
