"""`/v1/projects`: the caller's projects, and what a person changes of them by `segue project`.

That two projects become one, or two again, is a person's to decide: no tool leads to it.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.answers.project_results import ProjectShape
from services.gateway.endpoints.json_requests import caller_mistakes, fields
from services.gateway.workflows.projects import ProjectChange, ProjectWork
from services.kit.errors import InvalidInput

listed_default, listed_max = 100, 1_000
ACTIONS = ("rename", "merge", "split", "alias", "unalias")


class Projects:
    """The endpoints."""

    def __init__(self, work: ProjectWork) -> None:
        self._work = work

    async def list(self, request: Request) -> Response:
        """`?name=`, `?limit=` and `?cursor=` → the projects, the one seen last first."""
        asked = request.query_params
        limit = asked.get("limit", str(listed_default))
        if not (limit.isascii() and limit.isdigit() and 0 < int(limit[:6]) <= listed_max):
            raise InvalidInput(f"limit takes 1 to {listed_max:,}.")
        page = await self._work.page(asked.get("name", ""), int(limit), asked.get("cursor", ""))
        shapes = [ProjectShape.of(each).model_dump(mode="json") for each in page.projects]
        return JSONResponse({"projects": shapes, "total": page.total, "next_cursor": page.next_cursor or None})

    async def change(self, request: Request) -> Response:
        """`{"action": one of ACTIONS, "project", "name", "dry_run"?}` → the project, and what was moved."""
        with caller_mistakes("The change"):
            asked = await fields(request)
        names = [asked.get(each) for each in ("action", "project", "name")]
        if not all(isinstance(each, str) and each for each in names) or names[0] not in ACTIONS:
            raise InvalidInput(f"action is one of {', '.join(ACTIONS)}; project and name are texts.")
        action, project, name = (str(each).encode("utf-8", "replace").decode() for each in names)
        return JSONResponse(_change(await self._carry_out(action, project, name, asked.get("dry_run") is True)))

    async def _carry_out(self, action: str, project: str, name: str, dry_run: bool) -> ProjectChange:
        if action == "merge":
            return await self._work.merge(project, name, dry_run=dry_run)
        if action == "split":
            return await self._work.split(project, name, dry_run=dry_run)
        if action == "rename":
            return await self._work.rename(project, name)
        return await self._work.alias(project, name, remove=action == "unalias")


def _change(changed: ProjectChange) -> dict[str, Any]:
    counts = {"memories": changed.memories, "sessions": changed.sessions, "rules": changed.rules}
    return {"project": ProjectShape.of(changed.project).model_dump(mode="json"), **counts}
