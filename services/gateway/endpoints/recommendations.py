"""`/v1/recommendations`: what the caller said of a project's recommendations, says now, and has forgotten.

The project is named, or told by `place`, what a client sees of its directory.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.answers.memory_results import iso
from services.gateway.arguments.surrogates import encodable
from services.gateway.backends import Backends
from services.gateway.directory.project_labels import ProjectLabels
from services.gateway.endpoints.json_requests import caller_mistakes, fields
from services.gateway.workflows import recommendations
from services.kit.errors import InvalidInput, NotFound
from services.pb import quality_pb2
from services.workspace.project_identity import Sighting


class RecommendationEndpoints:
    """The endpoints."""

    def __init__(self, backends: Backends, labels: ProjectLabels) -> None:
        self._backends = backends
        self._labels = labels

    async def list(self, request: Request) -> Response:
        """`?project=` or `?place=` → what was shown, answered and followed there."""
        with caller_mistakes("The query"):
            place = json.loads(request.query_params.get("place") or "null")
        project = await self._label({"project": request.query_params.get("project", ""), "place": place})
        found = await recommendations.standings(self._backends, project)
        shapes = [_shape(each, found.helped.get(each.id, 0)) for each in found.standings]
        return JSONResponse({"project": project, "recommendations": shapes})

    async def change(self, request: Request) -> Response:
        """`{"id", "answer", "days"?}` with `project` or `place` → where it stands.

        `{"forget": true}` erases all that is known of the caller's there, without either in all projects.
        """
        with caller_mistakes("The answer"):
            asked = await fields(request)
        if asked.get("forget") is True:
            everywhere = not (asked.get("project") or asked.get("place"))
            project = "" if everywhere else await self._label(asked)
            return JSONResponse({"forgotten": await recommendations.erase(self._backends, project)})
        named, said, days = asked.get("id"), asked.get("answer"), asked.get("days")
        if not isinstance(named, str) or not isinstance(said, str) or not (days is None or type(days) is int):
            raise InvalidInput("id and answer are texts, days a whole number.")
        if days is not None and abs(days) >= 2**31:
            raise InvalidInput("days is too large.")
        project = await self._label(asked)
        standing = await recommendations.answer(self._backends, project, encodable(named), encodable(said), days)
        return JSONResponse({"project": project, **_shape(standing, 0)})

    async def _label(self, asked: dict[str, Any]) -> str:
        """The label of the project that is named, or seen."""
        project, place = asked.get("project") or "", asked.get("place")
        if not isinstance(project, str):
            raise InvalidInput("project is a text.")
        if project.strip():
            return await self._labels.meant(encodable(project))
        label = await self._labels.known_label(Sighting.from_dict(place)) if place else ""
        if not label:
            raise NotFound("This directory is of no project that is known.", "Name the project: segue project list.")
        return label


def _shape(standing: quality_pb2.RecommendationStanding, helped: int) -> dict[str, Any]:
    times = {
        name: iso(getattr(standing, name)) if standing.HasField(name) else None
        for name in ("shown_at", "answered_at", "until")
    }
    return {
        "id": standing.id,
        "answer": standing.answer or None,
        "returned": standing.returned or None,
        "followed": standing.followed,
        "refused": standing.refused,
        "helped_others": helped,
        **times,
    }
