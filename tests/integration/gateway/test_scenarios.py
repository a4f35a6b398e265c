"""What users do, through the gateway, on one process and on compose alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.calls import call
from tests.integration.stack import Stack, client, segue

UNITS = [
    ("store_conversation", {"content": ""}, "INVALID_INPUT"),
    ("store_conversation", {"content": " \n\t"}, "INVALID_INPUT"),
    ("store_conversation", {"content": "x" * 300_000}, "LIMIT_EXCEEDED"),
    ("store_conversation", {"content": "x", "timestamp": "2026-01-01T10:00:00"}, "INVALID_INPUT"),
    ("store_conversation", {"content": "x", "timestamp": "2026-02-30T10:00:00+00:00"}, "INVALID_INPUT"),
    ("store_conversation", {"content": "x", "timestamp": "9999-12-31T23:59:59-23:00"}, "INVALID_INPUT"),
    ("store_conversation", {"content": "x", "timestamp": "1900-01-01T00:00:00+00:00"}, "INVALID_INPUT"),
    ("store_conversation", {"content": "x", "project": "p" * 201}, "LIMIT_EXCEEDED"),
    ("store_conversation", {"content": 5}, "INVALID_INPUT"),
    ("store_conversation", {}, "INVALID_INPUT"),
    ("store_reflection", {"content": "x", "tags": ["t"] * 51}, "LIMIT_EXCEEDED"),
    ("reflect_on_past", {"query": ""}, "INVALID_INPUT"),
    ("reflect_on_past", {"query": "x" * 10_001}, "LIMIT_EXCEEDED"),
    ("reflect_on_past", {"query": "x", "limit": 0}, "INVALID_INPUT"),
    ("reflect_on_past", {"query": "x", "limit": 10_000}, "INVALID_INPUT"),
    ("reflect_on_past", {"query": "x", "min_score": 1.5}, "INVALID_INPUT"),
    ("get_memory", {"id": "nobody-has-this"}, "NOT_FOUND"),
    ("get_memory", {"id": "x", "neighbours": 21}, "INVALID_INPUT"),
    ("delete_conversations", {}, "INVALID_INPUT"),
    ("delete_conversations", {"ids": ["x"], "confirm": True}, "INVALID_INPUT"),
    ("delete_conversations", {"ids": ["x"], "confirm": True, "confirmation_token": "forged"}, "CONFLICT"),
]


async def test_a_reflection_is_found_by_a_paraphrase(stack: Stack, project: str) -> None:
    await call(stack, "store_reflection", content="Bread needs flour, water, salt and yeast.", project=project)
    stored = await call(
        stack,
        "store_reflection",
        content="We picked gRPC over REST because the contracts are typed.",
        tags=["architecture", "architecture", " "],
        project=project,
    )
    assert stored["tags_applied"] == ["architecture"]
    assert stored["embedding_generated"] is True
    query = "reason for the choice of remote call protocol"
    found = await call(stack, "reflect_on_past", query=query, project=project, min_score=0)
    best = found["results"][0]
    assert best["id"] == stored["reflection_id"]
    assert best["matched"] in {"semantic", "both"}
    assert found["search_strategy"] == "hybrid"
    assert 0 < best["score"] <= 1


async def test_a_conversation_comes_back_as_it_was_stored(stack: Stack, project: str) -> None:
    stored = await call(
        stack,
        "store_conversation",
        content="naïve café — 日本語 🎉\nsecond line",
        project=project,
        session_id="s-1",
        role="assistant",
        timestamp="2026-03-01T10:00:00+05:30",
        metadata={"line": 7, "files": ["a.py"], "nested": {"ok": None}},
    )
    memory = (await call(stack, "get_memory", id=stored["conversation_id"]))["memory"]
    assert memory["content"] == "naïve café — 日本語 🎉\nsecond line"
    assert memory["metadata"] == {"line": 7, "files": ["a.py"], "nested": {"ok": None}}
    assert datetime.fromisoformat(memory["timestamp"]) == datetime(2026, 3, 1, 4, 30, tzinfo=UTC)
    assert (memory["session_id"], memory["role"], memory["kind"]) == ("s-1", "assistant", "conversation")


async def test_neighbours_are_the_session_in_order(stack: Stack, project: str) -> None:
    ids = []
    for minute in (3, 1, 2, 0):
        stored = await call(
            stack,
            "store_conversation",
            content=f"turn of minute {minute}",
            project=project,
            session_id="s",
            timestamp=f"2026-03-01T10:0{minute}:00+00:00",
        )
        ids.append(stored["conversation_id"])
    answer = await call(stack, "get_memory", id=ids[2], neighbours=2)
    assert [each["content"][-1] for each in answer["before"]] == ["0", "1"]
    assert [each["content"][-1] for each in answer["after"]] == ["3"]
    found = await call(stack, "reflect_on_past", query="turn of minute 2", project=project, limit=1)
    assert found["results"][0]["context"]["after"] == "turn of minute 3"


async def test_the_same_text_in_the_same_project_is_stored_once(stack: Stack, project: str) -> None:
    first = await call(stack, "store_reflection", content="Say it  once.", project=project)
    again = await call(stack, "store_reflection", content="Say it once.\n", project=project)
    elsewhere = await call(stack, "store_reflection", content="Say it once.", project=f"{project}-2")
    assert (first["duplicate"], again["duplicate"], elsewhere["duplicate"]) == (False, True, False)
    assert again["reflection_id"] == first["reflection_id"] != elsewhere["reflection_id"]
    assert (await call(stack, "reflection_stats", project=project))["total_reflections"] == 1


async def test_a_search_stays_in_its_project_and_keeps_its_limit(stack: Stack, project: str) -> None:
    for number in range(5):
        await call(stack, "store_reflection", content=f"the lighthouse number {number}", project=project)
        await call(stack, "store_reflection", content=f"the lighthouse elsewhere {number}", project=f"{project}-2")
    found = await call(stack, "reflect_on_past", query="lighthouse", project=project, limit=3)
    assert {each["project"] for each in found["results"]} == {project}
    assert len(found["results"]) == 3
    scores = [each["score"] for each in found["results"]]
    assert scores == sorted(scores, reverse=True)


async def test_max_tokens_cuts_at_a_whole_result_and_says_so(stack: Stack, project: str) -> None:
    for number in range(4):
        await call(stack, "store_reflection", content=f"{number} " + "harbour " * 50, project=project)
    found = await call(stack, "reflect_on_past", query="harbour", project=project, max_tokens=600)
    assert 2 <= len(found["results"]) < 4
    assert found["truncated"] is True


async def test_finding_nothing_comes_with_suggestions(stack: Stack, project: str) -> None:
    found = await call(stack, "reflect_on_past", query="anything", project=project, min_score=0.5)
    assert found["results"] == []
    assert any("project" in each for each in found["suggestions"])


async def test_what_was_deleted_with_confirmation_is_gone(stack: Stack, project: str) -> None:
    stored = await call(stack, "store_reflection", content="the quartz password policy", project=project)
    kept = await call(stack, "store_reflection", content="the quartz calendar", project=project)
    asked = await call(stack, "delete_conversations", ids=[stored["reflection_id"]])
    assert (asked["deleted"], asked["would_delete"]) == (0, 1)
    token = asked["confirmation_token"]
    done = await call(
        stack, "delete_conversations", ids=[stored["reflection_id"]], confirm=True, confirmation_token=token
    )
    assert done["deleted"] == 1
    found = await call(stack, "reflect_on_past", query="quartz", project=project)
    assert [each["id"] for each in found["results"]] == [kept["reflection_id"]]


async def test_a_deletion_by_project_takes_conversations_alone_and_says_what_it_would_take(
    stack: Stack, project: str
) -> None:
    for number in range(5):
        at = f"2026-0{number + 1}-01T10:00:00+00:00"
        content = f"talk {number} of " + "the weather " * 30
        await call(stack, "store_conversation", content=content, project=project, timestamp=at)
    lesson = await call(stack, "store_reflection", content="Umbrellas are in the hall.", project=project)
    asked = await call(stack, "delete_conversations", project=project)
    preview = asked["preview"]
    assert (asked["would_delete"], asked["deleted"], preview["conversations"], preview["reflections"]) == (5, 0, 5, 0)
    assert (preview["reflections_kept"], preview["projects"], preview["projects_total"]) == (1, {project: 5}, 1)
    assert (preview["oldest"][:7], preview["newest"][:7], preview["spans_all_projects"]) == (
        "2026-01",
        "2026-05",
        False,
    )
    assert [each["begins"][:6] for each in preview["examples"]] == ["talk 4", "talk 3", "talk 2"]
    assert all(len(each["begins"]) <= 100 and each["kind"] == "conversation" for each in preview["examples"])

    with_all = await call(stack, "delete_conversations", project=project, include_reflections=True)
    assert (with_all["would_delete"], with_all["preview"]["reflections"]) == (6, 1)
    named = await call(stack, "delete_conversations", ids=[lesson["reflection_id"]])
    assert (named["would_delete"], named["preview"]["reflections"]) == (1, 1)
    early = await call(stack, "delete_conversations", before="1980-01-01T00:00:00+00:00")
    assert (early["would_delete"], early["preview"]["spans_all_projects"], early["preview"]["oldest"]) == (
        0,
        True,
        None,
    )

    confirmed = {"confirm": True, "confirmation_token": asked["confirmation_token"]}
    done = await call(stack, "delete_conversations", project=project, **confirmed)
    assert (done["deleted"], done["preview"]) == (5, None)
    stats = await call(stack, "reflection_stats", project=project)
    assert (stats["total_conversations"], stats["total_reflections"]) == (0, 1)


async def test_a_confirmation_for_conversations_does_not_delete_reflections(stack: Stack, project: str) -> None:
    await call(stack, "store_conversation", content="The kettle is on.", project=project)
    await call(stack, "store_reflection", content="The kettle is old.", project=project)
    asked = await call(stack, "delete_conversations", project=project)
    more = {"project": project, "include_reflections": True, "confirm": True}
    async with client(stack) as mcp:
        arguments = more | {"confirmation_token": asked["confirmation_token"]}
        result = await mcp.call_tool("delete_conversations", arguments, raise_on_error=False)
    assert (result.structured_content or {})["error_code"] == "CONFLICT"


async def test_tags_of_a_reflection_that_was_there_already_are_added(stack: Stack, project: str) -> None:
    content = "Release branches are cut on Tuesdays"
    first = await call(stack, "store_reflection", content=content, tags=["release"], project=project)
    tags = ["process", "calendar"]
    again = await call(stack, "store_reflection", content=content, tags=tags, project=project)
    assert (again["duplicate"], again["reflection_id"]) == (True, first["reflection_id"])
    assert again["tags_applied"] == tags
    found = await call(stack, "advanced_search", query=content, tags=["process"], project=project)
    (result,) = found["results"]
    assert result["tags"] == ["release", "process", "calendar"]
    assert result["first_said"] < result["timestamp"]


async def test_the_same_consent_in_two_sessions_is_found_in_each(stack: Stack, project: str) -> None:
    for session, day in (("sA", "2026-03-01"), ("sB", "2026-08-01")):
        for minute, content in enumerate((f"Shall I deploy {session}?", "Yes, go ahead and deploy it", "Deployed")):
            said = {"content": content, "session_id": f"{project}-{session}", "project": project}
            outcome = await call(stack, "store_conversation", timestamp=f"{day}T10:0{minute}:00+00:00", **said)
            assert outcome["duplicate"] is False
    lately = await call(stack, "advanced_search", query="go ahead", since="2026-07-01", project=project)
    (consent,) = [each for each in lately["results"] if each["content"].startswith("Yes")]
    around = await call(stack, "get_memory", id=consent["id"], neighbours=1)
    assert (around["before"][0]["content"], around["after"][0]["content"]) == ("Shall I deploy sB?", "Deployed")
    assert "first_said" not in around["memory"]


@pytest.mark.parametrize(("tool", "arguments", "code"), UNITS)
async def test_bad_input_is_refused_with_its_reason(
    stack: Stack, tool: str, arguments: dict[str, Any], code: str
) -> None:
    async with client(stack) as mcp:
        result = await mcp.call_tool(tool, arguments, raise_on_error=False)
    assert result.is_error
    content = result.structured_content
    assert content is not None
    assert content["success"] is False
    assert content["error_code"] == code
    assert result.content[0].text == "\n".join([f"{code}: {content['error']}", *content["suggestions"]])
    assert content["suggestions"]


async def test_every_tool_says_what_it_returns(stack: Stack) -> None:
    async with client(stack) as mcp:
        tools = await mcp.list_tools()
    names = {tool.name for tool in tools}
    assert {
        "init",
        "checkpoint",
        "end",
        "reflect_on_past",
        "quality_check",
        "check_permission",
        "health_check",
    } <= names
    for tool in tools:
        assert tool.description
        assert tool.output_schema
        assert "success" in tool.output_schema["properties"]


@pytest.mark.slow
async def test_memories_survive_a_restart(stack: Stack, project: str) -> None:
    stored = await call(stack, "store_reflection", content="The kraken sleeps in the server room.", project=project)
    stack.restart()
    found = await call(stack, "reflect_on_past", query="where does the sea monster rest", project=project)
    assert found["results"][0]["id"] == stored["reflection_id"]
    assert (await call(stack, "health_check"))["status"] == "healthy"


def test_doctor_finds_a_healthy_stack_and_leaves_nothing_behind(stack: Stack) -> None:
    done = segue(stack, "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found, again = (json.loads(each.stdout)["findings"] for each in (done, segue(stack, "doctor", "--json")))
    assert not [each for each in found if each["status"] == "broken"]
    assert next(each for each in found if each["name"] == "probe")["detail"].startswith("stored, found")
    assert counted(found) == counted(again)


def counted(findings: list[dict[str, str]]) -> str:
    return next(each["detail"] for each in findings if each["name"] == "memories").partition(",")[0]
