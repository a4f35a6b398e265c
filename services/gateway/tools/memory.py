"""The memory tools that store, read, link and delete."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastmcp import FastMCP
from fastmcp.tools.base import ToolResult
from mcp_types import ToolAnnotations
from pydantic import Field

from services.gateway.answers import compact_text, memory_results
from services.gateway.arguments.surrogates import encodable
from services.gateway.arguments.time_expressions import moment
from services.gateway.backends import MemoryBackend
from services.kit.errors import Conflict
from services.pb import memory_pb2

_reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_adds = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_removes = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)

content_chars, neighbour_chars = 8_000, 300
"""What one call shows of a memory's content (about 2,000 tokens) and of each neighbour's."""
characters_max = 2**31 - 1

LinkType = Literal["related", "continuation", "reference"]
Linked = str
Content = Annotated[str, Field(description="At most 256 KiB")]
Project = Annotated[str | None, Field(description="The working directory's when left out")]
InProject = Annotated[str | None, Field(description="All when left out")]
Tags = Annotated[list[str] | None, Field(description="Words to find it by")]
Shared = Annotated[bool | None, Field(description="With all users of this Segue")]
Replaces = Annotated[list[str] | None, Field(description="Ids of what no longer holds now")]
Moment = Annotated[str | None, Field(description="ISO 8601; now when left out")]


def register(mcp: FastMCP, memory: MemoryBackend) -> None:
    """Adds the memory tools to `mcp`."""
    _register_storing(mcp, memory)
    _register_reading(mcp, memory)
    _register_sharing(mcp, memory)
    _register_linking(mcp, memory)


def _register_storing(mcp: FastMCP, memory: MemoryBackend) -> None:
    @mcp.tool(annotations=_adds)
    async def store_conversation(  # noqa: PLR0913, PLR0917  # the contract's parameters
        content: Content,
        project: Project = None,
        session_id: str | None = None,
        role: Annotated[str | None, Field(description="user or assistant")] = None,
        timestamp: Moment = None,
        metadata: dict[str, Any] | None = None,
        shared: Shared = None,
        replaces: Replaces = None,
    ) -> memory_results.ConversationStored:
        """Remember a piece of conversation. The same text again in one session is one memory."""
        outcome = await _store(
            memory,
            memory_pb2.NewMemory(
                content=encodable(content),
                kind=memory_pb2.KIND_CONVERSATION,
                project=project or "",
                timestamp=moment(timestamp),
                session_id=session_id or "",
                role=role or "",
                metadata=json.dumps(metadata or {}),
                shared=shared,
                replaces=[encodable(each) for each in replaces or []],
            ),
        )
        return memory_results.ConversationStored(
            conversation_id=outcome.id,
            stored_at=memory_results.iso(outcome.stored_at),
            duplicate=outcome.duplicate,
            embedding_generated=outcome.embedding_generated,
            redactions=outcome.redactions,
            **_standing(outcome),
        )

    @mcp.tool(annotations=_adds)
    async def store_reflection(
        content: Content,
        tags: Tags = None,
        project: Project = None,
        shared: Shared = None,
        replaces: Replaces = None,
    ) -> memory_results.ReflectionStored:
        """Remember a decision, an insight or a lesson in your own words, for later sessions.

        If the answer names one in may_replace that no longer holds, call again with its id in replaces.
        """
        new = memory_pb2.NewMemory(
            content=encodable(content),
            kind=memory_pb2.KIND_REFLECTION,
            project=project or "",
            timestamp=moment(None),
            tags=tags or [],
            shared=shared,
            replaces=[encodable(each) for each in replaces or []],
        )
        outcome = await _store(memory, new)
        return memory_results.ReflectionStored(
            reflection_id=outcome.id,
            stored_at=memory_results.iso(outcome.stored_at),
            duplicate=outcome.duplicate,
            embedding_generated=outcome.embedding_generated,
            tags_applied=list(outcome.tags),
            redactions=outcome.redactions,
            **_standing(outcome),
        )


def _register_reading(mcp: FastMCP, memory: MemoryBackend) -> None:
    @mcp.tool(annotations=_reads, output_schema=memory_results.MemoryAnswer.model_json_schema())
    async def get_memory(
        id: str,
        neighbours: Annotated[int, Field(ge=0, le=20, description="How many before and after it")] = 2,
        begin: Annotated[int, Field(ge=0, description="The first character of the part")] = 0,
        max_chars: Annotated[int, Field(ge=1)] = content_chars,
    ) -> ToolResult:
        """One memory whole, with what was said before and after it. A long one comes in parts."""
        request = memory_pb2.GetRequest(
            id=id,
            neighbours=neighbours,
            begin=min(begin, characters_max),
            content_max_chars=min(max_chars, characters_max),
            context_max_chars=neighbour_chars,
        )
        answer = await memory.call(memory.stub.Get, request)
        found = memory_results.MemoryAnswer(
            memory=memory_results.MemoryShape.of(answer.memory),
            versions=[memory_results.VersionShape.of(each) for each in answer.memory.versions],
            before=[memory_results.MemoryShape.of(each) for each in answer.before],
            after=[memory_results.MemoryShape.of(each) for each in answer.after],
            truncated=answer.truncated,
        )
        return compact_text.memory_result(found)

    @mcp.tool(annotations=_reads)
    async def reflection_stats(project: InProject = None) -> memory_results.StatsAnswer:
        """How much is remembered, since when, and what is degraded."""
        answer = await memory.call(memory.stub.Stats, memory_pb2.StatsRequest(project=project or ""))
        return memory_results.StatsAnswer(
            total_conversations=answer.conversations,
            total_reflections=answer.reflections,
            projects_tracked=answer.projects,
            shared_by_you=answer.shared_by_caller,
            shared_by_others=answer.shared_by_others,
            embedding_coverage=round(answer.embedding_coverage, 4),
            storage_size_mb=round(answer.storage_bytes / 1e6, 3),
            oldest=memory_results.iso(answer.oldest) if answer.HasField("oldest") else None,
            most_recent=memory_results.iso(answer.most_recent) if answer.HasField("most_recent") else None,
            retention=answer.retention or None,
            degraded=list(answer.degraded),
        )


def _register_sharing(mcp: FastMCP, memory: MemoryBackend) -> None:
    @mcp.tool(annotations=_adds)
    async def share_memory(
        id: Annotated[str, Field(description="Of yours")],
        shared: bool = True,
    ) -> memory_results.SharedAnswer:
        """Share a memory with all users of this Segue, or make it private again."""
        await memory.call(memory.stub.Share, memory_pb2.ShareRequest(id=encodable(id), shared=shared))
        return memory_results.SharedAnswer(id=id, shared=shared)


def _register_linking(mcp: FastMCP, memory: MemoryBackend) -> None:
    @mcp.tool(annotations=_adds)
    async def link_projects(
        source_project: Linked,
        target_project: Linked,
        dependency_type: LinkType = "related",
        description: str | None = None,
    ) -> memory_results.LinkAnswer:
        """Link two projects, so that a search in one finds what is known in the other."""
        link = memory_pb2.Link(
            source=encodable(source_project),
            target=encodable(target_project),
            type=dependency_type,
            description=encodable(description or ""),
        )
        return memory_results.LinkAnswer(
            link=memory_results.LinkShape.of(await memory.call(memory.stub.LinkProjects, link))
        )

    @mcp.tool(annotations=_reads)
    async def list_project_links(project: InProject = None) -> memory_results.LinksAnswer:
        """The links between projects."""
        request = memory_pb2.ListLinksRequest(project=encodable(project or ""))
        answer: memory_pb2.ListLinksResponse = await memory.call(memory.stub.ListLinks, request)
        return memory_results.LinksAnswer(links=[memory_results.LinkShape.of(each) for each in answer.links])

    @mcp.tool(annotations=_removes)
    async def unlink_projects(source_project: Linked, target_project: Linked) -> memory_results.UnlinkAnswer:
        """Remove a link between projects."""
        request = memory_pb2.UnlinkRequest(source=encodable(source_project), target=encodable(target_project))
        answer: memory_pb2.UnlinkResponse = await memory.call(memory.stub.UnlinkProjects, request)
        return memory_results.UnlinkAnswer(unlinked=answer.unlinked)


def _standing(outcome: memory_pb2.StoreOutcome) -> dict[str, Any]:
    """What an answer to a store says of what holds."""
    return {
        "may_replace": [memory_results.MayReplace.of(each) for each in outcome.may_replace],
        "in_force": not outcome.out_of_force,
        "replaced_by": list(outcome.replaced_by),
    }


async def _store(memory: MemoryBackend, new: memory_pb2.NewMemory) -> memory_pb2.StoreOutcome:
    answer: memory_pb2.StoreResponse = await memory.call(memory.stub.Store, memory_pb2.StoreRequest(memories=[new]))
    if answer.outcomes[0].was_deleted:
        raise Conflict(
            "That was deleted, after it was said: it is not stored again.",
            "Leave timestamp out, if it is said anew; or bring it back by undelete.",
        )
    return answer.outcomes[0]
