"""Running a project's tools through the gateway: the client hears how far it is, and who comes later joins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from tests.integration.connect.test_directory import CONNECT, transport
from tests.integration.stack import Stack
from tests.unit.quality.tool_runs.test_tool_runs import project as project_with_ruff

pytestmark = pytest.mark.parametrize("stack", ["process"], indirect=True)

WAITS = "import os, time\nopen('started', 'w').close()\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
REPORTS = "import os; os.system('echo run >> runs'); print('[{\"filename\": \"shop.py\"}]')\n"

Connect = Callable[[], Client[Any]]


@pytest.fixture(params=["direct", "segue connect"])
def connect(request: pytest.FixtureRequest, stack: Stack, tmp_path: Path) -> Connect:
    """Makes a client of the gateway, one way or the other."""
    command = [*CONNECT, stack.url]
    return lambda: Client(stack.url if request.param == "direct" else transport(command, tmp_path))


class Heard:
    """Keeps the progress it is told of."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, float | None, str | None]] = []
        self.first = asyncio.Event()

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.steps.append((progress, total, message))
        self.first.set()


@pytest.mark.slow
async def test_a_client_hears_how_far_its_tools_are(connect: Connect, tmp_path: Path) -> None:
    shop = project_with_ruff(tmp_path, WAITS + REPORTS)
    heard = Heard()
    async with connect() as client:
        arguments = {"working_directory": str(shop), "run_tools": True}
        call = asyncio.create_task(client.call_tool("quality_check", arguments, progress_handler=heard))
        await heard.first.wait()  # while the tool still runs
        assert not call.done()
        (shop / "go").touch()
        content = (await call).structured_content
    assert content is not None
    assert "ruff" in [message for _, _, message in heard.steps]
    assert [done for done, _, _ in heard.steps] == sorted(done for done, _, _ in heard.steps)
    assert content["report"]["runs"][0]["outcome"] == "finished"
    lint = next(each for each in content["report"]["components"] if each["name"] == "lint")
    assert (lint["measured"], lint["source"]) == (True, "ruff, run now")


async def test_a_second_client_joins_the_run_and_hears_of_it_too(connect: Connect, tmp_path: Path) -> None:
    shop = project_with_ruff(tmp_path, WAITS + REPORTS)
    arguments = {"working_directory": str(shop), "run_tools": True}
    heard = Heard(), Heard()
    async with connect() as first, connect() as second:
        calls = []
        for client, hears in zip((first, second), heard, strict=True):
            calls.append(asyncio.create_task(client.call_tool("quality_check", arguments, progress_handler=hears)))
            await hears.first.wait()
        (shop / "go").touch()
        answers = [(await call).structured_content for call in calls]
    assert (shop / "runs").read_text() == "run\n"
    assert [answer and answer["report"]["runs"][0]["outcome"] for answer in answers] == ["finished", "finished"]
