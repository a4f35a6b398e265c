"""What every view works with: the tools, the services that no tool reads, and how an answer is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.gateway.access.browser_sessions import BrowserSessions
from services.gateway.backends import Backends
from services.gateway.endpoints.export import Export
from services.gateway.endpoints.permissions import Decisions
from services.gateway.endpoints.retention import RetentionEndpoints
from services.gateway.page import notices
from services.gateway.page.forms import Fields, read_form
from services.gateway.page.notices import Notice
from services.gateway.page.policy import HEADERS
from services.gateway.page.rendering import Renderer
from services.gateway.page.tool_calls import Tools
from services.gateway.page.viewer import Viewer
from services.gateway.workflows.projects import ProjectWork
from services.gateway.workflows.sessions import Sessions
from services.gateway.workflows.shown_briefings import ShownBriefings


@dataclass(frozen=True, slots=True)
class Workflows:
    """What changes more than one service, and what only a person does: the same objects that the endpoints use."""

    sessions: Sessions
    projects: ProjectWork
    permissions: Decisions
    retention: RetentionEndpoints
    export: Export
    shown: ShownBriefings


@dataclass(frozen=True, slots=True)
class Parts:
    """All of it."""

    tools: Tools
    backends: Backends
    workflows: Workflows
    browsers: BrowserSessions
    renderer: Renderer
    public_url: str
    is_one_of_several: bool
    """Whether other gateways may serve the same users: what only this one knows is said to be so."""

    def viewer(self, request: Request) -> Viewer:
        """Who looks."""
        return self.renderer.viewer(request)

    def show(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page."""
        return self.renderer.response(request, template, status, **values)

    async def form(self, request: Request) -> Fields:
        """The form that was sent; Denied if it is not one of this browser's own pages."""
        return await read_form(request, self.browsers.cookie(request.scope), self.public_url)

    def go(self, address: str, notice: Notice | None = None) -> Response:
        """On to another page, which says what was done."""
        response = RedirectResponse(address, 303, dict(HEADERS))
        if notice:
            notices.leave(response, notice, is_secure=self.renderer.is_secure)
        return response
