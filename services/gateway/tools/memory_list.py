"""The memory tool that lists, in the order of time and without a query."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from fastmcp import FastMCP
from fastmcp.tools.base import ToolResult
from mcp_types import ToolAnnotations
from pydantic import Field

from services.gateway.answers import compact_text
from services.gateway.answers.memory_results import MemoryShape, Result
from services.gateway.arguments.surrogates import encodable
from services.gateway.backends import MemoryBackend
from services.gateway.tools.memory import InProject
from services.gateway.tools.search import (
    InSession,
    Limit,
    Next,
    OfFile,
    Since,
    Tags,
    TurnKind,
    Until,
    excerpt_chars,
    span_times,
)
from services.pb import memory_pb2

reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)


class ListAnswer(Result):
    """Answer of `list_memories`."""

    memories: list[MemoryShape]
    total: int = Field(description="On all pages together")
    next_cursor: str | None = Field(description="For the next page: the same call with this cursor")

    @classmethod
    def of(cls, answer: memory_pb2.ListResponse) -> ListAnswer:
        """The same answer."""
        return cls(
            memories=[MemoryShape.of(each) for each in answer.memories],
            total=answer.total,
            next_cursor=answer.next_cursor or None,
        )


def register(mcp: FastMCP, memory: MemoryBackend, zone: ZoneInfo) -> None:
    """Adds the tool to `mcp`; words for time are read in `zone`."""

    @mcp.tool(annotations=reads, output_schema=ListAnswer.model_json_schema())
    async def list_memories(  # noqa: PLR0913, PLR0917  # what a list can be of
        project: InProject = None,
        kind: Literal["conversation", "reflection"] | None = None,
        tags: Tags = None,
        session_id: InSession = None,
        file_path: OfFile = None,
        turn_kind: TurnKind = None,
        since: Since = None,
        until: Until = None,
        author: Literal["mine", "shared", "all"] = "all",
        order: Literal["newest", "oldest"] = "newest",
        limit: Limit = 20,
        cursor: Next = None,
    ) -> ToolResult:
        """List memories in order of time, without a query: the latest, or a whole session."""
        earliest, latest = await span_times(since, until, zone)
        given = memory_pb2.Filter(
            content_type=kind or "",
            tags=[encodable(tag) for tag in tags or []],
            session_id=encodable(session_id or ""),
            since=earliest,
            until=latest,
            file_path=encodable(file_path or ""),
            turn_kind=turn_kind or "",
        )
        request = memory_pb2.ListRequest(
            project=encodable(project or ""),
            filter=given,
            author=author,
            oldest_first=order == "oldest",
            limit=limit,
            cursor=encodable(cursor or ""),
            content_max_chars=excerpt_chars(limit),
        )
        answer = ListAnswer.of(await memory.call(memory.stub.List, request))
        return compact_text.both(answer, compact_text.list_lines(answer.memories, answer.total, answer.next_cursor))
