"""The memory service's gRPC face: protobuf in, domain calls, protobuf out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.kit import rpc
from services.kit.errors import LimitExceeded
from services.memory import messages
from services.memory.condition import Condition
from services.memory.linking import Linking
from services.memory.memories import Chosen
from services.memory.searching import Searching
from services.memory.storing import Storing
from services.pb import memory_pb2, memory_pb2_grpc

batch_max = 256


class MemoryServicer(memory_pb2_grpc.MemoryServicer):
    """Each method is the rpc of its name in memory.proto."""

    def __init__(self, storing: Storing, searching: Searching, linking: Linking, condition: Condition) -> None:
        self._storing = storing
        self._searching = searching
        self._linking = linking
        self._condition = condition

    async def Store(self, request: memory_pb2.StoreRequest, _: Any) -> memory_pb2.StoreResponse:
        if len(request.memories) > batch_max:
            raise LimitExceeded(f"{len(request.memories)} memories in one call; it takes {batch_max} at most.")
        memories = [messages.new_memory(each) for each in request.memories]
        outcomes = await self._storing.remember(rpc.caller.get(), memories)
        return memory_pb2.StoreResponse(outcomes=[messages.outcome_message(each) for each in outcomes])

    async def Search(self, request: memory_pb2.SearchRequest, _: Any) -> memory_pb2.SearchResponse:
        results = await self._searching.search(rpc.caller.get(), messages.query(request))
        return messages.results_message(results)

    async def More(self, request: memory_pb2.MoreRequest, _: Any) -> memory_pb2.SearchResponse:
        results = await self._searching.more(rpc.caller.get(), request.cursor, request.limit)
        return messages.results_message(results)

    async def Get(self, request: memory_pb2.GetRequest, _: Any) -> memory_pb2.GetResponse:
        found = await self._searching.get(rpc.caller.get(), request.id, request.neighbours)
        return memory_pb2.GetResponse(
            memory=messages.memory_message(found.memory),
            before=[messages.memory_message(each) for each in found.before],
            after=[messages.memory_message(each) for each in found.after],
        )

    async def LinkProjects(self, request: memory_pb2.Link, _: Any) -> memory_pb2.Link:
        link = await self._linking.link(rpc.caller.get(), messages.link(request, datetime.now(UTC)))
        return messages.link_message(link)

    async def UnlinkProjects(self, request: memory_pb2.UnlinkRequest, _: Any) -> memory_pb2.UnlinkResponse:
        unlinked = await self._linking.unlink(rpc.caller.get(), request.source, request.target)
        return memory_pb2.UnlinkResponse(unlinked=unlinked)

    async def ListLinks(self, request: memory_pb2.ListLinksRequest, _: Any) -> memory_pb2.ListLinksResponse:
        links = await self._linking.links(rpc.caller.get(), request.project)
        return memory_pb2.ListLinksResponse(links=[messages.link_message(each) for each in links])

    async def Stats(self, request: memory_pb2.StatsRequest, _: Any) -> memory_pb2.StatsResponse:
        stats = await self._condition.stats(rpc.caller.get(), request.project)
        total = stats.conversations + stats.reflections
        return memory_pb2.StatsResponse(
            conversations=stats.conversations,
            reflections=stats.reflections,
            projects=stats.projects,
            embedding_coverage=stats.embedded / total if total else 1.0,
            storage_bytes=stats.storage_bytes,
            oldest=messages.time_message(stats.oldest),
            most_recent=messages.time_message(stats.most_recent),
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
