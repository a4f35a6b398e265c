"""A backup in compose, and back from it, as deploy/README.md says."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.integration.calls import call
from tests.integration.stack import ComposeStack, client, documented, segue
from tests.integration.whole import wait_until_whole

pytestmark = pytest.mark.containers


async def test_what_was_backed_up_comes_back_and_what_came_after_is_gone(team: ComposeStack, project: str) -> None:
    kept = await call(team, "store_reflection", content="Written before the backup.", project=project)
    done = segue(team, "backup", "/backups/by-hand")
    assert done.returncode == 0, done.stderr
    backup = re.findall(r"/backups/by-hand/segue-[\w.-]+", done.stdout)[0]
    late = await call(team, "store_reflection", content="Written after the backup.", project=project)

    for command in documented("services.cli restore", "/backups/segue-<time>-<id>", backup):
        team.compose(*command)
    await asyncio.to_thread(wait_until_whole, team.url)

    assert (await call(team, "get_memory", id=kept["reflection_id"]))["memory"]["content"].endswith("the backup.")
    async with client(team) as mcp:
        gone = await mcp.call_tool("get_memory", {"id": late["reflection_id"]}, raise_on_error=False)
    assert gone.is_error
    found = await call(team, "reflect_on_past", query="written before", project=project)
    assert [each["id"] for each in found["results"]] == [kept["reflection_id"]]
