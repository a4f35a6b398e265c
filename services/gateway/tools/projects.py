"""The project tools: which projects there are, and what they are called.

That two become one is a person's to decide: no tool leads to it.
"""

from __future__ import annotations

from typing import Annotated

from fastmcp import FastMCP
from mcp_types import ToolAnnotations
from pydantic import Field

from services.gateway.answers.project_results import ProjectAnswer, ProjectsAnswer, ProjectShape
from services.gateway.arguments.surrogates import encodable
from services.gateway.workflows.projects import ProjectWork

_reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_changes = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


def register(mcp: FastMCP, work: ProjectWork) -> None:
    """Adds the project tools to `mcp`."""

    @mcp.tool(annotations=_reads)
    async def list_projects(
        name: Annotated[str | None, Field(description="Or label, or alias")] = None,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        cursor: str | None = None,
    ) -> ProjectsAnswer:
        """Your projects, the one seen last first."""
        page = await work.page(encodable(name or ""), limit, encodable(cursor or ""))
        shapes = [ProjectShape.of(each) for each in page.projects]
        return ProjectsAnswer(projects=shapes, total=page.total, next_cursor=page.next_cursor or None)

    @mcp.tool(annotations=_changes)
    async def name_project(
        project: Annotated[str, Field(description="Label, name or alias")],
        name: str,
        alias: Annotated[bool, Field(description="One more name, instead of another")] = False,
    ) -> ProjectAnswer:
        """Rename a project, as the user asks for it. What is stored of it moves along."""
        named, label = encodable(project), encodable(name)
        changed = await (work.alias(named, label, remove=False) if alias else work.rename(named, label))
        return ProjectAnswer(project=ProjectShape.of(changed.project), memories_moved=changed.memories)
