"""The team's compose: memories in PostgreSQL behind PgBouncer, search replicas; healthy by one command."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.calls import call
from tests.integration.faults import docker
from tests.integration.stack import ComposeStack, segue
from tests.integration.whole import wait_until_whole

pytestmark = pytest.mark.containers

STAND_IN = {
    "COMPOSE_FILE": "compose.yaml:deploy/team/compose.yaml",
    "SEGUE_POSTGRES_IMAGE": "pgvector/pgvector:pg17",
    "SEGUE_POSTGRES_UID": "100",
    "SEGUE_POSTGRES_GID": "102",
}


@pytest.fixture(scope="module")
def stack() -> Iterator[ComposeStack]:
    with ComposeStack(scale={"gateway": 2, "search": 2}, settings=STAND_IN) as made:
        yield made


def container(stack: ComposeStack, service: str) -> str:
    return f"{stack.name}-{service}-1"


async def found_again(stack: ComposeStack) -> list[str]:
    """What a search finds as soon as it is answered again; other parts may still say what they last saw."""
    deadline = time.monotonic() + 120
    while True:
        try:
            found = await call(stack, "reflect_on_past", query="where does the heron nest", project="p")
            return [each["id"] for each in found["results"]]
        except Exception:  # whatever a part that is away makes of it
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(1)


async def test_doctor_passes_and_what_is_stored_survives_kills_of_both_databases(stack: ComposeStack) -> None:
    await asyncio.to_thread(wait_until_whole, stack.url)
    doctor = segue(stack, "doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    assert json.loads(doctor.stdout)
    kept = await call(stack, "store_reflection", content="The heron nests by the north lock", project="p")
    for service in ("postgres", "redis", "pgbouncer"):
        docker("kill", container(stack, service))
        docker("start", container(stack, service))
        assert kept["reflection_id"] in await found_again(stack)
    docker("kill", container(stack, "search"))
    assert kept["reflection_id"] in await found_again(stack)
    docker("start", container(stack, "search"))
    stack.compose("restart", "memory")
    assert kept["reflection_id"] in await found_again(stack)
    assert (await call(stack, "get_memory", id=kept["reflection_id"]))["memory"]["content"].startswith("The heron")


def test_memories_of_before_are_moved_by_the_documented_command(stack: ComposeStack) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guides" / "postgresql.md").read_text()
    command = "python -m services.cli move postgres --directory /data"
    assert command in " ".join(guide.split())
    stack.compose("stop", "memory")
    try:
        run = ("run", "--rm", "--no-deps", "--no-TTY", "memory", *command.split())
        refused = stack.attempted(*run)
        assert refused.returncode == 1
        assert "nothing is there" in refused.stderr
    finally:
        stack.compose("start", "memory")
    assert os.environ.get("SEGUE_POSTGRES_IMAGE") is None
    wait_until_whole(stack.url)
