"""The gRPC interface of tokens and rate limits. The gateway has already checked the caller's scope."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.errors import InvalidInput
from services.kit.token_bucket import Allowance, Rate
from services.kit.transport import rpc
from services.pb import access_pb2 as pb
from services.pb import access_pb2_grpc
from services.session.domain.tokens import Token, Tokens


class AccessServicer(access_pb2_grpc.AccessServicer):
    """Each method implements the rpc of its name in access.proto."""

    def __init__(self, tokens: Tokens, allowance: Allowance) -> None:
        self._tokens = tokens
        self._allowance = allowance

    async def Authenticate(self, request: pb.AuthenticateRequest, _: Any) -> pb.TokenRecord:
        return _record(await self._tokens.authenticate(request.sha256))

    async def CreateToken(self, request: pb.CreateTokenRequest, _: Any) -> pb.CreateTokenResponse:
        token, shown = await self._tokens.create(request.user, request.scope, request.expires_in_s)
        return pb.CreateTokenResponse(record=_record(token), token=shown)

    async def ListTokens(self, _: pb.ListTokensRequest, __: Any) -> pb.ListTokensResponse:
        return pb.ListTokensResponse(tokens=[_record(each) for each in await self._tokens.every()])

    async def RevokeTokens(self, request: pb.RevokeTokensRequest, _: Any) -> pb.RevokeTokensResponse:
        return pb.RevokeTokensResponse(revoked=await self._tokens.revoke(request.which))

    async def Spend(self, request: pb.SpendRequest, _: Any) -> pb.SpendResponse:
        if request.calls < 1 or request.per_minute <= 0 or request.burst < 1:
            raise InvalidInput("calls, per_minute and burst must be greater than zero.")
        rate = Rate(request.per_minute, request.burst)
        granted = await self._allowance.take(rpc.caller.get(), request.calls, rate)
        return pb.SpendResponse(granted=granted.calls, retry_after_s=granted.retry_after_s)


def _record(token: Token) -> pb.TokenRecord:
    return pb.TokenRecord(
        id=token.id,
        user=token.user,
        scope=token.scope,
        created_at=_time(token.created_at),
        expires_at=_time(token.expires_at),
        last_used_at=_time(token.last_used_at),
    )


def _time(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    made = Timestamp()
    made.FromDatetime(at)
    return made
