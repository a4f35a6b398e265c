"""How much each user may: calls a minute and at once, each told when to try again, and nobody at another's cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from services.gateway.app import open_gateway
from services.gateway.backends import open_backends
from services.gateway.config import GatewaySettings
from services.gateway.limits.rate_limits import Allowances
from services.kit.errors import RateLimited
from services.session.app import open_session
from services.session.config import SessionSettings
from services.session.domain.tokens import Tokens
from services.session.store.sqlite import open_sqlite
from tests.integration.team import Answer, TeamStack, request


class Team:
    """A gateway that asks for tokens, with a session service and nothing else."""

    def __init__(self, url: str, tokens: dict[str, str]) -> None:
        self.url = url
        self.tokens = tokens

    async def ask(self, user: str, path: str = "/metrics") -> Answer:
        headers: list[tuple[str, str | bytes]] = [("Authorization", f"Bearer {self.tokens[user]}")]
        return await asyncio.to_thread(request, self.url, "GET", path, headers)

    def client(self, user: str, mode: str = "auto") -> Client:  # type: ignore[type-arg]
        return Client(self.url, auth=self.tokens[user], mode=mode)


@asynccontextmanager
async def team(directory: Path, **settings: Any) -> AsyncIterator[Team]:
    session, nowhere = f"unix:{directory}/session", f"unix:{directory}/nowhere"
    targets: dict[str, Any] = {"session_target": session, "memory_target": nowhere, "quality_target": nowhere}
    async with open_session(SessionSettings(address=session, directory=directory)):
        async with open_sqlite(directory / "session.sqlite", queue_max=10) as store:
            tokens = {user: (await Tokens(store.tokens).create(user, "write", 0))[1] for user in ("ada", "bob")}
        async with open_gateway(GatewaySettings(port=0, auth="tokens", **targets, **settings)) as gateway:
            yield Team(gateway.url, tokens)


async def test_a_route_over_the_rate_says_when_and_others_go_on(tmp_path: Path) -> None:
    async with team(tmp_path, calls_per_minute=5) as segue:
        assert [(await segue.ask("ada")).status for _ in range(5)] == [200] * 5
        refused = await segue.ask("ada")
        assert refused.status == 429
        assert refused.content["error_code"] == "LIMIT_EXCEEDED"
        assert refused.content["reason"] == "later"
        assert 0 < refused.content["retry_after_s"] <= 13
        assert refused.headers["retry-after"] == str(refused.content["retry_after_s"])
        assert (await segue.ask("bob")).status == 200
        assert (await segue.ask("ada", "/health")).status == 200


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_tool_over_the_rate_says_when_in_words_and_in_fields(tmp_path: Path, mode: str) -> None:
    async with team(tmp_path, calls_per_minute=20) as segue, segue.client("ada", mode) as ada:
        content: dict[str, Any] = {}
        for _ in range(200):  # on a slow machine some of the allowance comes back meanwhile
            result = await ada.call_tool("list_sessions", {}, raise_on_error=False)
            content = result.structured_content
            if not content["success"]:
                break
        assert content["error_code"] == "LIMIT_EXCEEDED"
        assert content["success"] is False
        assert 0 < content["retry_after_s"] <= 4
        assert f"try again in {content['retry_after_s']} s" in content["error"]
        async with segue.client("bob", mode) as bob:
            answer = await bob.call_tool("list_sessions", {})
            assert answer.structured_content["success"] is True


async def test_calls_at_once_are_counted_for_each_user_and_given_back(tmp_path: Path) -> None:
    nowhere = GatewaySettings(session_target=f"unix:{tmp_path}/nowhere")
    async with open_backends(nowhere) as backends:
        allowances = Allowances(backends.access, calls_per_minute=600, calls_at_once=2)
        with allowances.running("ada"), allowances.running("ada"), allowances.running("bob"):
            with pytest.raises(RateLimited, match="2 calls at once") as refused, allowances.running("ada"):
                pass
            assert refused.value.retry_after_s >= 1
        with allowances.running("ada"), allowances.running("ada"):
            pass


async def test_a_gateway_counts_for_itself_while_sessions_are_down(tmp_path: Path) -> None:
    nowhere = GatewaySettings(session_target=f"unix:{tmp_path}/nowhere")
    async with open_backends(nowhere) as backends:
        allowances = Allowances(backends.access, calls_per_minute=3, calls_at_once=9)
        for _ in range(3):
            await allowances.spend("ada")
        with pytest.raises(RateLimited, match="3 calls a minute"):
            await allowances.spend("ada")
        await allowances.spend("bob")


async def test_gateways_share_one_allowance(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/session"
    settings = GatewaySettings(session_target=address)
    async with (
        open_session(SessionSettings(address=address, directory=tmp_path)),
        open_backends(settings) as one,
        open_backends(settings) as other,
    ):
        gateways = [Allowances(each.access, calls_per_minute=4, calls_at_once=9) for each in (one, other)]
        for turn in range(4):
            await gateways[turn % 2].spend("ada")
        for each in gateways:
            with pytest.raises(RateLimited):
                await each.spend("ada")


@pytest.mark.slow
async def test_a_user_over_the_quota_is_told_what_to_do_and_others_go_on(tmp_path: Path, model_directory: Path) -> None:
    limits = {"SEGUE_GATEWAY_MEMORIES_MAX": "3", "SEGUE_GATEWAY_MEMORIES_MAX_BYTES": "1000"}
    with TeamStack(tmp_path / "data", model_directory, **limits) as stack:
        async with stack.client("ada") as ada, stack.client("bob") as bob:

            async def store(client: Any, content: str) -> dict[str, Any]:
                result = await client.call_tool("store_reflection", {"content": content}, raise_on_error=False)
                content_of: dict[str, Any] = result.structured_content
                return content_of

            kept = [await store(ada, f"Memory number {number} of three.") for number in range(3)]
            refused = await store(ada, "One too many.")
            assert refused["error_code"] == "LIMIT_EXCEEDED"
            assert "3 memories" in refused["error"]
            assert any("delete_conversations" in each for each in refused["suggestions"])
            batch = b'{"content": "one more"}\n{"content": "and another"}\n'
            assert stack.ask("POST", "/v1/memories", stack.token("ada"), batch).status == 403
            assert (await store(bob, "x" * 900))["success"] is True
            too_large = await store(bob, "y" * 200)
            assert "1,000 bytes" in too_large["error"]
            chosen = {"ids": [kept[0]["reflection_id"]]}
            asked = (await ada.call_tool("delete_conversations", chosen)).structured_content
            confirmed = chosen | {"confirm": True, "confirmation_token": asked["confirmation_token"]}
            assert (await ada.call_tool("delete_conversations", confirmed)).structured_content["deleted"] == 1
            assert (await store(ada, "There is room again."))["success"] is True
