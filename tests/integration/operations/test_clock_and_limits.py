"""Real faults of the machine besides its disk: a clock that is set back or jumps, and no more files to be opened."""

from __future__ import annotations

import asyncio
import resource
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastmcp import Client

from tests.integration.calls import ask
from tests.integration.stack import ProcessStack, client
from tests.patience import eventually, eventually_so

DAY_S = 86_400


class Clock:
    """The wall clock of a child process."""

    def __init__(self, directory: Path, library: Path) -> None:
        self._file = directory / "shift"
        self.shift(0)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_SHIFT_FILE": str(self._file)}

    def shift(self, days: float) -> None:
        """Sets it so many days from the true time, at once."""
        self._file.write_text(f"{round(days * DAY_S)}\n")


@pytest.fixture(scope="session")
def shifting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that shifts a process's clock."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a C compiler makes the clock")
    made = tmp_path_factory.mktemp("clock") / "shifted_clock.so"
    source = Path(__file__).parents[1] / "shifted_clock.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", made, source, "-ldl"], check=True)
    return made


@pytest.fixture
def clock(shifting: Path, tmp_path: Path) -> Clock:
    return Clock(tmp_path, shifting)


async def store(stack: ProcessStack, content: str) -> dict[str, Any]:
    return await ask(stack, "store_conversation", content=content, project="clocks", session_id="s")


@pytest.mark.slow
async def test_a_clock_set_back_loses_nothing_and_stops_nothing(data: Path, tmp_path: Path, clock: Clock) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with ProcessStack(data, **clock.environment, SEGUE_MEMORY_RETENTION_DAYS="2") as stack:
        first = await store(stack, "said before the clock was set back: heron")
        begun = await ask(stack, "init", working_directory=str(work))
        clock.shift(-10)
        second = await store(stack, "said after the clock was set back: heron")
        assert moment(second["stored_at"]) < moment(first["stored_at"]) - timedelta(days=9)
        assert second["conversation_id"] != first["conversation_id"]
        assert (await store(stack, "said before the clock was set back: heron"))["duplicate"] is True
        resumed = await ask(stack, "init", working_directory=str(work))
        assert (resumed["session_id"], resumed["resumed"]) == (begun["session_id"], True)
        assert (await ask(stack, "checkpoint", session_id=begun["session_id"]))["checkpoint_id"]
        found = await ask(stack, "advanced_search", query="heron", project="clocks", sort="newest")
        ids = [each["id"] for each in found["results"]]
        assert ids == [first["conversation_id"], second["conversation_id"]]  # by when it was said
        assert (await ask(stack, "end", session_id=begun["session_id"]))["success"]
        stack.restart()
        assert (await ask(stack, "reflection_stats"))["total_conversations"] >= 2
        clock.shift(0)
        third = await store(stack, "said when the clock was right again: heron")
        assert (await ask(stack, "get_memory", id=third["conversation_id"]))["memory"]["id"]
        sessions = await ask(stack, "list_sessions")
        assert [each["state"] for each in sessions["sessions"]] == ["ended"]


@pytest.mark.slow
async def test_retention_removes_nothing_by_a_clock_that_is_years_ahead(data: Path, clock: Clock) -> None:
    retention = {"SEGUE_MEMORY_RETENTION_DAYS": "90"}
    with ProcessStack(data, **clock.environment, **retention) as stack:
        await store(stack, "the heron stands still")
        clock.shift(4000)
        stack.restart()
        await eventually(partial(has_jumped, stack))
        stats = await ask(stack, "reflection_stats")
        assert (stats["total_conversations"], "90 days" in stats["retention"]) == (1, True)


async def has_jumped(stack: ProcessStack) -> bool:
    return any("the clock jumped" in each for each in (await ask(stack, "reflection_stats"))["degraded"])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def connections(address: tuple[str, int], count: int) -> Iterator[socket.socket]:
    for _ in range(count):
        yield socket.create_connection(address, timeout=10)


@pytest.mark.slow
async def test_without_files_left_it_stays_up_says_so_and_goes_on_when_there_are_some(data: Path) -> None:
    stack = ProcessStack(data, SEGUE_GATEWAY_HEAD_TIMEOUT_S="1")
    with tempfile.TemporaryFile("w+") as stack.stderr, stack, ExitStack() as held:
        assert stack.process
        pid, parts = stack.process.pid, urlsplit(stack.url)
        address = (parts.hostname or "", parts.port or 0)
        async with client(stack) as mcp:
            await mcp.call_tool("store_conversation", {"content": "Stored before: heron", "project": "files"})
            soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            most = open_files(pid) + 10
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))
            for each in connections(address, 40):
                held.enter_context(each)
            await eventually_so(lambda: open_files(pid) >= most)
            results = await asyncio.gather(*(attempt(mcp, number) for number in range(20)))
            for result in results:  # each is kept, or clearly refused
                assert result["success"] or result["error_code"] in {"MEMORY_UNAVAILABLE", "DEADLINE_EXCEEDED"}, result
            assert stack.process.poll() is None
        held.close()
        await eventually(partial(answers, stack))
        kept = sum(result["success"] for result in results)
        stats = await ask(stack, "reflection_stats", project="files")
        assert stats["total_conversations"] >= 1 + kept
        assert (await store(stack, "Stored after: heron"))["success"]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        stack.stderr.seek(0)
        assert stack.stderr.read().count("connections cannot be accepted: Too many open files") == 1


async def attempt(mcp: Client[Any], number: int) -> dict[str, Any]:
    content = {"content": f"Stored meanwhile {number}: heron", "project": "files"}
    return (await mcp.call_tool("store_conversation", content, raise_on_error=False)).structured_content or {}


async def answers(stack: ProcessStack) -> bool:
    try:
        return bool((await ask(stack, "health_check"))["success"])
    except Exception:
        return False
