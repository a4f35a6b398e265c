"""The session service killed at any moment: what was acknowledged is there when it comes back."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.kit.errors import ServiceError
from services.kit.health.grpc_health import trouble
from services.kit.transport import rpc
from services.pb import session_pb2 as pb
from services.pb.session_pb2_grpc import SessionStub
from tests.integration.stack import ROOT
from tests.patience import PATIENCE_S
from tests.session_service import SessionClient, open_service


@dataclass
class Acknowledged:
    """What the service said it had kept; `reached` is set when there are `enough`."""

    enough: int
    checkpoints: set[tuple[str, str]] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    owed: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def keep(self, kind: set[Any], what: object) -> None:
        kind.add(what)
        if len(self.checkpoints) + len(self.ended) + len(self.owed) + len(self.rules) >= self.enough:
            self.reached.set()


@asynccontextmanager
async def child(home: Path) -> AsyncIterator[tuple[subprocess.Popen[bytes], SessionClient]]:
    address = f"unix:{home}/child.sock"
    environment = os.environ | {"SEGUE_SESSION_ADDRESS": address, "SEGUE_SESSION_DIRECTORY": str(home)}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.session"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        async with rpc.open_channel(address) as channel:
            while await trouble(channel):
                assert process.poll() is None
            yield process, SessionClient(SessionStub(channel), [])
    finally:
        process.kill()
        process.wait()


async def work(client: SessionClient, name: str, kept: Acknowledged) -> None:
    """Sessions from init to end, one after the other, until the service is gone."""
    number = 0
    while True:
        number += 1
        session = await client.start(f"/work/{name}", project=name)
        which = pb.Which(session_id=session.id)
        for step in range(3):
            answer = await client(pb.CheckpointRequest(which=which, note=f"{name} {number} {step}"))
            kept.keep(kept.checkpoints, (session.id, answer.checkpoint.id))
        owed = await client(pb.OweRequest(which=which, id=f"{name}-{number}", kind="memory", payload="{}"))
        kept.keep(kept.owed, owed.owed.id)
        target = f"make {name} {number}"
        record = pb.RecordPermissionRequest(
            operation="Bash", target=target, decision="allow", scope="always", by_person=True
        )
        kept.keep(kept.rules, (await client(record)).rule.id)
        await client(pb.EndRequest(which=which, operation_id=f"end {name} {number}"))
        kept.keep(kept.ended, session.id)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
async def test_nothing_acknowledged_is_lost_when_the_service_is_killed(tmp_path: Path, seed: int) -> None:
    kept = Acknowledged(enough=random.Random(seed).randint(10, 120))
    async with child(tmp_path) as (process, client):
        tasks = [asyncio.create_task(work(client, f"w{number}", kept)) for number in range(4)]
        await asyncio.wait_for(kept.reached.wait(), PATIENCE_S)
        process.send_signal(signal.SIGKILL)
        for task in tasks:
            with suppress(ServiceError):
                await task
    async with open_service(tmp_path) as client:
        await everything_is_there(client, kept)


async def everything_is_there(client: SessionClient, kept: Acknowledged) -> None:
    found: set[tuple[str, str]] = set()
    for name in {session for session, _ in kept.checkpoints}:
        answer = await client(pb.GetRequest(which=pb.Which(session_id=name), checkpoints=10))
        found |= {(name, each.id) for each in answer.checkpoints}
    assert kept.checkpoints <= found
    for name in kept.ended:
        assert (await client(pb.GetRequest(which=pb.Which(session_id=name)))).session.state == "ended"
        assert (await client(pb.GetHandoffRequest(session_id=name))).markdown
    assert kept.owed <= {each.id for each in (await client(pb.ListPendingRequest(limit=100))).pending}
    assert kept.rules <= {rule.id for rule in (await client(pb.PermissionStatusRequest())).rules}
