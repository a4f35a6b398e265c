"""A user who may keep three memories and has them: what goes on goes on, the rest says so once and does not wait."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from tests.hooked import Hooked
from tests.integration.stack import ProcessStack, segue

pytestmark = pytest.mark.slow

KEPT = [f"Note number {number} of three." for number in range(3)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    """A Segue with a quota of three memories."""
    with ProcessStack(tmp_path_factory.mktemp("quota"), SEGUE_GATEWAY_MEMORIES_MAX="3") as stack:
        yield stack


@pytest.fixture
async def full(served: ProcessStack, tmp_path: Path) -> ProcessStack:
    """The same at its quota, with nothing of an earlier test."""
    for line in filter(None, segue(served, "export", "-").stdout.splitlines()):
        await delete(served, json.loads(line)["id"])
    lines = tmp_path / "kept.jsonl"
    lines.write_text("".join(json.dumps({"content": each, "kind": "reflection"}) + "\n" for each in KEPT))
    assert "Imported 3 memories" in segue(served, "import", lines, "--deleted-too").stdout
    return served


async def call(stack: ProcessStack, tool: str, **arguments: Any) -> dict[str, Any]:
    async with Client(stack.url) as mcp:
        answer = await mcp.call_tool(tool, arguments, raise_on_error=False)
    return {**(answer.structured_content or {}), "text": answer.content[0].text}


async def remove(stack: ProcessStack, content: str) -> None:
    """Makes room by one."""
    found = await call(stack, "reflect_on_past", query=content, limit=1)
    await delete(stack, found["results"][0]["id"])


async def delete(stack: ProcessStack, id: str) -> None:
    chosen = {"ids": [id]}
    token = (await call(stack, "delete_conversations", **chosen))["confirmation_token"]
    assert (await call(stack, "delete_conversations", **chosen, confirm=True, confirmation_token=token))["deleted"] == 1


async def test_a_store_is_told_the_way_out_in_its_text_and_one_that_is_there_is_no_store(full: ProcessStack) -> None:
    refused = await call(full, "store_reflection", content="One too many.")
    assert (refused["error_code"], refused["reason"]) == ("LIMIT_EXCEEDED", "over_quota")
    assert "delete_conversations" in refused["text"]
    assert "retry_after_s" not in refused
    again = await call(full, "store_reflection", content=KEPT[0])
    assert (again["success"], again["duplicate"]) == (True, True)


async def test_a_session_ends_with_its_handoff_and_memory_gets_it_when_there_is_room(
    full: ProcessStack, tmp_path: Path
) -> None:
    session = (await call(full, "init", working_directory=str(tmp_path)))["session_id"]
    asked = {"session_id": session, "summary": "The parser works.", "next_steps": ["Write the docs."]}
    ended = await call(full, "end", **asked)
    assert "The parser works." in ended["handoff"]
    assert ended["memory_persisted"] is False
    assert len(ended["pending"]) == 1
    assert "3 memories" in ended["memory_trouble"]
    again = await call(full, "end", **asked)
    same = ("handoff", "pending", "memory_trouble", "memory_persisted", "final_quality_score")
    assert {name: again[name] for name in same} == {name: ended[name] for name in same}
    await remove(full, KEPT[0])
    later = await call(full, "end", **asked)
    assert (later["memory_persisted"], later["pending"], later["memory_trouble"]) == (True, [], None)
    found = await call(full, "reflect_on_past", query="The parser works.", limit=1)
    assert "The parser works." in found["results"][0]["content"]


async def test_the_next_session_stores_what_the_one_before_could_not(full: ProcessStack, tmp_path: Path) -> None:
    session = (await call(full, "init", working_directory=str(tmp_path)))["session_id"]
    await call(full, "end", session_id=session, summary="Otters were counted.")
    await remove(full, KEPT[0])
    await call(full, "init", working_directory=str(tmp_path))
    found = await call(full, "reflect_on_past", query="Otters were counted.", limit=1)
    assert "Otters were counted." in found["results"][0]["content"]


async def test_an_import_fills_the_room_that_there_is_and_stops(full: ProcessStack, tmp_path: Path) -> None:
    await remove(full, KEPT[2])
    lines = [*KEPT[:2], *(f"Line {number} of many." for number in range(60))]
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({"content": each, "kind": "reflection"}) + "\n" for each in lines))
    done = segue(full, "import", path)
    assert done.returncode == 1
    assert "Imported 1 memory (2 already there" in done.stdout
    assert "over quota: You may keep 3 memories" in done.stderr
    assert "delete_conversations" in done.stderr
    await remove(full, KEPT[0])
    assert "Imported 1 memory" in segue(full, "import", path).stdout  # it goes on from there


async def test_a_text_that_is_too_large_is_named_and_passed_over(data: Path, tmp_path: Path) -> None:
    with ProcessStack(data) as stack:
        grows = ("DB_PASSWORD=x7!kQ2\n" + "log line with words and numbers 12345\n" * 7000)[: 256 * 1024 - 2]
        path = tmp_path / "m.jsonl"
        path.write_text("".join(json.dumps({"content": each}) + "\n" for each in ("first", grows, "third")))
        done = segue(stack, "import", path)
        assert done.returncode == 0
        assert "Imported 2 memories (0 already there, 1 skipped)" in done.stdout
        assert "content has 262," in done.stderr
        assert f"{path}:2" in done.stderr


async def test_hooks_get_through_and_turns_wait_in_the_transcript(full: ProcessStack, tmp_path: Path) -> None:
    hooked = Hooked(tmp_path, SEGUE_DATA_DIR=str(full.data_dir))
    hooked.begin()
    hooked.say("Please fix the parser of pears.", "The parser of pears is fixed.")
    for event in ("Stop", "Stop", "SessionEnd"):
        hooked.hook(event)
        hooked.settle()
    sessions = (await call(full, "list_sessions", project=hooked.project.name))["sessions"]
    assert [each["state"] for each in sessions] == ["ended"]
    assert hooked.log.count("over quota") == 1
    told = segue(full, "doctor").stdout
    assert "capture: over quota" in told
    assert "over quota, nothing new is stored" in told
    assert "[broken]   gateway" not in told
    assert "segue retention" in told
    for each in KEPT:
        await remove(full, each)
    hooked.hook("Stop")
    hooked.settle()
    found = await call(full, "advanced_search", query="parser", session_id=hooked.transcript.session_id)
    assert found["total_found"] == 2
    assert "capture: over quota" not in segue(full, "doctor").stdout
