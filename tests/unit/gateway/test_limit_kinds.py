"""The kinds of limits keep apart from where they are raised to the client: later, too large, over quota."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from services.gateway.errors import failure, failure_response
from services.kit import errors
from services.kit.health.grpc_health import Health
from services.kit.transport import rpc
from services.kit.transport.connections import message_max_bytes
from services.pb import memory_pb2, memory_pb2_grpc

KINDS = [errors.RateLimited, errors.TooLarge, errors.OverQuota]


class Refusing(memory_pb2_grpc.MemoryServicer):
    """Answers every call by what it is told to."""

    def __init__(self, behave: Callable[[], memory_pb2.StatsResponse]) -> None:
        self._behave = behave

    async def Stats(self, *_: object) -> memory_pb2.StatsResponse:  # noqa: N802
        return self._behave()


async def error_of(directory: Path, behave: Callable[[], memory_pb2.StatsResponse]) -> BaseException:
    """What a caller of that service meets."""
    address = f"unix:{directory}/refusing"

    def register(server: rpc.Server) -> None:
        memory_pb2_grpc.add_MemoryServicer_to_server(Refusing(behave), server)  # type: ignore[abstract]  # what the test calls

    async with (
        rpc.open_server(address, register, Health("segue.memory.v1.Memory"), drain_s=0),
        rpc.open_channel(address) as channel,
    ):
        stub = memory_pb2_grpc.MemoryStub(channel)
        with pytest.raises(errors.ServiceError) as caught:
            await rpc.call(stub.Stats, memory_pb2.StatsRequest(), user="ada", timeout_s=5)
        return caught.value


@pytest.mark.parametrize("kind", KINDS)
async def test_a_limit_is_of_its_kind_at_the_caller(tmp_path: Path, kind: type[errors.LimitExceeded]) -> None:
    def refuse() -> memory_pb2.StatsResponse:
        raise kind("Too much.", "The way out.")

    error = await error_of(tmp_path, refuse)
    assert type(error) is kind
    assert isinstance(error, errors.LimitExceeded)
    assert error.suggestions == ("The way out.",)


async def test_an_answer_that_no_call_carries_is_too_large_and_says_nothing_of_grpc(tmp_path: Path) -> None:
    error = await error_of(tmp_path, lambda: memory_pb2.StatsResponse(degraded=["x" * message_max_bytes]))
    assert type(error) is errors.TooLarge
    assert "Sent message" not in error.message


@pytest.mark.parametrize(
    ("kind", "status", "reason", "retry_after"),
    [
        (errors.RateLimited, 429, "later", "1"),
        (errors.TooLarge, 413, "too_large", None),
        (errors.OverQuota, 403, "over_quota", None),
    ],
)
def test_only_what_passes_with_time_asks_to_be_repeated(
    kind: type[errors.LimitExceeded], status: int, reason: str, retry_after: str | None
) -> None:
    answer = failure_response(kind("Too much."))
    content = json.loads(bytes(answer.body))
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry_after)
    assert (content["error_code"], content["reason"]) == ("LIMIT_EXCEEDED", reason)
    assert ("retry_after_s" in content) == (retry_after is not None)


def test_other_errors_have_no_kind_of_limit() -> None:
    assert "reason" not in failure(errors.InvalidInput("Wrong."))


def test_every_limit_that_is_raised_is_of_a_kind() -> None:
    sources = Path(errors.__file__).parents[1].rglob("*.py")
    assert [
        str(path) for path in sources if 'LimitExceeded("' in path.read_text() or "LimitExceeded(f" in path.read_text()
    ] == []
