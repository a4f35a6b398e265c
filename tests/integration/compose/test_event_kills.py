"""Single containers are killed under load: what was acknowledged reaches Kafka and a webhook, in each user's order."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastmcp import Client

from tests.integration.compose.event_containers import EventContainers, event_containers
from tests.integration.faults import docker
from tests.integration.stack import ComposeStack
from tests.patience import eventually

pytestmark = pytest.mark.containers
USERS = ("ada", "bob")
KILLED = ("integration", "memory", "session", "broker")
kills_each = 2
SETTINGS = {
    "COMPOSE_PROFILES": "events",
    "SEGUE_GATEWAY_AUTH": "tokens",
    "SEGUE_EVENTS_MAX": "100000",
    "SEGUE_INTEGRATION_TARGET": "dns:///integration:50054",
    "SEGUE_INTEGRATION_POLL_S": "0.05",
    "SEGUE_INTEGRATION_KAFKA_SERVERS": "broker:9092",
    "SEGUE_INTEGRATION_KAFKA_IDEMPOTENT": "false",
    "SEGUE_INTEGRATION_WEBHOOK_URLS": "http://receiver:8080/",
    "SEGUE_INTEGRATION_WEBHOOK_SECRET": "s" * 24,
    "SEGUE_INTEGRATION_WEBHOOK_PRIVATE": "true",
}


@dataclass
class Working:
    """What a user does, and which ids they were answered, in order."""

    url: str
    user: str
    token: str
    memories: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)

    async def work(self) -> None:
        """Until cancelled; a call that fails is not acknowledged."""
        number = 0
        while True:
            with suppress(Exception):  # of any class: what it asks was killed under it
                async with Client(self.url, auth=self.token, timeout=20, init_timeout=20) as client:
                    while True:
                        number += 1
                        await self._call(client, number)
            await asyncio.sleep(0.1)

    async def _call(self, client: Client[Any], number: int) -> None:
        if number % 3:
            content = f"The otter {number} of {self.user} swims at {random.random()}."
            made = await client.call_tool("store_reflection", {"content": content, "project": "river"})
            self.memories.append((made.structured_content or {})["reflection_id"])
            return
        begun = await client.call_tool("init", {"working_directory": f"/rivers/of-{self.user}-{number}"})
        self.sessions.append((begun.structured_content or {})["session_id"])


@pytest.fixture(scope="module")
def told() -> Iterator[EventContainers]:
    with ComposeStack(settings=SETTINGS) as stack, event_containers(stack) as made:
        yield made


def token(stack: ComposeStack, user: str) -> str:
    command = ("exec", "--no-TTY", "session", "python", "-m", "services.cli", "token", "create", user)
    return stack.compose(*command, "--scope", "admin").strip()


async def test_single_services_are_killed_and_nothing_acknowledged_is_lost(
    told: EventContainers, report: Callable[[str], None]
) -> None:
    working = [Working(told.stack.url, user, token(told.stack, user)) for user in USERS]
    tasks = [asyncio.create_task(each.work()) for each in working]
    victims = random.sample(KILLED * kills_each, kills_each * len(KILLED))
    for victim in victims:
        before = [len(each.memories) + len(each.sessions) for each in working]

        async def is_working(before: Sequence[int] = before) -> bool:
            return all(
                len(each.memories) + len(each.sessions) >= count + 6
                for each, count in zip(working, before, strict=True)
            )

        await eventually(is_working, 0.2)
        await asyncio.sleep(random.uniform(0, 1))
        await asyncio.to_thread(kill, told, victim)
    await eventually(is_working, 0.2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    async def is_all_posted() -> bool:
        return is_all_there(posted(await asyncio.to_thread(told.received)), working)

    await eventually(is_all_posted, 1)

    async def is_all_in_kafka() -> bool:
        return is_all_there(await asyncio.to_thread(consumed, told), working)

    await eventually(is_all_in_kafka, 1)
    ways = {"webhook": posted(told.received()), "kafka": consumed(told)}
    for way, events in ways.items():
        for each in working:
            check_order(events, each)
        distinct = {event["id"] for event in events}
        report(f"{way}: {len(events)} deliveries of {len(distinct)} events, killed {', '.join(victims)}")
        assert not [event for event in events if "otter" in str(event) or "river" in str(event)]
    assert sum(len(each.memories) for each in working) > len(victims)


def kill(told: EventContainers, victim: str) -> None:
    """Kills the container at whatever it does, and starts it again."""
    if victim == "broker":
        told.kill_broker()
        return
    (name,) = told.stack.compose("ps", "--format", "{{.Name}}", victim).split()
    docker("kill", name)
    docker("start", name)


def posted(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a webhook got: id, user, subject and data."""
    return [
        {"id": each["id"], "user": each["partitionkey"], "subject": each["subject"], "data": each["data"]}
        for each in events
        if "partitionkey" in each
    ]


def consumed(told: EventContainers) -> list[dict[str, Any]]:
    """The same of what is, and was, in the broker."""
    return [
        {
            "id": each["headers"]["ce_id"],
            "user": each["key"],
            "subject": each["headers"]["ce_subject"],
            "data": each["data"],
        }
        for each in [*told.consumed, *told.read_broker()]
        if each["key"]
    ]


def ids_told(events: Sequence[dict[str, Any]], user: str) -> dict[str, list[str]]:
    """The ids of a user's memories and sessions, in the order in which they were told first."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for event in events:
        if event["user"] == user and event["subject"] == "memory.stored":
            found["memories"] |= dict.fromkeys(event["data"]["ids"])
        if event["user"] == user and event["subject"] == "session.init.started":
            found["sessions"][event["data"]["session_id"]] = None
    return {name: list(its) for name, its in found.items()}


def is_all_there(events: Sequence[dict[str, Any]], working: Sequence[Working]) -> bool:
    every = [(ids_told(events, each.user), each) for each in working]
    return all(
        set(each.memories) <= set(found.get("memories", ())) and set(each.sessions) <= set(found.get("sessions", ()))
        for found, each in every
    )


def check_order(events: Sequence[dict[str, Any]], each: Working) -> None:
    found = ids_told(events, each.user)
    for name, acknowledged in (("memories", each.memories), ("sessions", each.sessions)):
        assert acknowledged, name
        assert [one for one in found[name] if one in set(acknowledged)] == acknowledged
