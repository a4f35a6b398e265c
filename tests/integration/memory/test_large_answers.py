"""Searches whose results are more than an answer may hold: they give what fits, say so, and lead to the rest."""

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


def size(results: list[dict[str, Any]]) -> int:
    return sum(len(each["content"]) + sum(len(text) for text in each["context"].values() if text) for each in results)


@pytest.mark.parametrize("tool", ["reflect_on_past", "advanced_search"])
async def test_an_answer_that_is_full_has_a_cursor_that_leads_to_all_the_rest(large: ProcessStack, tool: str) -> None:
    answer = await call(large, tool, query="incident", limit=50, project="logs")
    assert answer["truncated"] is True
    assert answer["total_found"] == COUNT
    assert size(answer["results"][:-1]) < page_max_bytes
    found = [each["id"] for each in answer["results"]]
    cursor = answer["next_cursor"]
    while cursor:
        more = await call(large, "get_more_results", cursor=cursor, limit=50)
        assert size(more["results"][:-1]) < page_max_bytes
        assert more["results"]
        assert more["has_more"] is bool(more["next_cursor"])
        found += [each["id"] for each in more["results"]]
        cursor = more["next_cursor"]
    assert sorted(found) == sorted(f"incident-{number}" for number in range(COUNT))


async def test_an_answer_that_holds_what_was_asked_for_is_not_truncated(large: ProcessStack) -> None:
    answer = await call(large, "reflect_on_past", query="incident", limit=3, project="logs")
    assert len(answer["results"]) == 3
    assert (answer["truncated"], answer["next_cursor"]) == (False, None)


async def test_max_tokens_still_cuts_at_a_whole_result(large: ProcessStack) -> None:
    answer = await call(large, "reflect_on_past", query="incident", limit=50, project="logs", max_tokens=130_000)
    assert len(answer["results"]) == 2
    assert (answer["truncated"], answer["next_cursor"]) == (True, None)


async def test_a_memory_among_large_ones_has_its_nearest_neighbours(large: ProcessStack) -> None:
    answer = await call(large, "get_memory", id="incident-18", neighbours=20)
    around = [each["id"] for each in (*answer["before"], *answer["after"])]
    assert answer["truncated"] is True
    assert {f"incident-{number}" for number in range(13, 24)} - {"incident-18"} <= set(around)
    assert CHARACTERS * (len(around) + 1) <= page_max_bytes
    near = await call(large, "get_memory", id="incident-18", neighbours=1)
    assert (len(near["before"]), len(near["after"]), near["truncated"]) == (1, 1, False)
