"""What a stored turn is stands in its metadata, unless it is switched off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.calls import call
from tests.integration.stack import ProcessStack, Stack, client

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


@pytest.mark.slow
async def test_telling_turns_apart_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_MEMORY_TURN_KINDS", "false")
    with ProcessStack(tmp_path) as stack:
        assert await kind_of(stack, NARRATION, role="assistant") == ""
