"""Removals: what was deleted, by whom and why; and the way back, as long as the text is not erased."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.page.forms import query_texts
from services.gateway.page.parts import Parts

listed_max = 100


class Removals:
    """The page."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """The latest first, of a project or of all."""
        asked = query_texts(request.query_params, "project")
        retention = self._parts.workflows.retention
        removals = await retention.removal_list(asked["project"], listed_max)
        rules = await retention.rule_list()
        return self._parts.show(request, "removals.html", asked=asked, removals=removals, rules=rules)
