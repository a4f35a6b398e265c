"""Deferred stores: memories that the memory service could not store yet, kept by the session service for a retry."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.gateway.arguments.time_expressions import moment
from services.gateway.backends import Backends
from services.kit.errors import (
    Conflict,
    DeadlineExceeded,
    NotReady,
    OverQuota,
    RateLimited,
    ServiceError,
    Unavailable,
)
from services.kit.transport.rpc import Internal
from services.pb import memory_pb2, session_pb2

logger = logging.getLogger(__name__)

MEMORY = "memory"
retried_at_once_max = 20
CURABLE = (Unavailable, DeadlineExceeded, NotReady, Conflict, RateLimited, OverQuota)
"""Errors that a retry may resolve; any other is permanent."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The result of a store: the ids of pending memories, and why they are not stored; both empty if all are."""

    pending: Sequence[str] = ()
    trouble: str = ""


async def store_or_defer(backends: Backends, session_id: str, memories: Sequence[dict[str, Any]]) -> Remembered:
    """Stores the memories of an ended session; defers those that may be stored later.

    Raises nothing: the session has ended in any case. A repeated call returns the same.

    """
    if not memories:
        return Remembered()
    try:
        await _store(backends, memories)
    except (ServiceError, Internal) as error:
        trouble = _words(error)
        if isinstance(error, CURABLE):
            return await _defer(backends, session_id, memories, trouble)
        return Remembered(trouble=trouble)
    return Remembered()


async def _defer(backends: Backends, session_id: str, memories: Sequence[dict[str, Any]], trouble: str) -> Remembered:
    request = session_pb2.OweRequest(
        which=session_pb2.Which(session_id=session_id),
        id=str(uuid5(NAMESPACE_URL, f"segue:owed:{session_id}")),
        kind=MEMORY,
        payload=json.dumps(memories),
    )
    try:
        await backends.session.call(backends.session.stub.Owe, request)
    except ServiceError as error:
        return Remembered(trouble=f"{trouble} It could not be deferred either: {error.message}")
    return Remembered([request.id], trouble)


def _words(error: ServiceError | Internal) -> str:
    """The error as text."""
    if isinstance(error, ServiceError):
        return error.message
    return f"Something went wrong inside Segue; trace {error}."


async def retry(backends: Backends) -> list[str]:
    """Stores the user's pending memories, oldest first; returns the ids of those still pending.

    Memories that can never be stored are dropped. The first one that finds no room or no service ends the attempt.

    """
    request = session_pb2.ListPendingRequest(limit=retried_at_once_max)
    pending: session_pb2.ListPendingResponse = await backends.session.call(backends.session.stub.ListPending, request)
    for number, deferred in enumerate(pending.pending):
        try:
            await _retry(backends, deferred)
        except ServiceError:
            return [each.id for each in pending.pending[number:]]
    return []


async def _retry(backends: Backends, deferred: session_pb2.Owed) -> None:
    try:
        if deferred.kind == MEMORY:
            await _store(backends, json.loads(deferred.payload))
    except CURABLE:
        raise
    except ServiceError as error:
        logger.warning("a pending memory can never be stored and was dropped: %s", type(error).__name__)
    request = session_pb2.PaidRequest(session_id=deferred.session_id, id=deferred.id)
    await backends.session.call(backends.session.stub.Paid, request)


async def _store(backends: Backends, memories: Sequence[dict[str, Any]]) -> None:
    """Stores memories by id: repeating it stores nothing twice."""
    new = [
        memory_pb2.NewMemory(
            id=each["id"],
            content=each["content"],
            kind=memory_pb2.KIND_REFLECTION,
            project=each["project"],
            timestamp=moment(each["timestamp"]),
            tags=each["tags"],
            made_of=each.get("made_of", ()),  # not in what an earlier version deferred
        )
        for each in memories
    ]
    await backends.memory.call(backends.memory.stub.Store, memory_pb2.StoreRequest(memories=new))
