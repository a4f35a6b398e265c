"""Verifies tokens that an OpenID Connect issuer signed: FastMCP's `JWTVerifier`, and the checks that it leaves out.

It checks signature, algorithm, issuer, audience and expiry. Beyond that, a token must have an expiry, must be valid
already, and must name a user and a scope. A failure to fetch the keys is reported apart from a wrong token.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.jwt import JWTVerifier
from pydantic import AnyHttpUrl

from services.gateway.access.identity import LOCAL_USER, Caller, Scope
from services.kit.errors import Denied, Unauthenticated, Unavailable

METADATA_PATH = "/.well-known/oauth-protected-resource/mcp"
"""Where clients learn which issuer to ask (RFC 9728)."""
keys_again_s = 5.0
"""The shortest time between two fetches of the keys, also when a token names an unknown key."""
fetch_timeout_s = 5.0
begins_leeway_s = 60.0
time_max_s = datetime.max.replace(tzinfo=UTC).timestamp()
_user = re.compile(r"[\x21-\x2C\x2E-\x7E][\x21-\x7E]{0,199}")  # a gRPC metadata value; - begins our own


@dataclass(frozen=True, slots=True)
class Issuer:
    """The issuer, the audience, and the names of the claims. `scopes_claim` empty: `scope` or `scp`."""

    url: str
    audience: str
    jwks_uri: str = ""
    algorithm: str = "RS256"
    user_claim: str = "sub"
    scopes_claim: str = ""
    default_scope: Scope | None = None


class IssuedTokens:
    """Verifies the issuer's tokens; fetches its keys when the first token arrives."""

    def __init__(self, issuer: Issuer, again_s: float = keys_again_s) -> None:
        self._issuer = issuer
        self._again_s = again_s
        self._keys: _Keys | None = None

    async def verify(self, token: str) -> Caller:
        """The token's caller; see `authentication.Verifier`."""
        keys = self._keys = self._keys or await self._find_keys()
        access = await keys.verify_token(token)
        if access is None:
            raise Unauthenticated("This token is not the issuer's for this Segue, or it has expired.", "Sign in again.")
        return self._caller(access.claims)

    async def _find_keys(self) -> _Keys:
        issuer = self._issuer
        return _Keys(
            jwks_uri=issuer.jwks_uri or await _discover_keys(issuer.url),
            issuer=issuer.url,
            audience=issuer.audience,
            algorithm=issuer.algorithm,
            jwks_refresh_interval=self._again_s,
        )

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        expires, begins = claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(expires, int | float) or not isinstance(begins, int | float) or expires > time_max_s:
            raise Unauthenticated("This token has no expiry.", "The issuer must set exp.")
        if begins > time.time() + begins_leeway_s:
            raise Unauthenticated("This token is not valid yet.")
        user = claims.get(self._issuer.user_claim)
        if not isinstance(user, str) or not _user.fullmatch(user) or user == LOCAL_USER:
            raise Unauthenticated(f"This token's {self._issuer.user_claim} names no user.")
        return Caller(user, self._scope(claims), datetime.fromtimestamp(expires, UTC))

    def _scope(self, claims: Mapping[str, Any]) -> Scope:
        names = [self._issuer.scopes_claim] if self._issuer.scopes_claim else ["scope", "scp"]
        said = next((claims[name] for name in names if name in claims), "")
        words = said.split() if isinstance(said, str) else said if isinstance(said, list) else []
        granted = [scope for scope in Scope if {scope.word, f"segue:{scope.word}"} & {str(each) for each in words}]
        scope = max(granted, default=self._issuer.default_scope)
        if scope is None:
            raise Denied("This token has none of the scopes read, write and admin.", "The issuer must grant one.")
        return scope


class _Keys(JWTVerifier):
    """FastMCP's verifier, which reports a wrong token even when only the keys could not be fetched."""

    _has_failed = False
    """Whether the last fetch failed; if so, a key that is not cached is unavailable rather than wrong."""

    async def _fetch_jwks(self) -> dict[str, Any]:
        try:
            found = await super()._fetch_jwks()
        except Exception:
            self._has_failed = True
            raise
        self._has_failed = False
        return found

    async def _get_jwks_key(self, kid: str | None) -> str:
        """The key of this token; a token whose key is cached does not wait for a fetch that others started."""
        try:
            return await super()._get_jwks_key(kid)
        except ValueError as error:
            if self._has_failed:
                raise _unreachable() from error
            raise


async def _discover_keys(issuer: str) -> str:
    """The address of the issuer's keys, from its OpenID Connect configuration."""
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        async with httpx2.AsyncClient(timeout=fetch_timeout_s) as client:
            answer = await client.get(address)
            answer.raise_for_status()
            configuration = answer.json()
        said, found = configuration["issuer"], configuration["jwks_uri"]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        raise _unreachable() from error
    if not isinstance(found, str) or not isinstance(said, str) or said.rstrip("/") != issuer.rstrip("/"):
        raise _unreachable()  # the configuration is invalid, or names another issuer
    return found


def _unreachable() -> Unavailable:
    error = Unavailable("The issuer's keys cannot be fetched, so nobody's token can be checked.", "Try again later.")
    error.service = "session"
    return error


def register_metadata(mcp: FastMCP, issuer: Issuer, public_url: str) -> None:
    """Publishes which issuer clients must use, through FastMCP's own routes."""
    keys = JWTVerifier(jwks_uri=f"{issuer.url}/unused", issuer=issuer.url, audience=issuer.audience)
    words = [scope.word for scope in Scope]
    provider = RemoteAuthProvider(keys, [AnyHttpUrl(issuer.url)], public_url, scopes_supported=words)
    for route in provider.get_routes("/mcp"):
        mcp.custom_route(route.path, ["GET"])(route.endpoint)
