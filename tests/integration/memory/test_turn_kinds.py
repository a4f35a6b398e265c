"""What a stored turn is stands in its metadata, unless it is switched off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.memory.text.turn_kinds import NAMED
from tests.integration.calls import call
from tests.integration.stack import ProcessStack, Stack, client
from tests.servers.postgres import database_of

NARRATION = "Let me have a look at the configuration of the gateway."


async def kind_of(stack: Stack, content: str, **fields: Any) -> str:
    stored = await call(stack, "store_conversation", content=content, project="kinds", **fields)
    found = await call(stack, "get_memory", id=stored["conversation_id"])
    return str(found["memory"].get("metadata", {}).get("turn_kind", ""))


async def test_a_turn_is_told_apart_when_it_is_stored(stack: Stack) -> None:
    assert await kind_of(stack, NARRATION, role="assistant") == "narration"
    assert await kind_of(stack, "Which of the two queues is drained first?", role="user") == "question"


async def test_what_a_client_says_of_its_turn_stands(stack: Stack) -> None:
    said = {"turn_kind": "a joke"}
    assert await kind_of(stack, "Let me have a look at the lamps.", role="assistant", metadata=said) == "a joke"


async def test_a_turn_said_again_is_the_same_memory(stack: Stack) -> None:
    text = "Let me check how the certificates are renewed."
    first = await call(stack, "store_conversation", content=text, project="kinds", role="assistant", session_id="s1")
    again = await call(stack, "store_conversation", content=text, project="kinds", role="assistant", session_id="s1")
    assert again["duplicate"]
    assert again["conversation_id"] == first["conversation_id"]


async def test_another_text_is_told_apart_anew(stack: Stack) -> None:
    stored = await call(stack, "store_conversation", content=NARRATION + " Now.", project="kinds", role="assistant")
    changed = "Which of the three queues is drained first?"
    await call(stack, "update_memory", id=stored["conversation_id"], content=changed)
    found = await call(stack, "get_memory", id=stored["conversation_id"])
    assert found["memory"]["metadata"].get("turn_kind") != "narration"


async def test_what_nobody_of_the_conversation_said_is_no_turn(stack: Stack) -> None:
    assert await kind_of(stack, "Let me have a look at the third lamp.") == ""
    async with client(stack) as mcp:
        stored = await mcp.call_tool("store_reflection", {"content": "thanks a lot, bye", "project": "kinds"})
    reflection = await call(stack, "get_memory", id=stored.structured_content["reflection_id"])
    assert not reflection["memory"].get("metadata")


async def ids_of(stack: Stack, tool: str, **asked: Any) -> list[str]:
    answer = await call(stack, tool, **asked)
    return [each["id"] for each in answer["memories" if tool == "list_memories" else "results"]]


async def check_filters(stack: Stack, project: str) -> None:
    said = [("assistant", NARRATION), ("user", "Which of the two queues of the gateway is drained first?")]
    kinds = ("narration", "question")
    stored = [await call(stack, "store_conversation", content=text, role=role, project=project) for role, text in said]
    await call(stack, "store_reflection", content="The gateway has two queues.", project=project)
    for kind, each in zip(kinds, stored, strict=True):
        wanted = {"project": project, "turn_kind": kind}
        assert await ids_of(stack, "list_memories", **wanted) == [each["conversation_id"]]
        assert await ids_of(stack, "advanced_search", query="gateway", min_score=0, **wanted) == [
            each["conversation_id"]
        ]
        assert await ids_of(stack, "advanced_search", sort="newest", **wanted) == [each["conversation_id"]]
    assert await ids_of(stack, "list_memories", project=project, turn_kind="plan") == []


async def test_lists_and_searches_can_be_of_one_kind(stack: Stack, project: str) -> None:
    await check_filters(stack, project)


@pytest.mark.slow
async def test_they_can_on_postgresql_and_after_a_restart(tmp_path: Path) -> None:
    url = database_of(tmp_path)
    with ProcessStack(tmp_path, SEGUE_MEMORY_DATABASE_URL=url) as stack:
        await check_filters(stack, "kinds")
        stack.restart()
        assert len(await ids_of(stack, "list_memories", project="kinds", turn_kind="question")) == 1


@pytest.mark.parametrize("tool", ["list_memories", "advanced_search"])
async def test_an_unknown_kind_is_refused_and_the_kinds_are_named(stack: Stack, tool: str) -> None:
    async with client(stack) as mcp:
        result = await mcp.call_tool(tool, {"turn_kind": "joke"}, raise_on_error=False)
    assert result.structured_content is not None
    assert result.structured_content["error_code"] == "INVALID_INPUT"
    assert all(each in str(result.structured_content) for each in NAMED)


@pytest.mark.slow
async def test_telling_turns_apart_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_MEMORY_TURN_KINDS", "false")
    with ProcessStack(tmp_path) as stack:
        assert await kind_of(stack, NARRATION, role="assistant") == ""
