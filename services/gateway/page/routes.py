"""The page's addresses, and the one place where a view's exception becomes a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastmcp import FastMCP
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.gateway.endpoints.backup import Backup
from services.gateway.endpoints.json_requests import Endpoint
from services.gateway.page.entry import Entry
from services.gateway.page.live import Live
from services.gateway.page.parts import Parts
from services.gateway.page.policy import HEADERS
from services.gateway.page.sign_in import HOME
from services.gateway.page.tool_calls import explain
from services.gateway.page.views.bulk_changes import BulkChanges
from services.gateway.page.views.decisions import Decisions
from services.gateway.page.views.export import ExportPage
from services.gateway.page.views.health import Health
from services.gateway.page.views.memory import Memory
from services.gateway.page.views.memory_changes import MemoryChanges
from services.gateway.page.views.permissions import Permissions
from services.gateway.page.views.projects import ProjectPages
from services.gateway.page.views.quality import Quality
from services.gateway.page.views.removals import Removals
from services.gateway.page.views.search import Search
from services.gateway.page.views.sessions import SessionPages
from services.gateway.page.views.today import Today
from services.gateway.telemetry.last_hour import LastHour
from services.gateway.telemetry.tracing import trace_endpoint


@dataclass(frozen=True, slots=True)
class ServerParts:
    """What the page shows and does of the server itself."""

    backup: Backup
    last_hour: LastHour
    is_stopping: Callable[[], bool]


def register_page(mcp: FastMCP, parts: Parts, entry: Entry, server: ServerParts) -> None:
    """Adds the page's routes to `mcp`."""
    routes = [*_entry(entry), *_reading(parts, server), *_memory(parts), *_project(parts)]
    for method, path, endpoint in [*routes, *_changing(parts, server)]:
        mcp.custom_route(path, [method])(trace_endpoint(method, path, _with_failure_pages(endpoint, parts)))


Routes = list[tuple[str, str, Endpoint]]


def _entry(entry: Entry) -> Routes:
    sign_in = entry.sign_in
    return [
        ("GET", "/page", _home),
        ("GET", "/page/", _home),
        ("GET", "/page/assets/{name}", entry.assets.__call__),
        ("GET", "/page/enter", sign_in.enter),
        ("GET", "/page/sign-in", sign_in.show),
        ("POST", "/page/sign-in", sign_in.sign_in),
        ("POST", "/page/sign-out", sign_in.sign_out),
        ("POST", "/page/zone", sign_in.zone),
        ("POST", "/v1/page/links", sign_in.links),
    ]


def _reading(parts: Parts, server: ServerParts) -> Routes:
    sessions, projects, export = SessionPages(parts), ProjectPages(parts), ExportPage(parts)
    return [
        ("GET", "/page/today", Today(parts).show),
        ("GET", "/page/live", Live(parts, server.is_stopping).__call__),
        ("GET", "/page/search", Search(parts).show),
        ("GET", "/page/sessions", sessions.list),
        ("GET", "/page/session/{id}", sessions.session),
        ("GET", "/page/conversation/{id:path}", sessions.conversation),
        ("GET", "/page/decisions", Decisions(parts).show),
        ("GET", "/page/projects", projects.list),
        ("GET", "/page/project/{label:path}", projects.show),
        ("GET", "/page/permissions", Permissions(parts).show),
        ("GET", "/page/quality", Quality(parts).show),
        ("GET", "/page/health", Health(parts, server.backup, server.last_hour).show),
        ("GET", "/page/removals", Removals(parts).show),
        ("GET", "/page/export", export.show),
        ("GET", "/page/export/memories.jsonl", export.download),
    ]


def _memory(parts: Parts) -> Routes:
    page, bulk = Memory(parts), BulkChanges(parts)
    changes = MemoryChanges(parts, page)
    return [
        ("GET", "/page/memory/{id}", page.show),
        ("POST", "/page/memory/{id}/edit", changes.edit),
        ("POST", "/page/memory/{id}/replace", changes.replace),
        ("POST", "/page/memory/{id}/version", changes.version),
        ("POST", "/page/memories/change", bulk.change),
        ("POST", "/page/memories/delete", bulk.delete),
        ("POST", "/page/decisions/settle", Decisions(parts).settle),
    ]


def _project(parts: Parts) -> Routes:
    projects = ProjectPages(parts)
    return [
        ("POST", "/page/name/{label:path}", projects.name),
        ("POST", "/page/merge/{label:path}", projects.merge),
        ("POST", "/page/split/{label:path}", projects.split),
        ("POST", "/page/link/{label:path}", projects.link),
        ("POST", "/page/retention/{label:path}", projects.retention),
    ]


def _changing(parts: Parts, server: ServerParts) -> Routes:
    permissions = Permissions(parts)
    return [
        ("POST", "/page/permissions/decide", permissions.decide),
        ("POST", "/page/permissions/record", permissions.record),
        ("POST", "/page/permissions/revoke", permissions.revoke),
        ("POST", "/page/quality/measure", Quality(parts).measure),
        ("POST", "/page/quality/answer", Quality(parts).answer),
        ("POST", "/page/health/backup", Health(parts, server.backup, server.last_hour).back_up),
    ]


async def _home(_: Request) -> Response:
    return RedirectResponse(HOME, 303, dict(HEADERS))


def _with_failure_pages(endpoint: Endpoint, parts: Parts) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Exception as error:
            failure, status = explain(error)
            return parts.show(request, "failure.html", status, failure=failure, code=status)

    return answer
