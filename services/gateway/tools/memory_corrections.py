"""The memory tools that correct: a memory is changed, or taken back."""

from __future__ import annotations

from typing import Annotated

from fastmcp import FastMCP
from mcp_types import ToolAnnotations
from pydantic import Field

from services.gateway.answers.memory_results import MemoryShape, Result
from services.gateway.arguments.surrogates import encodable
from services.gateway.backends import MemoryBackend
from services.gateway.tools.memory import Content, Project, Tags
from services.pb import memory_pb2

_changes = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)
Own = Annotated[str, Field(description="Of yours")]


class UpdatedAnswer(Result):
    """Answer of `update_memory`."""

    memory: MemoryShape
    changed: bool = Field(description="False where it was so already")
    redactions: int = Field(description="Secrets taken out before storing")


class WithdrawnAnswer(Result):
    """Answer of `withdraw`."""

    memory: MemoryShape


def register(mcp: FastMCP, memory: MemoryBackend) -> None:
    """Adds the tools to `mcp`."""

    @mcp.tool(annotations=_changes)
    async def update_memory(
        id: Own, content: Content | None = None, tags: Tags = None, project: Project = None
    ) -> UpdatedAnswer:
        """Correct a memory's text, tags or project; what is left out stays.

        If something new holds instead, store that with replaces: both are kept, each with its time.
        """
        request = memory_pb2.UpdateRequest(
            id=encodable(id),
            content=None if content is None else encodable(content),
            project=None if project is None else encodable(project),
            change_tags=tags is not None,
            tags=[encodable(tag) for tag in tags or []],
        )
        answer: memory_pb2.UpdateResponse = await memory.call(memory.stub.Update, request)
        return UpdatedAnswer(memory=MemoryShape.of(answer.memory), changed=answer.changed, redactions=answer.redactions)

    @mcp.tool(annotations=_changes)
    async def withdraw(
        id: Own, withdrawn: Annotated[bool, Field(description="False: it holds again")] = True
    ) -> WithdrawnAnswer:
        """Take back a memory that no longer holds, with nothing in its place; it stays, marked."""
        request = memory_pb2.WithdrawRequest(id=encodable(id), withdrawn=withdrawn)
        answer: memory_pb2.WithdrawResponse = await memory.call(memory.stub.Withdraw, request)
        return WithdrawnAnswer(memory=MemoryShape.of(answer.memory))
