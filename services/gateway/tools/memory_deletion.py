"""The memory tools that delete, and bring back."""

from __future__ import annotations

from typing import Annotated

from fastmcp import Context, FastMCP
from mcp_types import InputRequiredResult, ToolAnnotations
from pydantic import Field

from services.gateway.arguments.time_expressions import moment
from services.gateway.backends import MemoryBackend
from services.gateway.tools.deletion_results import DeletionAnswer, UndeletionAnswer
from services.gateway.tools.person import ask_person
from services.gateway.workflows.derived_texts import DerivedTexts
from services.kit.errors import Denied, InvalidInput
from services.pb import memory_pb2

_removes = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
_brings_back = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)


def register(mcp: FastMCP, memory: MemoryBackend, derived: DerivedTexts) -> None:
    """Adds the tools to `mcp`."""

    @mcp.tool(annotations=_removes, output_schema=DeletionAnswer.model_json_schema())
    async def delete_conversations(  # noqa: PLR0913, PLR0917  # the contract's parameters
        ctx: Context,
        ids: Annotated[list[str] | None, Field(description="These memories")] = None,
        project: Annotated[str | None, Field(description="Those of this project")] = None,
        before: Annotated[str | None, Field(description="Those last said before: ISO 8601 with an offset")] = None,
        include_reflections: Annotated[bool, Field(description="Reflections, too; what ids name goes anyway")] = False,
        confirm: Annotated[bool, Field(description="Delete; false only counts")] = False,
        confirmation_token: Annotated[str | None, Field(description="What the call with confirm=false gave")] = None,
    ) -> DeletionAnswer | InputRequiredResult:
        """Delete memories: conversations, and reflections where that is said or an id names one.

        With confirm=false it says how many of what, where, from when, with examples, and gives the token that confirms.
        What was made of them goes, too. undelete brings all back until it is erased, within minutes.
        """
        if confirm and not confirmation_token:
            raise InvalidInput("confirm=true needs a confirmation_token.", "Call with confirm=false to get one.")
        request = memory_pb2.DeleteRequest(
            ids=ids or [],
            project=project or "",
            before=moment(before, "before") if before else None,
            include_reflections=include_reflections,
        )
        told = DeletionAnswer.of(await _delete(memory, request), in_one_project=bool(ids or project))
        if not confirm:
            return told
        request.confirmation = confirmation_token or ""
        if told.confirmation_token == confirmation_token:
            agreed = await ask_person(ctx, told.question)
            if isinstance(agreed, InputRequiredResult):
                return agreed
            if agreed is False:
                raise Denied("The user did not agree: nothing was deleted.")
        answer = await _delete(memory, request)
        cleared = await derived.clear(request)
        return DeletionAnswer.of(answer, in_one_project=bool(ids or project), cleared=cleared)

    @mcp.tool(annotations=_brings_back)
    async def undelete(
        ids: Annotated[list[str] | None, Field(description="These memories")] = None,
        last: Annotated[bool, Field(description="All that was deleted last")] = False,
    ) -> UndeletionAnswer:
        """Bring back what was deleted, as long as it is not erased. Handoffs that were cleared stay so."""
        request = memory_pb2.UndeleteRequest(ids=ids or [], last=last)
        answer: memory_pb2.UndeleteResponse = await memory.call(memory.stub.Undelete, request)
        return UndeletionAnswer.of(answer)


async def _delete(memory: MemoryBackend, request: memory_pb2.DeleteRequest) -> memory_pb2.DeleteResponse:
    answer: memory_pb2.DeleteResponse = await memory.call(memory.stub.Delete, request)
    return answer
