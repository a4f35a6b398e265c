"""Search replicas, which own nothing, beside the memory service that writes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from pydantic import SecretStr

from services.kit.encryption.key_file import generate_key
from services.kit.errors import InvalidInput, NotReady
from services.kit.transport import rpc
from services.memory.app import open_memory
from services.memory.config import MemorySettings
from services.memory.search_app import open_search
from services.memory.storage.postgres.server.database import Address
from services.memory.storage.postgres.store import open_postgres_reader
from services.pb import memory_pb2
from services.pb.memory_pb2_grpc import MemoryStub, SearchStub
from tests.patience import PATIENCE_S
from tests.servers.postgres import database_of, shared_server
from tests.unit.memory.replica_history import History


def settings_of(home: Path, name: str, **settings: object) -> MemorySettings:
    """Of a process of the tests; without a model, so that it starts at once."""
    return MemorySettings(
        address=f"in-process:{name}@{home}",
        directory=home / name,
        model_build=False,
        database_url=database_of(home),
        **settings,  # type: ignore[arg-type]  # pydantic reads them
    )


@asynccontextmanager
async def opened(home: Path, count: int, **settings: object) -> AsyncIterator[tuple[MemoryStub, list[SearchStub]]]:
    """A memory service that answers no searches, and replicas."""
    async with AsyncExitStack() as stack:
        memory = settings_of(home, "memory", serve="memory", **settings)
        await stack.enter_async_context(open_memory(memory))
        replicas = []
        for number in range(count):
            replica = settings_of(home, f"search{number}", serve="search", **settings)
            await stack.enter_async_context(open_search(replica))
            replicas.append(SearchStub(await stack.enter_async_context(rpc.open_channel(replica.address))))
        yield MemoryStub(await stack.enter_async_context(rpc.open_channel(memory.address))), replicas


async def test_any_replica_finds_all_that_was_acknowledged_and_nothing_that_was_deleted(tmp_path: Path) -> None:
    async with opened(tmp_path, 3) as (memory, replicas):
        history = History("g", 7, memory, replicas)
        for _ in range(15):
            await history.step()
    assert history.gone
    assert not history.refused
    assert names_in(tmp_path) == ["memory"]  # a replica keeps no files


async def test_where_replicas_answer_searches_the_memory_service_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, 0) as (memory, _):
        with pytest.raises(NotReady, match="search replicas do"):
            await call(memory.Search, memory_pb2.SearchRequest(query="otter", limit=1))
        assert (await call(memory.Check, memory_pb2.CheckRequest())).parts["database"].status == "healthy"


async def test_a_replica_knows_at_once_which_projects_are_linked(tmp_path: Path) -> None:
    request = memory_pb2.SearchRequest(query="heron", limit=5, project="pond", include_related_projects=True)
    link = memory_pb2.Link(source="pond", target="river", type="related")
    async with opened(tmp_path, 1) as (memory, (replica,)):
        for project in ("pond", "river"):
            await store(memory, f"A heron stands in the {project}", project)
        assert await found(replica, request) == ["A heron stands in the pond"]
        await call(memory.LinkProjects, link)
        assert len(await found(replica, request)) == 2
        await call(memory.UnlinkProjects, memory_pb2.UnlinkRequest(source="pond", target="river"))
        assert await found(replica, request) == ["A heron stands in the pond"]


async def test_a_replica_reads_what_is_sealed_with_the_key_alone(tmp_path: Path) -> None:
    key = tmp_path / "key"
    generate_key(key)
    async with opened(tmp_path, 1, encryption_key_file=key) as (memory, (replica,)):
        await store(memory, "The heron stands in the pond", "p")
        request = memory_pb2.SearchRequest(query="heron", limit=5)
        assert await found(replica, request) == ["The heron stands in the pond"]
        with pytest.raises(NotReady, match="in PostgreSQL are encrypted"):
            async with open_search(settings_of(tmp_path, "other", serve="search")):
                pass


async def test_a_replica_waits_for_the_schema_and_holds_no_lease(tmp_path: Path) -> None:
    server = shared_server()
    name = f"empty_{hashlib.sha256(bytes(tmp_path)).hexdigest()[:16]}"
    server.run(f"CREATE DATABASE {name}")
    empty = {"database_url": SecretStr(server.url(name))}
    replica = settings_of(tmp_path, "search", serve="search").model_copy(update=empty)
    memory = settings_of(tmp_path, "memory").model_copy(update=empty)
    async with AsyncExitStack() as stack:
        opening = asyncio.create_task(stack.enter_async_context(open_search(replica)))
        async with open_memory(memory), rpc.open_channel(memory.address) as channel:
            await store(MemoryStub(channel), "The heron stands in the pond", "p")
            await opening
            reading = SearchStub(await stack.enter_async_context(rpc.open_channel(replica.address)))
            request = memory_pb2.SearchRequest(query="heron", limit=5)
            assert await found(reading, request) == ["The heron stands in the pond"]
            assert len(server.run("SELECT * FROM leases", name)) == 1
        assert server.run("SELECT * FROM leases", name) == []
        assert await found(reading, request) == ["The heron stands in the pond"]


async def test_the_store_of_a_replica_changes_nothing(tmp_path: Path) -> None:
    address = Address(database_of(tmp_path))
    async with open_postgres_reader(address, lambda _: None, sealed=False) as store:
        assert await store.upkeep("any") is None
        with pytest.raises(NotReady, match="only reads"):
            await store.keep_upkeep("any", "value")


async def test_a_replica_answers_as_the_memory_service_does(tmp_path: Path) -> None:
    """All of its methods; so none of them writes, which the store of a replica refuses."""
    async with AsyncExitStack() as stack:
        settings = settings_of(tmp_path, "memory"), settings_of(tmp_path, "search", serve="search")
        await stack.enter_async_context(open_memory(settings[0]))
        await stack.enter_async_context(open_search(settings[1]))
        channels = [await stack.enter_async_context(rpc.open_channel(each.address)) for each in settings]
        memory, stubs = MemoryStub(channels[0]), [SearchStub(each) for each in channels]
        for number in range(12):
            await store(memory, f"Decided: the otter {number} uses den {number} instead of the bank", "p")
        listed = await same(stubs, "List", memory_pb2.ListRequest(limit=5))
        first = await same(stubs, "List", memory_pb2.ListRequest(limit=5, cursor=listed.next_cursor))
        name = first.memories[0].id
        search = memory_pb2.SearchRequest(query="otter den", limit=3, paged=True, facets=True)
        for stub in stubs:
            page = await call(stub.Search, search)
            more = await call(stub.More, memory_pb2.MoreRequest(cursor=page.next_cursor, limit=3))
            assert len(page.results) == len(more.results) == 3
        search.paged = False
        assert len((await same(stubs, "Search", search)).results) == 3
        await same(stubs, "Explain", memory_pb2.ExplainRequest(search=search, id=name))
        await same(stubs, "Get", memory_pb2.GetRequest(id=name, neighbours=2))
        await same(stubs, "ListProposedReplacements", memory_pb2.ListProposedReplacementsRequest(limit=5))
        assert (await call(stubs[1].Check, memory_pb2.CheckRequest())).parts["database"].status == "healthy"


async def same(stubs: Sequence[SearchStub], method: str, request: Message) -> Any:
    """The answer of both, which has the same memories in the same order."""
    answers = [await call(getattr(stub, method), request) for stub in stubs]
    first, second = [[each.memory.id for each in getattr(answer, "results", ())] for answer in answers]
    assert first == second
    if not first:  # what has scores has them of its moment
        assert answers[0] == answers[1]
    return answers[0]


async def test_a_replica_needs_postgresql_and_cells(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "search", serve="search")
    with pytest.raises(NotReady, match="need the memories in PostgreSQL"):
        async with open_search(settings.model_copy(update={"database_url": SecretStr("")})):
            pass
    with pytest.raises(InvalidInput, match="SEGUE_MEMORY_CELLS_MB"):
        async with open_search(settings.model_copy(update={"cells_mb": 0})):
            pass


def names_in(directory: Path) -> list[str]:
    return [each.name for each in directory.iterdir()]


async def call(method: Any, request: Message) -> Any:
    return await rpc.call(method, request, user="ada", timeout_s=PATIENCE_S)


async def store(memory: MemoryStub, content: str, project: str) -> None:
    new = memory_pb2.NewMemory(content=content, kind=memory_pb2.KIND_REFLECTION, project=project)
    new.timestamp.GetCurrentTime()
    await call(memory.Store, memory_pb2.StoreRequest(memories=[new]))


async def found(replica: SearchStub, request: memory_pb2.SearchRequest) -> list[str]:
    return [each.memory.content for each in (await call(replica.Search, request)).results]


def test_no_standby_is_asked_unless_the_url_says_so() -> None:
    assert Address("postgresql://db1,db2/segue").leader_only == {"target_session_attrs": "read-write"}
    assert not Address("postgresql://db1,db2/segue?target_session_attrs=any").leader_only
