"""What a service that is down still has to do: kept by the session service, and done at the next chance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from services.gateway.backends import Backends
from services.gateway.moments import moment
from services.kit.errors import ServiceError, Unavailable
from services.pb import memory_pb2, session_pb2

MEMORY = "memory"
paid_at_once_max = 20


async def store_or_owe(backends: Backends, session_id: str, memories: Sequence[dict[str, Any]]) -> list[str]:
    """Stores the memories; the ids of what is owed instead, where the memory service is away."""
    if not memories:
        return []
    try:
        await _store(backends, memories)
    except Unavailable:
        owed = session_pb2.OweRequest(
            which=session_pb2.Which(session_id=session_id),
            id=str(uuid4()),
            kind=MEMORY,
            payload=json.dumps(memories),
        )
        await backends.session.call(backends.session.stub.Owe, owed)
        return [owed.id]
    return []


async def pay(backends: Backends) -> list[str]:
    """Does what is owed for the user; the ids of what is owed still."""
    request = session_pb2.ListPendingRequest(limit=paid_at_once_max)
    pending: session_pb2.ListPendingResponse = await backends.session.call(backends.session.stub.ListPending, request)
    left = []
    for owed in pending.pending:
        try:
            if owed.kind == MEMORY:
                await _store(backends, json.loads(owed.payload))
            paid = session_pb2.PaidRequest(session_id=owed.session_id, id=owed.id)
            await backends.session.call(backends.session.stub.Paid, paid)
        except ServiceError:
            left.append(owed.id)
    return left


async def _store(backends: Backends, memories: Sequence[dict[str, Any]]) -> None:
    """Memories with ids: storing one again stores it once."""
    new = [
        memory_pb2.NewMemory(
            id=each["id"],
            content=each["content"],
            kind=memory_pb2.KIND_REFLECTION,
            project=each["project"],
            timestamp=moment(each["timestamp"]),
            tags=each["tags"],
        )
        for each in memories
    ]
    await backends.memory.call(backends.memory.stub.Store, memory_pb2.StoreRequest(memories=new))
