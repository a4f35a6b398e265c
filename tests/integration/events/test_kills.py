"""The whole of Segue is killed while it stores: what was acknowledged reaches Kafka and a webhook, in order."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from fastmcp import Client

from tests.integration.stack import ProcessStack
from tests.patience import PATIENCE_S
from tests.unit.integration.sinks.brokers import messages, mock_cluster
from tests.unit.integration.sinks.receivers import answer, receiver

kills = 2
SECRET = "s" * 24
SETTINGS = {"SEGUE_MEMORY_MODEL_BUILD": "false", "SEGUE_INTEGRATION_POLL_S": "0.05"}


def stored_ids(datas: Sequence[dict[str, object]]) -> list[str]:
    """The ids of memories, in the order in which they were first told."""
    return list(dict.fromkeys(name for each in datas for name in each.get("ids", ())))  # type: ignore[attr-defined]


async def store_until(client_url: str, round_: int, acknowledged: list[str]) -> None:
    """Stores one memory after the other until the server is killed; those that were answered are acknowledged."""
    try:
        async with Client(client_url) as client:
            for number in range(10_000):
                content = f"The otter of round {round_} has the number {number} at {random.random()}."
                made = await client.call_tool("store_reflection", {"content": content, "project": "river"})
                acknowledged.append(made.structured_content["reflection_id"])
    except Exception:  # of any class: the server was killed under it
        return


@pytest.mark.slow
async def test_what_was_acknowledged_is_told_in_order_whatever_is_killed(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with mock_cluster() as servers:
        async with receiver(answer(b"HTTP/1.1 503 X", b"HTTP/1.1 204 X")) as hook:
            settings = SETTINGS | {
                "SEGUE_INTEGRATION_KAFKA_SERVERS": servers,
                "SEGUE_INTEGRATION_WEBHOOK_URLS": hook.url,
                "SEGUE_INTEGRATION_WEBHOOK_SECRET": SECRET,
                "SEGUE_INTEGRATION_WEBHOOK_PRIVATE": "true",
            }
            stack = ProcessStack(tmp_path, **settings)
            for round_ in range(kills):
                await asyncio.to_thread(stack.__enter__)
                storing = asyncio.create_task(store_until(stack.url, round_, acknowledged))
                enough = len(acknowledged) + random.randint(3, 20)
                while len(acknowledged) < enough and not storing.done():
                    await asyncio.sleep(random.uniform(0, 0.02))
                assert stack.process
                stack.process.kill()
                stack.process.wait()
                await storing
            with stack:
                count = len(acknowledged)

                def is_all_told() -> bool:
                    return set(acknowledged) <= set(stored_ids([json.loads(body)["data"] for body in hook.bodies]))

                async with asyncio.timeout(PATIENCE_S):
                    while not is_all_told():
                        await asyncio.sleep(0.05)
                told = await asyncio.to_thread(
                    messages,
                    servers,
                    lambda its: set(acknowledged) <= set(stored_ids([json.loads(each.value) for each in its])),
                )
    assert count > kills, "something was stored in each round"
    by_webhook = stored_ids([json.loads(body)["data"] for body in hook.bodies])
    by_kafka = stored_ids([json.loads(each.value) for each in told])
    for found in (by_webhook, by_kafka):
        assert [each for each in found if each in set(acknowledged)] == acknowledged
    assert {each.key for each in told} == {"local"}
    whole = b"".join([*hook.bodies, *(each.value for each in told), *(repr(each.headers).encode() for each in told)])
    assert b"otter" not in whole
    assert b"river" not in whole


@pytest.mark.parametrize("wanted", ["", pytest.param("true", marks=pytest.mark.slow)])
async def test_a_laptop_without_sinks_has_no_file_or_part_of_it(tmp_path: Path, wanted: str) -> None:
    settings = SETTINGS | ({"SEGUE_INTEGRATION_STREAM": wanted} if wanted else {})
    with ProcessStack(tmp_path, **settings) as stack:
        assert stack.process
        async with Client(stack.url) as client:
            await client.call_tool("store_reflection", {"content": "An otter.", "project": "river"})
            checks = (await client.call_tool("health_check", {})).structured_content["checks"]
    assert (tmp_path / "integration").exists() is bool(wanted)
    assert ("log" in checks) is bool(wanted)
