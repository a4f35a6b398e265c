"""Three search replicas and a random one for each call, through kills of replicas, of PostgreSQL, and of the leader of
three under Patroni: nothing that was acknowledged is missing from any answer, and nothing deleted is in one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc.aio
import pytest

from services.kit.transport import rpc
from services.pb.memory_pb2_grpc import MemoryStub, SearchStub
from tests.model import shared_model
from tests.patience import eventually_so
from tests.servers.patroni import patroni
from tests.servers.postgres import PostgresServer
from tests.servers.redis import send_signal, sentinels
from tests.servers.replicas import ReplicaProcesses
from tests.unit.memory.replica_history import History

pytestmark = pytest.mark.slow
MODEL = "SEGUE_MEMORY_MODEL_DIRECTORY"


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    try:
        made.start()
        yield made
    finally:
        made.remove()


class Histories:
    """Three at a time, on channels as a gateway has them, but each to one replica alone."""

    def __init__(self, made: list[History]) -> None:
        self.made = made
        self._ends = asyncio.Event()
        self._running = [asyncio.create_task(self._run(each)) for each in made]

    async def _run(self, history: History) -> None:
        while not self._ends.is_set():
            await history.step()

    async def go_on(self, steps: int) -> None:
        """Waits until each has made so many more changes, of which each was seen."""
        until = [each.steps + steps for each in self.made]

        def are_made() -> bool:
            for running in self._running:
                if running.done():
                    running.result()  # raises what it found
            return all(each.steps >= enough for each, enough in zip(self.made, until, strict=True))

        await eventually_so(are_made)

    async def end(self) -> None:
        self._ends.set()
        await asyncio.gather(*self._running)


async def begin(stack: AsyncExitStack, processes: ReplicaProcesses) -> Histories:
    async def channel(address: str) -> grpc.aio.Channel:
        return await stack.enter_async_context(rpc.open_channel(address))

    replicas = [SearchStub(await channel(each.address)) for each in processes.replicas]
    memory = MemoryStub(await channel(processes.memory.address))
    return Histories([History(f"group{number}", number, memory, replicas) for number in range(3)])


async def test_nothing_is_missed_through_kills_of_replicas(tmp_path: Path, server: PostgresServer) -> None:
    chance = random.Random(3)
    model = {MODEL: str(shared_model())}
    async with AsyncExitStack() as stack:
        processes = ReplicaProcesses(tmp_path, server.url("postgres"), 3, **model)
        await stack.enter_async_context(processes)
        histories = await begin(stack, processes)
        await histories.go_on(5)
        for _ in range(4):
            replica = chance.choice(processes.replicas)
            await asyncio.to_thread(replica.kill)
            await histories.go_on(2)
            replica.start()
            await replica.serves()
            await histories.go_on(3)
        await histories.end()
        report(histories)


async def test_nothing_is_missed_through_kills_of_postgresql(tmp_path: Path, server: PostgresServer) -> None:
    async with AsyncExitStack() as stack:
        processes = ReplicaProcesses(tmp_path, server.url("postgres"), 3, **{MODEL: str(shared_model())})
        await stack.enter_async_context(processes)
        histories = await begin(stack, processes)
        await histories.go_on(5)
        for _ in range(2):
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await histories.go_on(5)
        await histories.end()
        report(histories)


@pytest.mark.containers
async def test_nothing_is_missed_through_the_death_of_patroni_s_leader(tmp_path: Path) -> None:
    with patroni() as servers:
        async with AsyncExitStack() as stack:
            processes = ReplicaProcesses(tmp_path, servers.url, 3, **{MODEL: str(shared_model())})
            await stack.enter_async_context(processes)
            histories = await begin(stack, processes)
            await histories.go_on(5)
            killed = await asyncio.to_thread(servers.kill_leader)
            await histories.go_on(5)
            await histories.end()
            assert await asyncio.to_thread(servers.leader) not in {0, killed}
            report(histories)


@pytest.mark.containers
async def test_nothing_is_missed_through_the_death_of_redis_master(tmp_path: Path, server: PostgresServer) -> None:
    """Redis has results that all of them find, and what their users changed."""
    with sentinels() as (url, made, ports):
        async with AsyncExitStack() as stack:
            settings = {MODEL: str(shared_model()), "SEGUE_MEMORY_REDIS_URL": url}
            processes = ReplicaProcesses(tmp_path, server.url("postgres"), 3, **settings)
            await stack.enter_async_context(processes)
            histories = await begin(stack, processes)
            await histories.go_on(5)
            await asyncio.to_thread(send_signal, made, ports[0], "KILL")
            await histories.go_on(10)
            await histories.end()
            report(histories)


def report(histories: Histories, say: Callable[[str], None] = print) -> None:
    """What was asked, and how long the longest wait for any answer was."""
    made = histories.made
    say(f"\n{sum(each.steps for each in made)} changes, {sum(each.asked for each in made)} reads, ")
    say(f"{sum(each.refused for each in made)} calls repeated, the longest {max(each.waited_s for each in made):.1f} s")
