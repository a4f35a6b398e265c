"""What a line of the log holds, and what it does not."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from services.kit.errors import InvalidInput
from services.kit.observability.logs import JsonFormatter
from services.kit.observability.providers import providers

SECRET = "the heron's nest"


def line(name: str, message: str, *arguments: object, error: BaseException | None = None) -> dict[str, Any]:
    """The record as it is printed."""
    about = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, arguments, about)
    printed: dict[str, Any] = json.loads(JsonFormatter("memory").format(record))
    return printed


def test_our_own_message_is_told_whole() -> None:
    assert line("services.memory.app", "%s is away", "Redis")["message"] == "Redis is away"


@pytest.mark.parametrize(
    ("message", "arguments", "told"),
    [
        ("Invalid request %s from %s", (SECRET, "client"), "Invalid request %s from %s"),
        (
            f"Task exception was never retrieved\nfuture: <Task exception={SECRET}>",
            (),
            "Task exception was never retrieved",
        ),
        (f"Failed to parse ({SECRET})", (), "Failed to parse"),
        (f"{{'content': '{SECRET}'}}", (), ""),
    ],
)
def test_another_package_s_message_is_told_without_its_values(
    message: str, arguments: tuple[object, ...], told: str
) -> None:
    assert line("asyncio", message, *arguments)["message"] == told


def test_an_error_is_told_by_its_class_and_place_and_not_by_its_text() -> None:
    try:
        int(SECRET)  # says what it was given
    except ValueError as error:
        printed = line("services.memory.app", "it failed", error=error)
    assert printed["error"] == "ValueError"
    assert "test_logs.py" in printed["at"]
    assert SECRET not in json.dumps(printed)


def test_of_a_group_of_errors_the_first_one_within_is_told() -> None:
    try:
        int(SECRET)
    except ValueError as caught:
        group = ExceptionGroup("outer", [ExceptionGroup("inner", [caught]), KeyError(SECRET)])
    told = line("uvicorn.error", "Exception in ASGI application", error=group)
    assert (told["error"], SECRET in json.dumps(told)) == ("ValueError", False)
    assert told["at"].endswith("test_of_a_group_of_errors_the_first_one_within_is_told")


def test_a_protocol_that_is_not_spoken_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    with pytest.raises(InvalidInput, match="grpc"), providers("memory"):
        pass
