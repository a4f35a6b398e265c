"""The first token is made where the store is: on the machine of the data directory, or in compose by one `exec`."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from typing import Any

import pytest

from services.kit import bearer_token
from tests.integration.stack import ComposeStack, Stack, segue


def token(stack: Stack, *arguments: str) -> str:
    """What `segue token` prints there."""
    if isinstance(stack, ComposeStack):
        return stack.compose("exec", "-T", "session", "python", "-m", "services.cli", "token", *arguments)
    done = segue(stack, "token", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(stack: Stack) -> Sequence[dict[str, Any]]:
    """What the gateway, which here asks nobody who they are, says of all tokens."""
    with urllib.request.urlopen(stack.url.removesuffix("/mcp") + "/v1/tokens", timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)["tokens"]
        return found


def test_a_token_that_was_made_beside_the_gateway_is_the_gateways(stack: Stack) -> None:
    made = token(stack, "create", "grace", "--scope", "admin", "--expires", "1h").strip()
    assert bearer_token.is_token(made)
    (record,) = [each for each in listed(stack) if each["user"] == "grace"]
    assert record["scope"] == "admin"
    assert record["expires_at"]
    assert "grace" in token(stack, "list")
    assert token(stack, "revoke", record["id"]).startswith("1 token revoked")
    assert not [each for each in listed(stack) if each["user"] == "grace"]


STRANGER = """
import asyncio
from services.kit.transport import rpc
from services.kit.errors import NotReady
from services.pb import access_pb2, access_pb2_grpc

async def main():
    async with rpc.open_channel("session:50051") as channel:
        method = access_pb2_grpc.AccessStub(channel).ListTokens
        try:
            await rpc.call(method, access_pb2.ListTokensRequest(), user="ada", timeout_s=10)
        except NotReady as refusal:
            print(refusal.message)

asyncio.run(main())
"""


@pytest.mark.containers
@pytest.mark.parametrize("stack", ["compose"], indirect=True)
def test_in_compose_the_services_take_calls_from_their_own_alone(stack: ComposeStack) -> None:
    """The same network is not enough."""
    stranger = ("exec", "-T", "-e", "SEGUE_SERVICE_SECRET_FILE=", "gateway", "python", "-c", STRANGER)
    assert "only from Segue's own processes" in stack.compose(*stranger)
