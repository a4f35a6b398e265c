"""Kafka by a real broker, and by the mock cluster that comes with librdkafka."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from services.integration.config import IntegrationSettings
from services.integration.sinks import kafka
from services.integration.sinks.kafka import KafkaSink, producer_settings
from services.kit.errors import NotReady
from services.kit.events.outbox import OutgoingEvent, outgoing
from tests.unit.integration.sinks.brokers import TOPIC, first_of_each, free_port, messages, mock_cluster, tansu

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def event(number: int, user: str = "ada") -> OutgoingEvent:
    return outgoing("session.ended", user, NOW, {"checkpoints": number}, f"{user}-{number}")


EVENTS = [event(number, user) for number in range(100) for user in ("ada", "bob", "eve")]


@asynccontextmanager
async def sink(servers: str, **settings: object) -> AsyncIterator[KafkaSink]:
    given = IntegrationSettings(kafka_servers=servers, **settings)  # type: ignore[arg-type]
    found = KafkaSink(TOPIC, producer_settings(given))
    try:
        yield found
    finally:
        await found.close()


async def send_all(found: KafkaSink, events: list[OutgoingEvent]) -> None:
    """As a delivery does."""
    while events:
        events = events[(await found.send(events)).delivered :]


async def test_events_are_cloud_events_in_binary_mode_and_in_order_for_each_user() -> None:
    with mock_cluster() as servers:
        async with sink(servers) as found:
            await send_all(found, EVENTS)
        received = await asyncio.to_thread(messages, servers, lambda its: len(its) == len(EVENTS))
    assert len({each.id for each in received}) == len(EVENTS), "an idempotent producer repeats nothing"
    for user in ("ada", "bob", "eve"):
        its = [each for each in received if each.key == user]
        assert [json.loads(each.value)["checkpoints"] for each in its] == list(range(100))
        assert len({each.partition for each in its}) == 1
    one = next(each for each in received if each.id == "ada-0")
    assert one.headers["ce_type"] == "dev.segue.session.ended.v1"
    assert one.headers["ce_specversion"] == "1.0"
    assert one.headers["content-type"] == "application/json"


async def test_a_real_broker_without_idempotence_that_is_killed_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "flush_s", 1.0)
    with tansu() as broker:
        async with sink(broker.servers, kafka_idempotent=False) as found:
            await send_all(found, EVENTS[:150])
            before = await asyncio.to_thread(messages, broker.servers, lambda its: len(its) >= 150)
            broker.kill()
            outcome = await found.send(EVENTS[150:])
            assert (outcome.delivered, outcome.trouble, outcome.is_refusal) == (0, "Kafka does not answer", False)
            await asyncio.to_thread(broker.start)
            await asyncio.wait_for(send_all(found, EVENTS[150:]), 120)
            after = await asyncio.to_thread(messages, broker.servers, lambda its: len(first_of_each(its)) >= 150)
    received = first_of_each([*before, *after])
    for user in ("ada", "bob", "eve"):
        assert [each.id for each in received if each.key == user] == [f"{user}-{number}" for number in range(100)]


async def test_a_broker_that_is_away_takes_nothing_and_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "flush_s", 0.3)
    async with sink(f"127.0.0.1:{free_port()}") as found:
        for _ in range(3):
            outcome = await found.send(EVENTS[:10])
            assert (outcome.delivered, outcome.is_refusal) == (0, False)


async def test_what_is_too_large_is_refused_by_itself() -> None:
    with mock_cluster() as servers:
        settings = producer_settings(IntegrationSettings(kafka_servers=servers)) | {"message.max.bytes": 1000}
        found = KafkaSink(TOPIC, settings)
        big = outgoing("memory.stored", "ada", NOW, {"ids": ["m" * 90] * 50}, "big")
        outcome = await found.send([event(0), big, event(1)])
        assert outcome.is_refusal
        await found.close()


async def test_settings_that_librdkafka_refuses_are_said_without_their_values() -> None:
    found = KafkaSink(TOPIC, {"bootstrap.servers": "x:1", "security.protocol": "secret-word"})
    with pytest.raises(NotReady) as refused:
        await found.send([event(0)])
    assert "secret-word" not in refused.value.message
    await found.close()


@pytest.mark.slow
def test_the_service_without_kafka_does_not_import_it() -> None:
    code = "import sys, services.integration.app, services.embedded; print('confluent_kafka' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"


def test_passwords_and_certificates_go_where_librdkafka_expects_them() -> None:
    given = IntegrationSettings(
        kafka_servers="k:9093",
        kafka_security="SASL_SSL",
        kafka_username="segue",
        kafka_password="pass-phrase",
        kafka_ca_file="/etc/ca.pem",
    )
    found = producer_settings(given)
    assert found["security.protocol"] == "SASL_SSL"
    assert (found["sasl.mechanism"], found["sasl.password"]) == ("SCRAM-SHA-512", "pass-phrase")
    assert found["ssl.ca.location"] == "/etc/ca.pem"
    assert "pass-phrase" not in repr(given)
