"""The gRPC interface of what is derived from the memories: of a search replica, and of a process that does it all."""

from __future__ import annotations

from typing import Any

from services.kit.errors import NotReady
from services.kit.transport import rpc
from services.memory import messages, part_messages
from services.memory.domain.memories import normalise_project_name
from services.memory.domain.queries import checked_limit
from services.memory.search.explanation import explain
from services.memory.serving import Derived
from services.pb import memory_pb2, memory_pb2_grpc


class SearchServicer(memory_pb2_grpc.SearchServicer):
    """Each method implements the rpc of its name in memory.proto. `derived` is None where others answer searches."""

    def __init__(self, derived: Derived | None) -> None:
        self._derived = derived

    @property
    def _answering(self) -> Derived:
        if self._derived is None:
            raise NotReady(
                "This memory service answers no searches: search replicas do.",
                "Name them to the gateways, by SEGUE_GATEWAY_SEARCH_TARGET.",
            )
        return self._derived

    async def _of(self, user: str) -> Derived:
        return await self._answering.of(user)

    async def Search(self, request: memory_pb2.SearchRequest, _: Any) -> memory_pb2.SearchResponse:
        query = messages.query(request)
        user = rpc.caller.get()
        searching = (await self._of(user)).searching
        return messages.answer_message(await searching.search(user, query, messages.encoded_results))

    async def Explain(self, request: memory_pb2.ExplainRequest, _: Any) -> memory_pb2.ExplainResponse:
        user, query = rpc.caller.get(), messages.query(request.search)
        searching = (await self._of(user)).searching
        explained = await explain(searching, user, query, request.id.strip())
        return part_messages.explanation(explained, query.content_max_chars)

    async def List(self, request: memory_pb2.ListRequest, _: Any) -> memory_pb2.ListResponse:
        user = rpc.caller.get()
        listed = await (await self._of(user)).listing.list(user, messages.list_query(request))
        return part_messages.list_message(listed, request.content_max_chars)

    async def More(self, request: memory_pb2.MoreRequest, _: Any) -> memory_pb2.SearchResponse:
        user = rpc.caller.get()
        results = await (await self._of(user)).searching.more(user, request.cursor, messages.more_bounds(request))
        return messages.results_message(results)

    async def Get(self, request: memory_pb2.GetRequest, _: Any) -> memory_pb2.GetResponse:
        user = rpc.caller.get()
        found = await (await self._of(user)).searching.get(user, request.id.strip(), request.neighbours)
        return memory_pb2.GetResponse(
            memory=part_messages.part(found.memory, request.begin, request.content_max_chars),
            before=[part_messages.beginning(each, request.context_max_chars) for each in found.before],
            after=[part_messages.beginning(each, request.context_max_chars) for each in found.after],
            truncated=found.truncated,
        )

    async def ListProposedReplacements(
        self, request: memory_pb2.ListProposedReplacementsRequest, _: Any
    ) -> memory_pb2.ListProposedReplacementsResponse:
        project = normalise_project_name(request.project)
        user = rpc.caller.get()
        found = await (await self._of(user)).proposing.proposals(user, project, checked_limit(request.limit))
        return part_messages.proposals_message(found, request.content_max_chars)

    async def Check(self, _: memory_pb2.CheckRequest, __: Any) -> memory_pb2.CheckResponse:
        return part_messages.check_message(await self._answering.condition.check())
