"""Searches among large memories: answers are small, and lead to all the rest."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from services.memory.domain.queries import page_max_bytes
from tests.integration.stack import ProcessStack
from tests.patience import PATIENCE_S

COUNT, CHARACTERS = 36, 240_000
pytestmark = pytest.mark.slow
_words = ("otter", "lantern", "quarry", "saffron", "turbine", "willow", "harpoon", "glacier", "violet", "anvil")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[ProcessStack]:
    """A Segue with one session of large memories, in which no two are alike."""
    data = tmp_path_factory.mktemp("large")
    (data / "memory").mkdir(mode=0o700)
    (data / "memory" / "model").symlink_to(model_directory)
    rng = random.Random(1)
    with ProcessStack(data) as stack:
        for number in range(COUNT):
            text = f"incident {number} " + " ".join(
                f"{rng.choice(_words)}{rng.randrange(10**6, 10**6 + 200)}" for _ in range(20_000)
            )
            line = {"content": text[:CHARACTERS], "project": "logs", "session_id": "one", "id": f"incident-{number}"}
            url = stack.url.removesuffix("/mcp") + "/v1/memories"
            with urllib.request.urlopen(url, json.dumps(line).encode(), timeout=PATIENCE_S) as answer:
                assert json.load(answer)["stored"] == 1
        yield stack


async def call(stack: ProcessStack, tool: str, **arguments: Any) -> dict[str, Any]:
    async with Client(stack.url) as mcp:
        content: dict[str, Any] = (await mcp.call_tool(tool, arguments)).structured_content
        return content


@pytest.mark.parametrize("tool", ["reflect_on_past", "advanced_search"])
async def test_an_answer_of_large_memories_shows_a_part_of_each(large: ProcessStack, tool: str) -> None:
    answer = await call(large, tool, query="incident", limit=50, project="logs")
    assert (answer["truncated"], answer["next_cursor"], answer["total_found"]) == (False, None, COUNT)
    assert sorted(each["id"] for each in answer["results"]) == sorted(f"incident-{number}" for number in range(COUNT))
    assert all(each["content_truncated"] and each["content_chars"] == CHARACTERS for each in answer["results"])
    assert len(json.dumps(answer)) < COUNT * 1_000


async def test_the_parts_of_a_memory_are_together_all_of_it(large: ProcessStack) -> None:
    parts: list[str] = []
    while sum(map(len, parts)) < CHARACTERS:
        begin = sum(map(len, parts))
        shown = await call(large, "get_memory", id="incident-7", neighbours=0, begin=begin, max_chars=70_000)
        assert shown["memory"].get("excerpt_begin", 0) == begin
        parts.append(shown["memory"]["content"])
    assert "".join(parts).startswith("incident 7 ")
    assert len("".join(parts)) == CHARACTERS


async def test_pages_lead_to_all_the_rest(large: ProcessStack) -> None:
    page = await call(large, "advanced_search", query="incident", limit=20, project="logs")
    found = [each["id"] for each in page["results"]]
    while cursor := page["next_cursor"]:
        page = await call(large, "get_more_results", cursor=cursor, limit=20)
        assert page["has_more"] is bool(page["next_cursor"])
        found += [each["id"] for each in page["results"]]
    assert sorted(found) == sorted(f"incident-{number}" for number in range(COUNT))


async def test_an_answer_that_holds_what_was_asked_for_is_not_truncated(large: ProcessStack) -> None:
    answer = await call(large, "reflect_on_past", query="incident", limit=3, project="logs")
    assert len(answer["results"]) == 3
    assert (answer["truncated"], answer["next_cursor"]) == (False, None)


async def test_max_tokens_cuts_at_a_result(large: ProcessStack) -> None:
    answer = await call(large, "reflect_on_past", query="incident", limit=50, project="logs", max_tokens=2_000)
    assert 5 <= len(answer["results"]) < COUNT
    assert (answer["truncated"], answer["next_cursor"]) == (True, None)


async def test_a_memory_among_large_ones_has_its_nearest_neighbours(large: ProcessStack) -> None:
    answer = await call(large, "get_memory", id="incident-18", neighbours=20)
    around = [each["id"] for each in (*answer["before"], *answer["after"])]
    assert answer["truncated"] is True
    assert {f"incident-{number}" for number in range(13, 24)} - {"incident-18"} <= set(around)
    assert CHARACTERS * (len(around) + 1) <= page_max_bytes
    assert len(json.dumps(answer)) < 40_000
    near = await call(large, "get_memory", id="incident-18", neighbours=1)
    assert (len(near["before"]), len(near["after"]), near["truncated"]) == (1, 1, False)
