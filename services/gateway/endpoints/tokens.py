"""`/v1/tokens`: makes, lists and revokes bearer tokens, for callers with the admin scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.backends import AccessBackend
from services.gateway.endpoints.json_requests import caller_mistakes, fields
from services.gateway.tools.memory_results import iso
from services.kit.errors import InvalidInput
from services.pb import access_pb2

_times: tuple[Literal["created_at", "expires_at", "last_used_at"], ...] = ("created_at", "expires_at", "last_used_at")


class TokenEndpoint:
    """POST makes a token and shows it this once; GET lists all records; POST to `revoke` revokes some."""

    def __init__(self, access: AccessBackend) -> None:
        self._access = access

    async def create(self, request: Request) -> Response:
        """`{"user", "scope", "expires_in_s"}` → the token and its record."""
        with caller_mistakes("The body"):
            asked = _create_request(await fields(request))
        made: access_pb2.CreateTokenResponse = await self._access.call(self._access.stub.CreateToken, asked)
        return _uncached_response({"token": made.token, **_record(made.record)})

    async def list(self, _: Request) -> Response:
        """All records, oldest first."""
        found: access_pb2.ListTokensResponse = await self._access.call(
            self._access.stub.ListTokens, access_pb2.ListTokensRequest()
        )
        return _uncached_response({"tokens": [_record(each) for each in found.tokens]})

    async def revoke(self, request: Request) -> Response:
        """`{"which": an id or a user}` → how many were revoked."""
        which = (await fields(request)).get("which")
        if not isinstance(which, str):
            raise InvalidInput("which is an id or a name.")
        with caller_mistakes("which"):
            asked = access_pb2.RevokeTokensRequest(which=which)
        answer: access_pb2.RevokeTokensResponse = await self._access.call(self._access.stub.RevokeTokens, asked)
        return _uncached_response({"revoked": answer.revoked})


def _uncached_response(content: Mapping[str, Any]) -> Response:
    """A response that no cache on the way may store."""
    return JSONResponse(content, headers={"cache-control": "no-store"})


def _create_request(fields: Mapping[str, Any]) -> access_pb2.CreateTokenRequest:
    user, scope, expires_in_s = fields.get("user"), fields.get("scope", "write"), fields.get("expires_in_s", 0)
    if not isinstance(user, str) or not isinstance(scope, str) or type(expires_in_s) not in {int, float}:
        raise InvalidInput("user and scope are words, expires_in_s is a number.")
    return access_pb2.CreateTokenRequest(user=user, scope=scope, expires_in_s=expires_in_s)


def _record(record: access_pb2.TokenRecord) -> dict[str, Any]:
    times: dict[str, Any] = {name: iso(getattr(record, name)) if record.HasField(name) else None for name in _times}
    return {"id": record.id, "user": record.user, "scope": record.scope, **times}
