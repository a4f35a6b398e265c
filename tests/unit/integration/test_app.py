"""The service whole, with a session store behind it: its health, and what it says of sinks that are away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.integration.app import open_integration
from services.integration.config import IntegrationSettings
from services.kit.transport import rpc
from services.pb import events_pb2, events_pb2_grpc
from tests.patience import PATIENCE_S
from tests.unit.integration.sinks.brokers import free_port


async def test_what_is_away_is_said_and_nothing_waits_for_it(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/i.sock"
    settings = IntegrationSettings(
        address=address,
        directory=tmp_path / "integration",
        session_target=f"127.0.0.1:{free_port()}",
        memory_target=f"127.0.0.1:{free_port()}",
        quality_target=f"127.0.0.1:{free_port()}",
        webhook_urls=f"http://127.0.0.1:{free_port()}/ http://[::1]:1/",
        webhook_secret="s" * 24,
    )
    async with open_integration(settings), rpc.open_channel(address) as channel:
        stub = events_pb2_grpc.IntegrationStub(channel)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await rpc.call(stub.Health, events_pb2.HealthRequest(), user="ada", timeout_s=10)
                if answer.parts["events of session"].status == "degraded":
                    break
                await asyncio.sleep(0.05)
        assert answer.parts["log"].status == "healthy"
        assert sum(name.startswith("webhook-") for name in answer.parts) == 2
        listed = await rpc.call(stub.ListEvents, events_pb2.ListEventsRequest(), user="ada", timeout_s=10)
        assert list(listed.events) == []
    assert (tmp_path / "integration").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook_urls": "https://example.com"},
        {"webhook_urls": "https://example.com", "webhook_secret": "short"},
        {"webhook_urls": "ftp://example.com", "webhook_secret": "s" * 24},
        {"webhook_urls": "https://user:word@example.com/", "webhook_secret": "s" * 24},
        {"webhook_urls": "example.com", "webhook_secret": "s" * 24},
        {"kafka_security": "NONE"},
        {"events_max": 1},
    ],
)
def test_settings_that_could_not_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        IntegrationSettings(**wrong)  # type: ignore[arg-type]


def test_it_is_wanted_only_where_somebody_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not IntegrationSettings().is_wanted
    monkeypatch.setenv("SEGUE_INTEGRATION_KAFKA_SERVERS", "kafka:9092")
    assert IntegrationSettings().is_wanted
    monkeypatch.setenv("SEGUE_INTEGRATION_KAFKA_SERVERS", "")
    assert not IntegrationSettings().is_wanted
