"""Every dependency may come late, go, and come back: real processes, and a real Redis, in any order."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.error import HTTPError

import pytest
from fastmcp import Client
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.kit.errors import Unavailable
from services.kit.health import grpc_health
from services.kit.transport import rpc
from services.memory.app import open_memory
from services.memory.config import MemorySettings
from services.pb import memory_pb2, session_pb2
from services.pb.memory_pb2_grpc import MemoryStub
from tests.integration.stack import ROOT, free_port
from tests.patience import PATIENCE_S
from tests.session_service import open_service


async def until(found: Callable[[], Awaitable[Any]], what: str) -> None:
    """Waits until `found` says yes."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await found():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what} did not come in time") from None


# --- the services, as the gateway sees them -----------------------------------------------------


class Fleet:
    """Each service in a process of its own, on unix sockets."""

    def __init__(self, home: Path, model: Path) -> None:
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        address = {name: f"unix:{home}/{name}.sock" for name in ("session", "memory", "quality")}
        self._environment = {
            "SEGUE_GATEWAY_PORT": str(self.port),
            "SEGUE_MEMORY_MODEL_DIRECTORY": str(model),
            **{f"SEGUE_GATEWAY_{name.upper()}_TARGET": each for name, each in address.items()},
            **{f"SEGUE_{name.upper()}_ADDRESS": each for name, each in address.items()},
            **{f"SEGUE_{name.upper()}_DIRECTORY": str(home / name) for name in address},
        }

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", f"services.{name}"]
        environment = os.environ | self._environment
        self.processes[name] = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """What `/ready` answers; 0 while nothing does."""

        def ask() -> tuple[int, dict[str, Any]]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready") as answer:
                    return 200, json.load(answer)
            except HTTPError as error:
                return error.code, json.load(error)
            except OSError:
                return 0, {}

        return await asyncio.to_thread(ask)

    async def is_as(self, *missing: str, degraded: tuple[str, ...] = ()) -> bool:
        """Whether `/ready` says that just these are away."""
        status, answer = await self.ready()
        gone = [f"{name}: does not answer" for name in missing]
        less = [f"{name}: does not answer" for name in degraded]
        return status == (503 if missing else 200) and answer["missing"] == gone and answer["degraded"] == less

    async def code(self, tool: str, **arguments: Any) -> str:
        """What the tool fails with; empty where it does not."""
        async with Client(f"http://127.0.0.1:{self.port}/mcp") as mcp:
            result = await mcp.call_tool(tool, arguments, raise_on_error=False)
        return str((result.structured_content or {}).get("error_code", ""))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path_factory.mktemp("fleet"), model_directory)
    yield made
    for name in list(made.processes):
        made.kill(name)


Call: TypeAlias = tuple[str, dict[str, Any]]
REMEMBER: Call = ("store_reflection", {"content": "The heron stands on one leg."})
FIND: Call = ("reflect_on_past", {"query": "heron"})
SESSIONS: Call = ("list_sessions", {})
QUALITY: Call = ("quality_history", {"project": "heron"})
REMEMBER_IN: Call = ("store_reflection", {"content": "The heron has caught a fish.", "project": "heron"})
FIND_IN: Call = ("reflect_on_past", {"query": "heron", "project": "heron"})
DELETE_IN: Call = ("delete_conversations", {"project": "heron"})


@pytest.fixture
async def whole(fleet: Fleet) -> Fleet:
    """The fleet, of which all services run."""
    for name in {"gateway", "memory", "session", "quality"} - set(fleet.processes):
        fleet.start(name)
    await until(fleet.is_as, "the fleet")
    return fleet


@pytest.mark.slow
async def test_services_may_start_in_any_order(fleet: Fleet) -> None:
    for name in list(fleet.processes):
        fleet.kill(name)
    fleet.start("gateway")
    await until(lambda: fleet.is_as("session", "memory", degraded=("quality",)), "the gateway")
    fleet.start("memory")
    await until(lambda: fleet.is_as("session", degraded=("quality",)), "memory")
    assert not await fleet.code(REMEMBER[0], **REMEMBER[1])
    assert await fleet.code(SESSIONS[0]) == "SESSION_UNAVAILABLE"
    fleet.start("session")
    await until(lambda: fleet.is_as(degraded=("quality",)), "session")
    fleet.start("quality")
    await until(fleet.is_as, "quality")
    for tool, arguments in (FIND, SESSIONS, QUALITY):
        assert not await fleet.code(tool, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gone", "failing", "working"),
    [
        ("memory", FIND, [SESSIONS, QUALITY]),
        ("session", SESSIONS, [REMEMBER, FIND, REMEMBER_IN, FIND_IN, QUALITY]),
        ("session", DELETE_IN, [FIND]),  # of which of several projects of that name?
        ("quality", QUALITY, [FIND, SESSIONS]),
    ],
)
async def test_without_a_service_the_others_go_on_and_it_may_come_back(
    whole: Fleet, gone: str, failing: Call, working: list[Call]
) -> None:
    whole.kill(gone)
    assert await whole.code(failing[0], **failing[1]) == f"{gone.upper()}_UNAVAILABLE"
    for tool, arguments in working:
        assert not await whole.code(tool, **arguments)
    away = {"degraded": (gone,)} if gone == "quality" else {}
    assert await whole.is_as(*([] if away else [gone]), **away)
    whole.start(gone)
    await until(whole.is_as, gone)
    assert not await whole.code(failing[0], **failing[1])


# --- Redis, as the services see it --------------------------------------------------------------


class Redis:
    """A real Redis on a port of its own, which is not there until it is started."""

    def __init__(self) -> None:
        self.name, self.port = f"segue-test-redis-{secrets.token_hex(3)}", free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def create(self) -> None:
        keeping = ("redis-server", "--appendonly", "yes", "--appendfsync", "always")
        _docker(
            "run", "--detach", "--name", self.name, "--publish", f"127.0.0.1:{self.port}:6379", "redis:8.0", *keeping
        )

    def kill(self) -> None:
        _docker("kill", self.name)

    def start(self) -> None:
        _docker("start", self.name)


def _docker(*arguments: str) -> None:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def redis() -> Iterator[Redis]:
    made = Redis()
    yield made
    subprocess.run(["docker", "rm", "--force", "--volumes", made.name], capture_output=True, check=False)


@pytest.mark.containers
async def test_a_session_service_waits_for_redis_and_outlives_it(redis: Redis, tmp_path: Path) -> None:
    async with open_service(tmp_path, redis_url=redis.url, redis_timeout_s=0.5) as client, health(tmp_path) as is_ready:
        assert not await is_ready()
        with pytest.raises(Unavailable):
            await client.start()
        redis.create()
        await until(is_ready, "Redis, which was late")
        session = await client.start()
        redis.kill()
        await until(negated(is_ready), "that Redis is away")
        with pytest.raises(Unavailable):
            await client.start("/work/b")
        redis.start()
        await until(is_ready, "Redis, which was away")
        which = session_pb2.Which(session_id=session.id)
        assert (await client(session_pb2.GetRequest(which=which))).session.id == session.id


@asynccontextmanager
async def health(directory: Path) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Whether the session service is ready, by its name; it is alive all the while."""
    async with rpc.open_channel(f"unix:{directory}/session.sock") as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        async def says(name: str) -> bool:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        async def is_ready() -> bool:
            assert await says(grpc_health.LIVENESS)
            ready = await says("segue.session.v1.Session")
            # Between the two questions it may have become unready: then the first has another answer by now.
            assert not ready or await says("") or not await says("segue.session.v1.Session")
            return ready

        yield is_ready


def negated(is_so: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
    async def is_not() -> bool:
        return not await is_so()

    return is_not


@pytest.mark.containers
async def test_memory_answers_without_its_cache_and_says_so(
    redis: Redis, tmp_path: Path, model_directory: Path
) -> None:
    address = f"unix:{tmp_path}/memory.sock"
    settings = MemorySettings(
        address=address, directory=tmp_path / "memory", model_directory=model_directory, redis_url=redis.url
    )
    async with open_memory(settings), rpc.open_channel(address) as channel:
        stub = MemoryStub(channel)

        async def call(method: Any, request: Any) -> Any:
            return await rpc.call(method, request, user="ada", timeout_s=30)

        async def cache() -> str:
            answer = await call(stub.Check, memory_pb2.CheckRequest())
            return str(answer.parts["cache"].status)

        async def is_well() -> bool:
            return await cache() == "healthy"

        new = memory_pb2.NewMemory(content="The heron stands on one leg.", kind=memory_pb2.KIND_REFLECTION)
        new.timestamp.GetCurrentTime()
        for away in (None, redis.kill):
            if away:
                away()
            assert await cache() == "degraded"
            await call(stub.Store, memory_pb2.StoreRequest(memories=[new]))
            found = await call(stub.Search, memory_pb2.SearchRequest(query="heron", limit=1))
            assert found.total_found == 1
            assert not await grpc_health.trouble(channel)  # less is not nothing
            redis.start() if away else redis.create()
            await until(is_well, "the cache")
