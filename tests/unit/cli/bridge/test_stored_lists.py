"""What the bridge answers while the local server starts is what a gateway of this version answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from services.cli.bridge.messages import Message
from services.cli.bridge.stored_lists import DISCOVER, LISTS, REMEMBERED, SHIPPED, TOOLS, StoredLists
from services.gateway.app import open_gateway
from services.gateway.config import GatewaySettings
from tests.integration.connect import stored_lists


def request(method: str, **params: Any) -> Message:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


def standalone(method: str) -> Message:
    return request(method, _meta={"io.modelcontextprotocol/protocolVersion": stored_lists.STANDALONE})


def result(lists: StoredLists, asked: Message) -> Any:
    answer = lists.answer(asked)
    assert answer
    assert answer["id"] == asked["id"]
    return answer["result"]


async def test_stored_answers_are_the_gateways_own_in_both_eras(tmp_path: Path) -> None:
    lists = StoredLists(tmp_path)
    async with open_gateway(GatewaySettings(port=0)) as gateway:
        told = await asyncio.to_thread(stored_lists.content, gateway.url)
        assert SHIPPED.read_text() == told, "run `python -m tests.integration.connect.stored_lists`"
        for method in (DISCOVER, *LISTS):
            real = await asyncio.to_thread(stored_lists.standalone, gateway.url, method)
            assert result(lists, standalone(method)) == real
        for version in ("2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28", "1999-01-01"):
            real = await asyncio.to_thread(stored_lists.initialized, gateway.url, version)
            assert result(lists, request("initialize", protocolVersion=version)) == real
        for method in LISTS:
            assert result(lists, request(method)) == await asyncio.to_thread(stored_lists.listed, gateway.url, method)


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read", "completion/complete", "nonsense"])
def test_what_only_a_gateway_can_answer_is_left_to_it(tmp_path: Path, method: str) -> None:
    lists = StoredLists(tmp_path)
    assert lists.answer(request(method, name="init")) is None
    assert lists.answer(request(TOOLS, cursor="x")) is None


def test_a_gateway_that_shows_other_tools_is_remembered_and_told_of_once(tmp_path: Path) -> None:
    lists = StoredLists(tmp_path)
    shipped = result(lists, request(TOOLS))["tools"]
    assert lists.remember(shipped) is False
    assert not (tmp_path / REMEMBERED).exists()
    result(lists, request(TOOLS))
    assert lists.remember(shipped[:2]) is True
    assert lists.remember(shipped[:2]) is False
    assert result(StoredLists(tmp_path), request(TOOLS))["tools"] == shipped[:2]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"version": "0.0.0", "tools": []}', '{"version": 1}', "[" * 9_000])
def test_what_is_remembered_of_another_version_or_badly_counts_as_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / REMEMBERED).write_text(content)
    assert result(StoredLists(tmp_path), request(TOOLS)) == json.loads(SHIPPED.read_text())[TOOLS]
