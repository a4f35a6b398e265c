"""Searches through a gateway whose replicas are real processes: each user's at one of them, or in turn."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from services.gateway.app import open_gateway
from services.gateway.config import GatewaySettings
from services.kit.transport import rpc
from services.pb import telemetry_pb2
from services.pb.telemetry_pb2_grpc import TelemetryStub
from services.session.app import open_session
from services.session.config import SessionSettings
from services.session.domain.tokens import Tokens
from services.session.store.sqlite import open_sqlite
from tests.patience import PATIENCE_S
from tests.servers.postgres import database_of
from tests.servers.replicas import ReplicaProcesses, ServiceProcess

pytestmark = pytest.mark.slow
USERS = [f"user{number}" for number in range(8)]


class Team:
    """A gateway that asks for tokens."""

    def __init__(self, url: str, tokens: dict[str, str], processes: ReplicaProcesses) -> None:
        self.url = url
        self.tokens = tokens
        self.processes = processes

    async def ask(self, user: str, tool: str, **arguments: Any) -> dict[str, Any]:
        async with Client(self.url, auth=self.tokens[user]) as mcp:
            return (await mcp.call_tool(tool, arguments)).structured_content or {}

    async def found(self, user: str, query: str) -> list[str]:
        answer = await self.ask(user, "reflect_on_past", query=query, project="p")
        return [each["content"] for each in answer["results"]]

    async def searches(self) -> list[int]:
        """How many each replica has answered; of one that is away, none."""
        return await asyncio.gather(*(searches_of(each) for each in self.processes.replicas))


async def searches_of(replica: ServiceProcess) -> int:
    assert replica.process
    if replica.process.poll() is not None:
        return 0
    async with rpc.open_channel(replica.address) as channel:
        asked = TelemetryStub(channel).Figures
        figures = (await rpc.call(asked, telemetry_pb2.FiguresRequest(), user="ada", timeout_s=PATIENCE_S)).figures
    return int(sum(each.value for each in figures if each.name == "segue_search_duration_seconds_count"))


@asynccontextmanager
async def opened(home: Path, **settings: Any) -> AsyncIterator[Team]:
    session = f"in-process:session@{home}"
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(ReplicaProcesses(home, database_of(home), 3))
        await stack.enter_async_context(open_session(SessionSettings(address=session, directory=home / "session")))
        async with open_sqlite(home / "session" / "session.sqlite", queue_max=10) as store:
            tokens = {user: (await Tokens(store.tokens).create(user, "write", 0))[1] for user in USERS}
        targets: dict[str, Any] = {
            "session_target": session,
            "memory_target": processes.memory.address,
            "quality_target": f"in-process:nowhere@{home}",
            "search_target": "ipv4:" + ",".join(each.address for each in processes.replicas),
        }
        gateway = GatewaySettings(port=0, auth="tokens", call_timeout_s=60, **targets, **settings)
        yield Team((await stack.enter_async_context(open_gateway(gateway))).url, tokens, processes)


async def store_all(team: Team) -> None:
    for user in USERS:
        await team.ask(user, "store_reflection", content=f"The otter of {user} swims", project="p")


async def find_all(team: Team) -> list[list[int]]:
    """Each user finds theirs twice; how many searches each replica answered, by user."""
    spread = []
    for user in USERS:
        before = await team.searches()
        for query in ("otter", f"otter swims {user}"):
            assert await team.found(user, query) == [f"The otter of {user} swims"]
        spread.append([after - first for first, after in zip(before, await team.searches(), strict=True)])
    return spread


async def test_each_users_searches_go_to_one_replica_and_move_when_it_dies(tmp_path: Path) -> None:
    async with opened(tmp_path) as team:
        await store_all(team)
        spread = await find_all(team)
        assert all(sorted(each) == [0, 0, 2] for each in spread)
        homes = [each.index(2) for each in spread]
        assert len(set(homes)) > 1
        health = await team.ask(USERS[0], "health_check")
        assert health["checks"]["search"]["status"] == "healthy"
        dead = homes[0]
        team.processes.replicas[dead].kill()
        moved = await find_all(team)
        assert all(sorted(each) == [0, 0, 2] for each in moved)
        stayed = [(before, after.index(2)) for before, after in zip(homes, moved, strict=True) if before != dead]
        assert all(before == after for before, after in stayed)
        team.processes.replicas[dead].start()
        await team.processes.replicas[dead].serves()
        await find_all(team)


async def test_a_replica_that_is_frozen_is_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as team:
        await store_all(team)
        replica = team.processes.replicas[await home_of(team, USERS[0])]
        assert replica.process
        replica.process.send_signal(signal.SIGSTOP)
        try:
            for query in ("otter", "swims"):
                assert await team.found(USERS[0], query) == [f"The otter of {USERS[0]} swims"]
        finally:
            replica.process.send_signal(signal.SIGCONT)


async def home_of(team: Team, user: str) -> int:
    """The number of the replica that answers the user's searches."""
    before = await team.searches()
    await team.found(user, "otter")
    return [after - first for first, after in zip(before, await team.searches(), strict=True)].index(1)


async def test_round_robin_is_as_right_while_each_replica_is_replaced(tmp_path: Path) -> None:
    async with opened(tmp_path, search_balancing="round_robin") as team:
        await store_all(team)
        await find_all(team)
        assert all(await team.searches())
        for number, replica in enumerate(team.processes.replicas):
            assert await asyncio.to_thread(replica.stop) == 0
            user = USERS[number]
            await team.ask(user, "store_reflection", content=f"A heron, too, of {user}", project="p")
            assert f"A heron, too, of {user}" in await team.found(user, "heron")
            replica.start()
            await replica.serves()


async def test_without_any_replica_searches_say_so_and_stores_go_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as team:
        await store_all(team)
        for replica in team.processes.replicas:
            replica.kill()
        async with Client(team.url, auth=team.tokens[USERS[0]]) as mcp:
            refused = await mcp.call_tool("reflect_on_past", {"query": "otter"}, raise_on_error=False)
            assert refused.structured_content["error_code"] == "MEMORY_UNAVAILABLE"
            assert refused.structured_content["suggestions"]
        await team.ask(USERS[0], "store_reflection", content="The kingfisher dives", project="p")
        replica = team.processes.replicas[0]
        replica.start()
        await replica.serves()
        assert await team.found(USERS[0], "kingfisher") == ["The kingfisher dives"]
