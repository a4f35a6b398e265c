"""Who is calling, and what they may do. Identity comes from credentials, never from a parameter."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from fastmcp.server.dependencies import get_http_request
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken

from services.kit.errors import Denied, Unauthenticated

LOCAL_USER = "local"
"""The user of a gateway without authentication, which listens on loopback only: the owner of the machine."""
_key = "segue.caller"


class Scope(IntEnum):
    """What a caller may do; each scope includes those before it."""

    READ = 1
    WRITE = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The name used in tokens and messages."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated user, and the scope that their credentials grant."""

    user: str
    scope: Scope
    expires_at: datetime | None = None

    def require(self, needed: Scope, what: str) -> None:
        """Raises Denied if `what` needs a higher scope than this caller has."""
        if self.scope < needed:
            raise Denied(
                f"{what} needs a token of scope {needed.word}; this one has {self.scope.word}.",
                "Ask whoever runs this Segue for another token.",
            )

    def enter(self, scope: MutableMapping[str, Any]) -> None:
        """Binds an ASGI request to this caller, including any MCP connection that outlives it."""
        words = [each.word for each in Scope if each <= self.scope]
        scope[_key] = self
        scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=self.user, scopes=words))


LOCAL = Caller(LOCAL_USER, Scope.ADMIN)


def current_caller() -> Caller:
    """The caller of the current request; Unauthenticated if there is none, whatever the reason."""
    try:
        caller = get_http_request().scope.get(_key)
    except RuntimeError:  # no request at all
        caller = None
    if not isinstance(caller, Caller):
        raise Unauthenticated("The caller is unknown.")
    return caller


def caller_of(scope: Mapping[str, Any]) -> Caller | None:
    """The caller of an ASGI request; None if the route needs no authentication."""
    caller = scope.get(_key)
    return caller if isinstance(caller, Caller) else None


def user_of(scope: Mapping[str, Any]) -> str | None:
    """The user of an ASGI request; None if the route needs no authentication."""
    caller = caller_of(scope)
    return caller.user if caller else None


def current_user() -> str:
    """The user of the current request."""
    return current_caller().user
