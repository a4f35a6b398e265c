"""Who looks at the page: their user and scope, their time zone, and what their forms have to bring."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from starlette.types import Scope as RequestScope

from services.gateway.access.browser_sessions import BrowserSessions, form_token, read_cookie
from services.gateway.access.identity import Caller, Scope, caller_of

ZONE_COOKIE = "segue_zone"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Of one request; `caller` is None before somebody is signed in."""

    caller: Caller | None
    zone: ZoneInfo
    has_zone: bool
    """Whether the browser has told its zone; if not, it is the server's."""
    cookie: str
    is_local: bool

    @property
    def may_write(self) -> bool:
        """Whether changes are offered."""
        return self.caller is not None and self.caller.scope >= Scope.WRITE

    @property
    def may_administrate(self) -> bool:
        """Whether what concerns all users is offered."""
        return self.caller is not None and self.caller.scope >= Scope.ADMIN

    def form_token(self, path: str) -> str:
        """The hidden field of a form that is sent to `path`."""
        return form_token(self.cookie, path)


def zone_named(name: str) -> ZoneInfo | None:
    """The zone of that name; None where there is none."""
    return ZoneInfo(name) if name in _zone_names() else None


@cache
def _zone_names() -> frozenset[str]:
    """Every name that a browser may tell."""
    return frozenset(available_timezones())


def viewer_of(scope: RequestScope, browsers: BrowserSessions, zone: ZoneInfo) -> Viewer:
    """Who sent the request; `zone` where the browser has not told one."""
    told = zone_named(read_cookie(scope, ZONE_COOKIE))
    return Viewer(caller_of(scope), told or zone, told is not None, browsers.cookie(scope), browsers.is_local)
