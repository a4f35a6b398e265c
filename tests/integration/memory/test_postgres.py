"""All of Segue with its memories in PostgreSQL, by the public door: through restarts, and kills of both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError

from tests.integration.calls import ask, call, refused
from tests.integration.memory.test_deletion import Hasty, delete
from tests.integration.stack import ProcessStack, client
from tests.patience import eventually, eventually_so
from tests.servers.postgres import PostgresServer
from tests.torture.run import Torture

URL = "SEGUE_MEMORY_DATABASE_URL"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture
def url(server: PostgresServer, request: pytest.FixtureRequest) -> str:
    name = f"of_{abs(hash(request.node.name))}"
    server.run(f"CREATE DATABASE {name}")
    return server.url(name)


async def found(stack: ProcessStack, query: str) -> list[str]:
    answer = await call(stack, "reflect_on_past", query=query, project="p")
    return [each["content"] for each in answer["results"]]


class Writing:
    """Four clients that store, and delete every fourth of theirs, whatever happens; and what was acknowledged."""

    def __init__(self, stack: ProcessStack) -> None:
        self._stack = stack
        self._ends = asyncio.Event()
        self.stored: dict[str, str] = {}
        self.leaving: set[str] = set()
        """Whose deletion began: they may be gone or not, unless it was acknowledged."""
        self.gone: set[str] = set()
        self.acknowledged_s: list[float] = []

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """They write within."""
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(self._write(number))
            yield
            self._ends.set()

    async def goes_on(self, count: int = 6) -> None:
        """Returns when so many more were acknowledged."""
        before = len(self.stored)
        await eventually_so(lambda: len(self.stored) >= before + count)

    async def _write(self, writer: int) -> None:
        number = 0
        async with Client(self._stack.url) as mcp:
            while not self._ends.is_set():
                number += 1
                content = f"unique{writer}x{number} of the willow and the anvil"
                with suppress(ToolError):
                    asked = {"content": content, "project": "p", "session_id": f"writer-{writer}"}
                    answer = (await mcp.call_tool("store_conversation", asked)).structured_content or {}
                    self.stored[answer["conversation_id"]] = content
                    self.acknowledged_s.append(time.monotonic())
                    if number % 4 == 0:
                        self.leaving.add(answer["conversation_id"])
                        assert await delete(mcp, ids=[answer["conversation_id"]]) == 1
                        self.gone.add(answer["conversation_id"])

    async def verify(self) -> None:
        """Everything stored is found, and nothing deleted."""
        for name, content in self.stored.items():
            if name in self.gone:
                assert await refused(self._stack, "get_memory", id=name) == "NOT_FOUND"
                assert content not in await found(self._stack, content)
            elif name not in self.leaving:
                assert content in await found(self._stack, content)
        assert len(self.gone) > 0


async def test_what_was_stored_replaced_and_deleted_is_so_after_a_restart(data: Path, tmp_path: Path, url: str) -> None:
    named = tmp_path / "url"
    named.write_text(f"{url}\n")
    with ProcessStack(data, SEGUE_MEMORY_DATABASE_URL_FILE=str(named)) as stack:
        first = await call(stack, "store_reflection", content="We deploy on Fridays from the otter branch", project="p")
        await call(stack, "store_reflection", content="The badger service listens on port 7070", project="p")
        again = await call(stack, "store_reflection", content="The badger service listens on port 7070", project="p")
        assert again["duplicate"]
        async with client(stack) as mcp:
            assert await delete(mcp, ids=[first["reflection_id"]]) == 1
        assert await found(stack, "otter branch") == []
        await call(stack, "undelete", ids=[first["reflection_id"]])
        assert "otter" in (await found(stack, "otter branch"))[0]
        gone = await call(stack, "store_reflection", content="The heron's birthday is in May", project="p")
        async with client(stack) as mcp:
            assert await delete(mcp, ids=[gone["reflection_id"]]) == 1
        stack.restart()
        assert "otter" in (await found(stack, "otter branch"))[0]
        assert "badger" in (await found(stack, "where does the badger service listen"))[0]
        assert not [each for each in await found(stack, "heron's birthday") if "heron" in each]
        health = await call(stack, "health_check")
        assert health["checks"]["database"]["status"] == "healthy"
        assert not list((data / "memory").glob("memory*.duckdb"))
        assert (await call(stack, "reflection_stats"))["total_reflections"] == 2


async def test_deleted_text_is_erased_in_time(data: Path, url: str, server: PostgresServer) -> None:
    mark = "quixotic zeppelin of the harbourmaster"
    with Hasty(data, **{URL: url}) as stack:
        kept = await call(stack, "store_reflection", content=mark, project="p")
        async with client(stack) as mcp:
            assert await delete(mcp, ids=[kept["reflection_id"]]) == 1

        async def is_erased() -> bool:
            sql = "SELECT count(*) FROM removals WHERE NOT erased"
            return await asyncio.to_thread(server.run, sql, url.rsplit("/", 1)[1]) == [(0,)]

        await eventually(is_erased)
        tables = [path for path in server.files() if "base" in path.parts]
        assert not [path for path in tables if mark.encode() in path.read_bytes()]
        assert not [path for path in (data / "memory").glob("*.snapshot") if mark.encode() in path.read_bytes()]
        late = await ask(stack, "undelete", ids=[kept["reflection_id"]])
        assert late.get("restored", 0) in (0, [])


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_in_kills_of_segue(data: Path, url: str) -> None:
    torture = Torture(data, seed=6, settings={URL: url})
    for _ in range(3):
        await torture.round()
    assert torture.counts.clean, str(torture.counts)


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_in_kills_of_postgresql(
    data: Path, url: str, server: PostgresServer
) -> None:
    with ProcessStack(data, **{URL: url}) as stack:
        writing = Writing(stack)
        async with writing.going_on():
            for _ in range(2):
                await asyncio.sleep(2)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            await writing.goes_on()
        for _ in range(2):
            await writing.verify()
            stack.restart()
