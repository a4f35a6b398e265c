"""Authenticates every request and checks that the caller's scope covers the route."""

from __future__ import annotations

import re
from typing import Protocol

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.access.identity import LOCAL, Caller
from services.gateway.access.scopes import is_page, needed_for
from services.gateway.errors import failure_response
from services.kit.errors import Denied, ServiceError, Unauthenticated
from services.kit.transport.rpc import Internal

header_max_bytes = 8192
_scheme = b"bearer "
_in_address = re.compile(rb"(?:^|&)(?:access_)?token=|segue_[0-9A-Za-z]{49}", re.IGNORECASE)
_how = "Send a bearer token in the Authorization header; `segue` takes it from SEGUE_TOKEN or SEGUE_TOKEN_FILE."


class Verifier(Protocol):
    """Resolves a token to its user."""

    async def verify(self, token: str) -> Caller:
        """The token's caller. Unauthenticated if it is wrong, expired or revoked; Unavailable if that is unknown."""
        ...


class Browsers(Protocol):
    """Resolves a browser's cookie to its user."""

    async def caller(self, scope: Scope) -> Caller:
        """The caller of a request for the page; raises what a verifier raises."""
        ...


class Authentication:
    """Authenticates requests; without a verifier, every request is made as the machine's own user. On the page's
    addresses a browser is asked for its cookie instead."""

    def __init__(
        self, app: ASGIApp, verifier: Verifier | None, challenge: str = "", browsers: Browsers | None = None
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._challenge = challenge
        self._browsers = browsers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http":  # the lifespan: websockets are off
            await self._app(scope, receive, send)
            return
        needed = needed_for(scope["method"], scope["path"])
        if needed is not None:
            try:
                caller = await self._caller(scope)
                caller.require(needed, scope["path"])
            except (ServiceError, Internal) as error:
                await self._refusal(error, needed.word)(scope, receive, send)
                return
            caller.enter(scope)
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        if self._browsers and is_page(scope["path"]):
            return await self._browsers.caller(scope)
        if self._verifier is None:
            return LOCAL
        return await self._verifier.verify(_token(scope))

    def _refusal(self, error: Exception, needed: str) -> JSONResponse:
        if isinstance(error, Unauthenticated):
            reason = "" if isinstance(error, NoToken) else 'error="invalid_token"'
            return failure_response(error, {"www-authenticate": self._header(reason)})
        if isinstance(error, Denied):
            reason = f'error="insufficient_scope", scope="{needed}"'
            return failure_response(error, {"www-authenticate": self._header(reason)})
        return failure_response(error, {"retry-after": "1"})

    def _header(self, reason: str) -> str:
        return "Bearer " + ", ".join(each for each in ('realm="segue"', reason, self._challenge) if each)


class NoToken(Unauthenticated):
    """The request carries no credentials at all."""


def _token(scope: Scope) -> str:
    """The request's bearer token; Unauthenticated if there is none, or anything besides it."""
    if _in_address.search(scope["query_string"]):
        raise Unauthenticated("A token in the address ends up in logs; it is not read there.", _how)
    sent: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if not sent:
        raise NoToken("This Segue requires authentication.", _how)
    if len(sent) > 1 or len(sent[0]) > header_max_bytes or not sent[0].lower().startswith(_scheme):
        raise Unauthenticated("The Authorization header is not one bearer token.", _how)
    token = sent[0][len(_scheme) :].strip()
    if not token or not all(0x21 <= byte <= 0x7E for byte in token):
        raise Unauthenticated("The Authorization header is not one bearer token.", _how)
    return token.decode("ascii")
