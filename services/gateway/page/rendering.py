"""Templates to HTML. Whatever a template shows is escaped, and a name that it does not know is an error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services import __version__
from services.gateway.access.browser_sessions import BrowserSessions, form_token
from services.gateway.page import notices
from services.gateway.page.assets import Assets
from services.gateway.page.display import text_display, time_display
from services.gateway.page.policy import HEADERS
from services.gateway.page.viewer import Viewer, viewer_of

if TYPE_CHECKING:
    from jinja2 import Environment

PAGES = (
    ("today", "Today"),
    ("search", "Search"),
    ("sessions", "Sessions"),
    ("decisions", "Decisions"),
    ("projects", "Projects"),
    ("permissions", "Permissions"),
    ("quality", "Quality"),
    ("health", "Health"),
    ("removals", "Removals"),
    ("export", "Export"),
)
"""The pages that each page leads to, by their addresses below `/page/`."""
_times = (time_display.clock, time_display.hour, time_display.ago, time_display.day)


class Renderer:
    """Makes responses; one instance a gateway."""

    def __init__(self, browsers: BrowserSessions, assets: Assets, zone: ZoneInfo, *, is_secure: bool = False) -> None:
        self._browsers = browsers
        self._assets = assets
        self._zone = zone
        self.is_secure = is_secure

    @cached_property
    def _templates(self) -> Environment:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # many a server never shows its page

        loader = PackageLoader("services.gateway.page")
        templates = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        templates.globals |= {"asset": self._assets.address, "pages": PAGES, "version": __version__, "address": address}
        templates.globals["form_token"] = form_token
        display = {
            "plain": text_display.plain,
            "one_line": text_display.one_line,
            "blocks": text_display.blocks,
            "highlight": text_display.highlight,
            "count": lambda number: f"{number:,}",
            "path": lambda text: quote(str(text), safe="/"),
            "segment": lambda text: quote(str(text), safe=""),
        }
        templates.filters |= display
        return templates

    def viewer(self, request: Request) -> Viewer:
        """Who sent the request."""
        return viewer_of(request.scope, self._browsers, self._zone)

    def response(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """The template with these values, for whoever sent the request."""
        viewer = self.viewer(request)
        notice = notices.take(request.scope)
        zone = {each.__name__: partial(each, zone=viewer.zone) for each in _times}
        given = {"viewer": viewer, "notice": notice, "here": here(request), **zone, **values}
        headers = dict(HEADERS)
        response = HTMLResponse(self._templates.get_template(template).render(given), status, headers)
        if notice:
            response.delete_cookie(notices.COOKIE, "/page", secure=self.is_secure, httponly=True, samesite="strict")
        return response


def here(request: Request) -> str:
    """The address of the page as it was asked for, with its query."""
    path, query = request.scope["raw_path"].decode("latin-1"), request.url.query
    return f"{path}?{query}" if query else path


def address(path: str, given: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """A page's address with a query of what is given and changed; what is empty is left out."""
    named = {**(given or {}), **changes}
    pairs = [(name, each) for name, value in named.items() for each in _values(value)]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _values(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [str(each) for each in values if each not in {None, "", False}]
