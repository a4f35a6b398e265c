"""How a browser comes to be somebody: a link that works once on this machine, or a token typed into a form.

What a browser then has is a cookie. Without authentication it is a token of the machine's own user that `segue
dashboard` brought about; with authentication it is the user's own token, which is verified anew at each request, so
that it ends here when it ends elsewhere. Nothing of it is kept in the gateway: replicas are interchangeable.
"""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from services.gateway.access.authentication import NoToken, Verifier
from services.gateway.access.identity import LOCAL, LOCAL_USER, Caller
from services.gateway.access.scopes import PAGE
from services.gateway.access.token_verifier import TokenVerifier, itself
from services.gateway.backends import AccessBackend
from services.kit import bearer_token
from services.kit.errors import NotFound, Unauthenticated
from services.pb import access_pb2

link_s = 120.0
"""How long a link waits for its browser."""
local_session_s = 7 * 24 * 3600.0
LINK_USER = "dashboard-link"
"""Whose token a link's code is, in `segue token list`; nobody's, once it is used."""
cookie_max_bytes = 3_800
"""Browsers drop a cookie of more than 4,096, with its name and attributes."""
_form_key = b"segue page form "


class BrowserSessions:
    """Makes, reads and ends browsers' cookies."""

    def __init__(self, verifier: Verifier | None, access: AccessBackend, *, is_secure: bool = False) -> None:
        self._is_local = verifier is None
        self._verifier = verifier or TokenVerifier(access)
        self._access = access
        self._is_secure = is_secure

    @property
    def is_local(self) -> bool:
        """Whether there is one user alone, this machine's own, who comes by a link."""
        return self._is_local

    async def caller(self, scope: Scope) -> Caller:
        """The caller that the request's cookie proves; see `authentication.Verifier`."""
        value = self.cookie(scope)
        if not value:
            raise NoToken("You are not signed in.")
        return await self._caller_of(value)

    def cookie(self, scope: Scope) -> str:
        """The value of the request's cookie; empty if it has none."""
        return read_cookie(scope, self._name(scope))

    async def create_code(self) -> str:
        """A code for a link that works once, soon; empty where users have tokens to sign in with."""
        if not self._is_local:
            return ""
        await self._remove_expired()
        return (await self._create_token(LINK_USER, "read", link_s)).removeprefix(bearer_token.PREFIX)

    async def redeem_code(self, code: str) -> str:
        """The cookie for who came by a link. Unauthenticated for a code that was used, is too old, or never was."""
        wrong = Unauthenticated("This link has been used, or is too old.", "Run `segue dashboard` again.")
        token = bearer_token.PREFIX + code
        if not self._is_local or not bearer_token.is_token(token):
            raise wrong
        try:
            record = await self._record(token)
        except Unauthenticated:
            raise wrong from None
        if record.user != LINK_USER or not await self._revoke(record.id):
            raise wrong
        return await self._create_token(LOCAL_USER, LOCAL.scope.word, local_session_s)

    async def sign_in(self, token: str) -> str:
        """The cookie for who has this token. Raises what a verifier raises."""
        if self._is_local:
            raise Unauthenticated("Nobody signs in here by a token.", "Run `segue dashboard` on this machine.")
        token = token.strip()
        if len(token) > cookie_max_bytes:
            raise Unauthenticated("This token is too long for a browser's cookie.", "Ask the issuer for a shorter one.")
        if not token or not all("\x21" <= each <= "\x7e" and each not in '";,\\' for each in token):
            raise Unauthenticated("This is no token.", "Copy it whole, and nothing beside it.")
        await self._caller_of(token)
        return token

    async def end(self, scope: Scope) -> None:
        """Ends this browser's session; a user's own token goes on elsewhere."""
        value = self.cookie(scope)
        if self._is_local and value:
            with suppress(Unauthenticated):
                await self._revoke((await self._record(value)).id)

    def give(self, response: Response, scope: Scope, value: str) -> None:
        """Hands the cookie to the browser."""
        age = round(local_session_s) if self._is_local else None  # of a token: as long as the browser is open
        set_cookie(response, self._name(scope), value, age, is_secure=self._is_secure)

    def take(self, response: Response, scope: Scope) -> None:
        """Takes the cookie from the browser."""
        response.delete_cookie(self._name(scope), PAGE, secure=self._is_secure, httponly=True, samesite="strict")

    def _name(self, scope: Scope) -> str:
        """Browsers share the cookies of a host among its ports, and there may be a Segue at each."""
        port = Headers(scope=scope).get("host", "").rpartition(":")[2]
        return f"segue_page_{port}" if port.isdecimal() else "segue_page"

    async def _caller_of(self, value: str) -> Caller:
        caller = await self._verifier.verify(value)
        if self._is_local and (caller.user, caller.scope) != (LOCAL_USER, LOCAL.scope):
            raise Unauthenticated("You are not signed in.")
        return caller

    async def _create_token(self, user: str, scope: str, expires_in_s: float) -> str:
        request = access_pb2.CreateTokenRequest(user=user, scope=scope, expires_in_s=expires_in_s)
        made: access_pb2.CreateTokenResponse = await self._access.call(
            self._access.stub.CreateToken, request, user=itself
        )
        return str(made.token)

    async def _record(self, token: str) -> access_pb2.TokenRecord:
        request = access_pb2.AuthenticateRequest(sha256=bearer_token.digest(token))
        found: access_pb2.TokenRecord = await self._access.call(self._access.stub.Authenticate, request, user=itself)
        return found

    async def _revoke(self, id: str) -> bool:
        """Whether it was this call that ended the token; of several at once, one does."""
        request = access_pb2.RevokeTokensRequest(which=id)
        try:
            answer: access_pb2.RevokeTokensResponse = await self._access.call(
                self._access.stub.RevokeTokens, request, user=itself
            )
        except NotFound:
            return False
        return answer.revoked == 1

    async def _remove_expired(self) -> None:
        """Links that nobody followed, and sessions that are over."""
        asked = access_pb2.ListTokensRequest()
        listed: access_pb2.ListTokensResponse = await self._access.call(
            self._access.stub.ListTokens, asked, user=itself
        )
        now = datetime.now(UTC)
        for each in listed.tokens:
            is_over = each.HasField("expires_at") and each.expires_at.ToDatetime(UTC) <= now
            if each.user in {LINK_USER, LOCAL_USER} and is_over:
                await self._revoke(each.id)


def form_token(cookie: str, path: str) -> str:
    """What a form that is sent to `path` has to bring: only a page that this browser was shown can know it."""
    return hmac.new(_form_key + cookie.encode(), path.encode(), hashlib.sha256).hexdigest()[:40]


def is_form_token(given: str, cookie: str, path: str) -> bool:
    """Whether the form came from one of this browser's own pages."""
    return bool(cookie) and hmac.compare_digest(given.encode("utf-8", "replace"), form_token(cookie, path).encode())


def read_cookie(scope: Scope, name: str) -> str:
    """The value of a request's cookie; empty if it has none, or has several of that name."""
    values = []
    for header, value in scope["headers"]:
        if header == b"cookie":
            values += [each for part in value.decode("latin-1").split(";") if (each := _value(part, name)) is not None]
    return values[0] if len(values) == 1 else ""


def _value(part: str, name: str) -> str | None:
    named, equals, value = part.strip().partition("=")
    if named != name or not equals:
        return None
    try:
        parsed = SimpleCookie(f"{name}={value}").get(name)
    except CookieError:
        return None
    return parsed.value if parsed else None


def set_cookie(response: Response, name: str, value: str, age_s: int | None, *, is_secure: bool) -> None:
    """Every cookie of the page: out of scripts' sight, and sent from its own pages alone."""
    response.set_cookie(name, value, age_s, path=PAGE, secure=is_secure, httponly=True, samesite="strict")
