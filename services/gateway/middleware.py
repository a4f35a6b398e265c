"""The middleware that every request passes first: size limits, authentication, rate limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from fastmcp import FastMCP
from starlette.types import ASGIApp

from services.gateway.access.authentication import Authentication, Verifier
from services.gateway.access.identity import Scope
from services.gateway.access.jwt_verifier import METADATA_PATH, IssuedTokens, Issuer, register_metadata
from services.gateway.access.token_verifier import TokenVerifier
from services.gateway.arguments.surrogates import WholeCharacters
from services.gateway.backends import Backends
from services.gateway.config import GatewaySettings
from services.gateway.limits.rate_limits import Allowances, RouteRateLimits
from services.gateway.limits.request_size import BodyLimit, HeadLimit
from services.gateway.page.entry import Entry
from services.gateway.page.failures import PageFailures

Guards: TypeAlias = Callable[[ASGIApp], ASGIApp]


def guards(settings: GatewaySettings, backends: Backends, allowances: Allowances) -> Guards:
    """Wraps an application in them."""
    challenge = f'resource_metadata="{settings.public_url.rstrip("/")}{METADATA_PATH}"'

    def guard(app: ASGIApp) -> ASGIApp:
        app = RouteRateLimits(BodyLimit(WholeCharacters(app), settings.body_max_bytes), allowances)
        by = verifier(settings, backends)
        entry = Entry.of(settings, by, backends.access) if settings.page else None
        told = challenge if _tells_issuer(settings) else ""
        app = HeadLimit(Authentication(app, by, told, entry.browsers if entry else None), settings.head_max_bytes)
        return PageFailures(app, entry.renderer, entry.sign_in) if entry else app

    return guard


def register_issuer(mcp: FastMCP, settings: GatewaySettings) -> None:
    """Publishes the issuer of tokens to clients, if one is set."""
    if _tells_issuer(settings):
        register_metadata(mcp, _issuer(settings), settings.public_url)


def _tells_issuer(settings: GatewaySettings) -> bool:
    return settings.auth == "jwt" and bool(settings.public_url)


def _issuer(settings: GatewaySettings) -> Issuer:
    default = Scope[settings.jwt_default_scope.upper()] if settings.jwt_default_scope else None
    addresses = (settings.jwt_issuer, settings.jwt_audience, settings.jwt_jwks_uri)
    return Issuer(*addresses, settings.jwt_algorithm, settings.jwt_user_claim, settings.jwt_scopes_claim, default)


def verifier(settings: GatewaySettings, backends: Backends) -> Verifier | None:
    """What tells callers by their tokens; None where everybody is the machine's own user."""
    if settings.auth == "jwt":
        return IssuedTokens(_issuer(settings))
    return TokenVerifier(backends.access) if settings.auth == "tokens" else None
