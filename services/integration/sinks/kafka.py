"""Kafka: one topic for all events, whose key is the user, so that each user's are in order; binary mode.

librdkafka does the work in threads of its own; this imports it when it is used, and only then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from services.integration.config import IntegrationSettings
from services.integration.domain.cloud_events import data_bytes, kafka_headers
from services.integration.sinks import Outcome
from services.kit.errors import NotReady
from services.kit.events.outbox import OutgoingEvent

flush_s = 10.0
"""How long a batch may take before the broker counts as away; it stays in librdkafka's queue, in its order."""
flush_step_s = 0.2


def producer_settings(settings: IntegrationSettings) -> dict[str, Any]:
    """librdkafka's settings: nothing is reordered, and nothing expires."""
    found: dict[str, Any] = {
        "bootstrap.servers": settings.kafka_servers,
        "client.id": "segue",
        "security.protocol": settings.kafka_security,
        "acks": "all",
        "message.timeout.ms": 0,
        "retry.backoff.ms": 100,
        "retry.backoff.max.ms": 5000,
        "reconnect.backoff.max.ms": 5000,
        "socket.keepalive.enable": True,
        "linger.ms": 5,
        "log_level": 0,
        "partitioner": "murmur2_random",
        "compression.type": "none",
    }
    found |= {"enable.idempotence": True} if settings.kafka_idempotent else {"max.in.flight": 1, "retries": 2**31 - 1}
    files = {
        "ssl.ca.location": settings.kafka_ca_file,
        "ssl.certificate.location": settings.kafka_certificate_file,
        "ssl.key.location": settings.kafka_key_file,
    }
    found |= {name: str(path.expanduser()) for name, path in files.items() if path}
    if settings.kafka_security.startswith("SASL"):
        found |= {
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_username,
            "sasl.password": settings.kafka_password.get_secret_value(),
        }
    return found


class Batch:
    """Events on their way, and which of them the broker has acknowledged."""

    def __init__(self, events: Sequence[OutgoingEvent]) -> None:
        self._ids = [event.id for event in events]
        self._is_done = [False] * len(events)
        self._settled = 0
        self.error = ""

    def callback(self, place: int) -> Callable[[Any, Any], None]:
        """What librdkafka calls once it knows what became of the event at `place`."""

        def note(error: Any, _: Any) -> None:
            if error is None:
                self._is_done[place] = True
            elif not self.error:
                self.error = str(error.name())

        return note

    @property
    def missing(self) -> Sequence[str]:
        """The ids of those that are not settled."""
        return self._ids[self._settled :]

    def settle(self) -> int:
        """Settles the first ones that are acknowledged, and returns how many those are."""
        before = self._settled
        while self._settled < len(self._ids) and self._is_done[self._settled]:
            self._settled += 1
        return self._settled - before


class KafkaSink:
    """`Sink` on a Kafka producer, used by one thread. Close it with `close`."""

    name = "kafka"
    batch_max = 500

    def __init__(self, topic: str, settings: Mapping[str, Any]) -> None:
        self._topic = topic
        self._settings = dict(settings)
        self._producer: Any = None
        self._batch: Batch | None = None
        self._is_closing = False
        self._thread = ThreadPoolExecutor(1, "kafka-sink")

    async def send(self, events: Sequence[OutgoingEvent]) -> Outcome:
        """See Sink."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._send, events)

    def _send(self, events: Sequence[OutgoingEvent]) -> Outcome:
        batch = self._batch
        if batch is None or [event.id for event in events[: len(batch.missing)]] != batch.missing:
            batch = self._begin(events)
        self._flush()
        delivered = batch.settle()
        if batch.error:
            self._forget()  # what is behind it must not overtake it
            return Outcome(delivered, f"Kafka refuses it ({batch.error})", batch.error in _refusals)
        if batch.missing:
            return Outcome(delivered, "Kafka does not answer")
        self._batch = None
        return Outcome(delivered)

    def _flush(self) -> None:
        """Until the batch is through, or a while has passed, or the service leaves."""
        end = time.monotonic() + flush_s
        while self._producer.flush(flush_step_s) and time.monotonic() < end and not self._is_closing:
            pass

    def _begin(self, events: Sequence[OutgoingEvent]) -> Batch:
        if self._batch:
            self._forget()
        if self._producer is None:
            self._producer = _producer(self._settings)
        self._batch = batch = Batch(events)
        for place, event in enumerate(events):
            if not self._produce(event, batch, place):
                break
        return batch

    def _produce(self, event: OutgoingEvent, batch: Batch, place: int) -> bool:
        from confluent_kafka import KafkaException

        try:
            self._producer.produce(
                self._topic,
                key=event.user.encode(),
                value=data_bytes(event),
                headers=kafka_headers(event),
                timestamp=int(event.at.timestamp() * 1000),
                on_delivery=batch.callback(place),
            )
        except KafkaException as error:  # it is too large, say
            batch.error = str(error.args[0].name())
            return False
        return True

    def _forget(self) -> None:
        """Drops the producer with all that is on its way."""
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(1)
        self._producer, self._batch = None, None

    async def close(self) -> None:
        """What is on its way may or may not arrive, and is sent again at the next start."""
        self._is_closing = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._forget)
        self._thread.shutdown()


_refusals = frozenset({"MSG_SIZE_TOO_LARGE", "INVALID_MSG", "INVALID_RECORD", "_BAD_MSG"})
"""Errors of one message; all others concern the topic or the broker."""


def _producer(settings: Mapping[str, Any]) -> Any:
    try:
        from confluent_kafka import KafkaException, Producer  # 50 MB, for those who have a Kafka
    except ImportError as error:
        raise NotReady(
            "Events cannot be sent to Kafka: the package confluent-kafka is missing.",
            "Install segue with the extra `kafka`.",
        ) from error
    silent = logging.getLogger("segue.librdkafka")  # it names addresses, again and again
    silent.disabled = True
    try:
        return Producer(dict(settings), logger=silent)
    except KafkaException as error:
        raise NotReady(f"Kafka's settings are refused: {error.args[0].name()}.") from error
