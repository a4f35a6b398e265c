"""`/v1/tokens`: makes, lists and revokes bearer tokens, for whoever holds one of scope admin."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.argument_forms import without_nulls
from services.gateway.backends import AccessBackend
from services.gateway.bulk import status_of
from services.gateway.errors import failure
from services.gateway.tools.shapes import iso
from services.kit.errors import InvalidInput
from services.pb import access_pb2

_times: tuple[Literal["created_at", "expires_at", "last_used_at"], ...] = ("created_at", "expires_at", "last_used_at")


class TokenEndpoint:
    """POST makes one and shows it, this once; GET lists what is known of all; POST to `revoke` ends some."""

    def __init__(self, access: AccessBackend) -> None:
        self._access = access

    async def create(self, request: Request) -> Response:
        """`{"user", "scope", "expires_in_s"}` → the token and its record."""
        return await _answered(self._create, request)

    async def list(self, request: Request) -> Response:
        """All records, oldest first."""
        return await _answered(self._list, request)

    async def revoke(self, request: Request) -> Response:
        """`{"which": an id or a user}` → how many."""
        return await _answered(self._revoke, request)

    async def _create(self, request: Request) -> dict[str, Any]:
        fields = await _fields(request)
        user, scope, expires_in_s = fields.get("user"), fields.get("scope", "write"), fields.get("expires_in_s", 0)
        if not isinstance(user, str) or not isinstance(scope, str) or type(expires_in_s) not in {int, float}:
            raise InvalidInput("user and scope are words, expires_in_s is a number.")
        asked = access_pb2.CreateTokenRequest(user=user, scope=scope, expires_in_s=expires_in_s)
        made: access_pb2.CreateTokenResponse = await self._access.call(self._access.stub.CreateToken, asked)
        return {"token": made.token, **_record(made.record)}

    async def _list(self, _: Request) -> dict[str, Any]:
        found: access_pb2.ListTokensResponse = await self._access.call(
            self._access.stub.ListTokens, access_pb2.ListTokensRequest()
        )
        return {"tokens": [_record(each) for each in found.tokens]}

    async def _revoke(self, request: Request) -> dict[str, Any]:
        which = (await _fields(request)).get("which")
        if not isinstance(which, str):
            raise InvalidInput("which is an id or a name.")
        asked = access_pb2.RevokeTokensRequest(which=which)
        answer: access_pb2.RevokeTokensResponse = await self._access.call(self._access.stub.RevokeTokens, asked)
        return {"revoked": answer.revoked}


async def _answered(ask: Callable[[Request], Awaitable[dict[str, Any]]], request: Request) -> Response:
    try:
        return JSONResponse(await ask(request), headers={"cache-control": "no-store"})
    except Exception as error:
        content = failure(error)
        return JSONResponse(content, status_of(error, content["error_code"]))


async def _fields(request: Request) -> dict[str, Any]:
    try:
        fields = json.loads(await request.body())
    except ValueError as error:
        raise InvalidInput("The body is no JSON.") from error
    if not isinstance(fields, dict):
        raise InvalidInput("The body is no JSON object.")
    return without_nulls(fields)


def _record(record: access_pb2.TokenRecord) -> dict[str, Any]:
    times: dict[str, Any] = {name: iso(getattr(record, name)) if record.HasField(name) else None for name in _times}
    return {"id": record.id, "user": record.user, "scope": record.scope, **times}
