"""How somebody gets in, and out: by a link of `segue dashboard`, or by a token and a form."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.gateway.access.browser_sessions import BrowserSessions, read_cookie, set_cookie
from services.gateway.access.scopes import PAGE, is_page
from services.gateway.page import notices
from services.gateway.page.forms import read_form
from services.gateway.page.policy import HEADERS
from services.gateway.page.rendering import Renderer, here
from services.gateway.page.tool_calls import explain
from services.gateway.page.viewer import ZONE_COOKIE, zone_named
from services.kit.errors import InvalidInput, ServiceError

NONCE_COOKIE = "segue_form"
HOME = f"{PAGE}/today"
SIGN_IN = f"{PAGE}/sign-in"
zone_kept_s = 365 * 24 * 3600


class SignIn:
    """The endpoints."""

    def __init__(self, browsers: BrowserSessions, renderer: Renderer, public_url: str) -> None:
        self._browsers = browsers
        self._renderer = renderer
        self._public_url = public_url

    async def links(self, _: Request) -> Response:
        """`POST /v1/page/links` → the address that opens the page: once, for the machine's own user; for who has a
        token, the one where it is asked for."""
        code = await self._browsers.create_code()
        path = f"{PAGE}/enter?code={code}" if code else SIGN_IN
        return JSONResponse({"path": path}, headers={"cache-control": "no-store"})

    async def enter(self, request: Request) -> Response:
        """Who comes by the link gets a cookie for it."""
        if request.method != "GET":
            return Response(status_code=405, headers={"allow": "GET"})
        try:
            value = await self._browsers.redeem_code(request.query_params.get("code", ""))
        except ServiceError as error:
            content, status = explain(error)
            return self.response(request, status, content["error"])
        return self._welcome(request, value, HOME)

    async def show(self, request: Request) -> Response:
        """The form, or what to do instead."""
        return self.response(request, 200, "")

    async def sign_in(self, request: Request) -> Response:
        """Who has a token gets a cookie."""
        nonce = read_cookie(request.scope, NONCE_COOKIE)
        try:
            fields = await read_form(request, nonce, self._public_url)
            value = await self._browsers.sign_in(fields.text("token"))
        except ServiceError as error:
            content, status = explain(error)
            return self.response(request, status, content["error"])
        wanted = fields.text("next")
        return self._welcome(request, value, wanted if is_own_address(wanted) else HOME)

    async def sign_out(self, request: Request) -> Response:
        """The browser's cookie is taken, and a local session ends."""
        await read_form(request, self._browsers.cookie(request.scope), self._public_url)
        await self._browsers.end(request.scope)
        response = RedirectResponse(SIGN_IN, 303, HEADERS)
        self._browsers.take(response, request.scope)
        return response

    async def zone(self, request: Request) -> Response:
        """The time zone that the browser tells, or a person chose."""
        fields = await read_form(request, self._browsers.cookie(request.scope), self._public_url)
        name, back = fields.text("zone"), fields.text("back")
        if zone_named(name) is None:
            raise InvalidInput("There is no such time zone.", "Choose one of the list, such as Europe/Berlin.")
        response = RedirectResponse(back if is_own_address(back) else HOME, 303, HEADERS)
        set_cookie(response, ZONE_COOKIE, name, zone_kept_s, is_secure=self._renderer.is_secure)
        if not fields.has("quietly"):
            notices.leave(response, notices.Notice("zone"), is_secure=self._renderer.is_secure)
        return response

    def response(self, request: Request, status: int, problem: str) -> Response:
        """The page that says how to get in."""
        nonce = read_cookie(request.scope, NONCE_COOKIE) or secrets.token_urlsafe(24)
        wanted = here(request) if request.method == "GET" else HOME
        wanted = HOME if wanted.startswith((SIGN_IN, f"{PAGE}/enter")) else wanted
        response = self._renderer.response(
            request, "sign_in.html", status, problem=problem, nonce=nonce, action=SIGN_IN, next=wanted
        )
        set_cookie(response, NONCE_COOKIE, nonce, None, is_secure=self._renderer.is_secure)
        return response

    def _welcome(self, request: Request, value: str, wanted: str) -> Response:
        response = RedirectResponse(wanted, 303, HEADERS)
        self._browsers.give(response, request.scope, value)
        return response


def is_own_address(text: str) -> bool:
    """Whether a text is an address of the page, and leads nowhere else."""
    parts = urlsplit(text)
    is_plain = text.isprintable() and "\\" not in text
    return is_plain and not parts.scheme and not parts.netloc and is_page(parts.path) and not text.startswith("//")
