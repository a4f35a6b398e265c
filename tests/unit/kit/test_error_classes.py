"""Every error that a service may raise reaches its caller: over gRPC as what it is, by MCP and HTTP with a code."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import services
from services.gateway.errors import CODE, STATUS, failure, status_of, text_of
from services.kit import errors
from services.kit.encryption.vault import SealBroken
from services.kit.health.grpc_health import Health
from services.kit.transport import rpc
from services.pb import memory_pb2, memory_pb2_grpc


def every_module() -> None:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def descendants(kind: type[errors.ServiceError]) -> Iterator[type[errors.ServiceError]]:
    for each in kind.__subclasses__():
        yield each
        yield from descendants(each)


every_module()
CLASSES = sorted(
    {each for each in descendants(errors.ServiceError) if each.__module__.startswith("services.")}, key=str
)
every_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)


class Failing(memory_pb2_grpc.MemoryServicer):
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def Usage(self, _: Any, __: Any) -> memory_pb2.UsageResponse:  # noqa: N802  # the rpc's name
        raise self._error

    async def Backup(self, _: Any, __: Any) -> memory_pb2.BackupResponse:  # noqa: N802  # the rpc's name
        raise self._error


@asynccontextmanager
async def serving(error: Exception, directory: Path) -> AsyncIterator[memory_pb2_grpc.MemoryStub]:
    address = f"unix:{directory}/s"

    def register(server: Any) -> None:
        memory_pb2_grpc.add_MemoryServicer_to_server(Failing(error), server)  # type: ignore[abstract]  # what the test calls

    async with rpc.open_server(address, register, Health("test"), drain_s=0), rpc.open_channel(address) as channel:
        yield memory_pb2_grpc.MemoryStub(channel)


async def caught(error: Exception, directory: Path) -> Exception:
    async with serving(error, directory) as stub:
        with pytest.raises(Exception, match=r".") as raised:
            await rpc.call(stub.Usage, memory_pb2.UsageRequest(), user="ada", timeout_s=5)
    return raised.value


def test_there_are_classes_beyond_the_table() -> None:
    assert len(CLASSES) > len(rpc.STATUS)
    assert SealBroken in CLASSES


@every_class
async def test_what_is_raised_is_what_the_caller_catches(kind: type[errors.ServiceError], tmp_path: Path) -> None:
    arrived = await caught(kind("What happened.", "The way out."), tmp_path)
    nearest = next(each for each in kind.__mro__ if each in rpc.STATUS)
    assert type(arrived) is nearest
    if nearest is not errors.DeadlineExceeded:  # gRPC raises it by itself as well, and without our words
        assert isinstance(arrived, errors.ServiceError)
        assert (arrived.message, arrived.suggestions) == ("What happened.", ("The way out.",))


async def test_what_cannot_be_unsealed_says_to_restore_a_backup(tmp_path: Path) -> None:
    arrived = await caught(SealBroken("A memory is not as it was stored.", "Restore a backup."), tmp_path)
    content = failure(arrived)
    assert content["error_code"] == "MEMORY_UNAVAILABLE"
    assert text_of(content).endswith("\nRestore a backup.")


async def test_a_bug_says_only_where_to_find_it(tmp_path: Path) -> None:
    arrived = await caught(ValueError("the secret text"), tmp_path)
    assert type(arrived) is rpc.Internal
    content = failure(arrived)
    assert content["error_code"] == "INTERNAL"
    assert "secret" not in str(content)
    assert str(arrived) in text_of(content)


@every_class
def test_every_class_has_a_code_a_status_and_a_way_out(kind: type[errors.ServiceError]) -> None:
    content = failure(kind("What happened."))
    assert content["error_code"] in {*CODE.values()}
    assert 400 <= status_of(kind("x"), content["error_code"]) < 600
    assert content["suggestions"]


def test_a_status_is_503_for_services_that_do_not_answer_alone() -> None:
    assert {code for code in CODE.values() if code not in STATUS} == {"MEMORY_UNAVAILABLE"}


@pytest.mark.parametrize("count", [0, 1, 4, 5, 40])
def test_a_text_has_at_most_five_lines_and_all_that_was_said(count: int) -> None:
    tips = [f"tip {number}\nof two lines" for number in range(count)]
    text = text_of({"error_code": "CONFLICT", "error": "one\ntwo", "suggestions": tips})
    assert len(text.splitlines()) <= 5
    assert text.startswith("CONFLICT: one two")
    assert all(f"tip {number} of two lines" in text for number in range(count))
