"""The memory service's gRPC face: protobuf in, domain calls, protobuf out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.kit import rpc
from services.kit.errors import InvalidInput, LimitExceeded
from services.memory.condition import Condition
from services.memory.memories import Chosen, Found, Kind, Memory, Outcome, Query, metadata_max_bytes
from services.memory.searching import Searching
from services.memory.storing import Storing
from services.pb import memory_pb2, memory_pb2_grpc

batch_max = 256
KIND = {memory_pb2.KIND_CONVERSATION: Kind.CONVERSATION, memory_pb2.KIND_REFLECTION: Kind.REFLECTION}
KIND_NUMBER = {kind: number for number, kind in KIND.items()}


class MemoryServicer(memory_pb2_grpc.MemoryServicer):
    """Each method is the rpc of its name in memory.proto."""

    def __init__(self, storing: Storing, searching: Searching, condition: Condition) -> None:
        self._storing = storing
        self._searching = searching
        self._condition = condition

    async def Store(self, request: memory_pb2.StoreRequest, _: Any) -> memory_pb2.StoreResponse:
        if len(request.memories) > batch_max:
            raise LimitExceeded(f"{len(request.memories)} memories in one call; it takes {batch_max} at most.")
        memories = [_memory(each) for each in request.memories]
        outcomes = await self._storing.remember(rpc.caller.get(), memories)
        return memory_pb2.StoreResponse(outcomes=[_outcome_message(each) for each in outcomes])

    async def Search(self, request: memory_pb2.SearchRequest, _: Any) -> memory_pb2.SearchResponse:
        query = Query(
            text=request.query,
            limit=request.limit,
            min_score=request.min_score,
            project=request.project,
            include_related_projects=request.include_related_projects,
            max_tokens=request.max_tokens,
        )
        results = await self._searching.search(rpc.caller.get(), query)
        return memory_pb2.SearchResponse(
            results=[_found_message(each) for each in results.found],
            total_found=results.total,
            search_strategy=results.strategy,
            took_ms=results.took_ms,
            truncated=results.truncated,
            suggestions=results.suggestions,
        )

    async def Get(self, request: memory_pb2.GetRequest, _: Any) -> memory_pb2.GetResponse:
        found = await self._searching.get(rpc.caller.get(), request.id, request.neighbours)
        return memory_pb2.GetResponse(
            memory=_message(found.memory),
            before=[_message(each) for each in found.before],
            after=[_message(each) for each in found.after],
        )

    async def Stats(self, request: memory_pb2.StatsRequest, _: Any) -> memory_pb2.StatsResponse:
        stats = await self._condition.stats(rpc.caller.get(), request.project)
        total = stats.conversations + stats.reflections
        return memory_pb2.StatsResponse(
            conversations=stats.conversations,
            reflections=stats.reflections,
            projects=stats.projects,
            embedding_coverage=stats.embedded / total if total else 1.0,
            storage_bytes=stats.storage_bytes,
            oldest=_time(stats.oldest),
            most_recent=_time(stats.most_recent),
            degraded=stats.degraded,
        )

    async def Check(self, _: memory_pb2.CheckRequest, __: Any) -> memory_pb2.CheckResponse:
        parts = await self._condition.check()
        return memory_pb2.CheckResponse(
            parts={name: memory_pb2.Part(status=part.status, reason=part.reason) for name, part in parts.items()}
        )

    async def Delete(self, request: memory_pb2.DeleteRequest, _: Any) -> memory_pb2.DeleteResponse:
        before = request.before.ToDatetime(UTC) if request.HasField("before") else None
        chosen = Chosen(tuple(request.ids), request.project, before)
        deletion = await self._storing.forget(rpc.caller.get(), chosen, request.confirmation)
        return memory_pb2.DeleteResponse(
            deleted=deletion.deleted, would_delete=deletion.would_delete, confirmation=deletion.confirmation
        )


def _memory(new: memory_pb2.NewMemory) -> Memory:
    if new.kind not in KIND:
        raise InvalidInput("kind is neither conversation nor reflection.")
    return Memory(
        content=new.content,
        kind=KIND[new.kind],
        project=new.project,
        timestamp=new.timestamp.ToDatetime(UTC),
        session_id=new.session_id,
        role=new.role,
        tags=tuple(new.tags),
        metadata=_metadata(new.metadata),
        id=new.id,
    )


def _metadata(text: str) -> Mapping[str, Any]:
    if len(text.encode()) > metadata_max_bytes:
        raise LimitExceeded(f"metadata is over {metadata_max_bytes:,} bytes.")
    try:
        metadata = json.loads(text or "{}")
    except ValueError as error:
        raise InvalidInput("metadata is not JSON.") from error
    if not isinstance(metadata, dict):
        raise InvalidInput("metadata is no JSON object.")
    return metadata


def _time(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message


def _message(memory: Memory) -> memory_pb2.StoredMemory:
    return memory_pb2.StoredMemory(
        id=memory.id,
        content=memory.content,
        kind=KIND_NUMBER[memory.kind],
        project=memory.project,
        timestamp=_time(memory.timestamp),
        session_id=memory.session_id,
        role=memory.role,
        tags=memory.tags,
        metadata=json.dumps(dict(memory.metadata)),
    )


def _outcome_message(outcome: Outcome) -> memory_pb2.StoreOutcome:
    return memory_pb2.StoreOutcome(
        id=outcome.id,
        stored_at=_time(outcome.stored_at),
        duplicate=outcome.duplicate,
        embedding_generated=outcome.embedded,
        redactions=outcome.redactions,
    )


def _found_message(found: Found) -> memory_pb2.Found:
    return memory_pb2.Found(
        memory=_message(found.memory),
        score=found.score,
        similarity=found.similarity,
        matched=found.matched,
        before=_message(found.before) if found.before else None,
        after=_message(found.after) if found.after else None,
    )
