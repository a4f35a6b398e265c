"""Lists and counts are exact: by time over all memories, whatever the ranking takes for candidates."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.calls import call
from tests.integration.memory.test_searches import ids, remember
from tests.integration.stack import Stack, client

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
COLOURS = ("olive", "coral", "amber", "slate", "mauve", "ochre", "ivory", "khaki", "lilac", "beige")
COUNT = 1_200


async def import_all(stack: Stack, lines: list[dict[str, Any]]) -> None:
    await asyncio.to_thread(send_lines, stack, lines)


def send_lines(stack: Stack, lines: list[dict[str, Any]]) -> None:
    for first in range(0, len(lines), 200):
        body = "\n".join(map(json.dumps, lines[first : first + 200])).encode()
        request = urllib.request.Request(f"{stack.url.removesuffix('/mcp')}/v1/memories", body, method="POST")
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert answer.status == 200


@pytest.fixture(scope="module")
async def checks(stack: Stack) -> str:
    """A project of many checks that all match one word, an hour apart; the last ones are the longest."""
    project = "exact-checks"
    lines = [
        {
            "content": f"Osprey check {number}: gate {number * 7919} of hall {number % 31} in src/hall_{number % 4}.py"
            + (" and much more was seen of it" * 20 if number >= COUNT - 50 else ""),
            "kind": "reflection",
            "project": project,
            "tags": [COLOURS[number % 10].capitalize()],
            "timestamp": (BEGAN + timedelta(hours=number)).isoformat(),
        }
        for number in range(COUNT)
    ]
    await import_all(stack, lines)
    await remember(stack, project, "Lunch was soup.", "The cart has a new wheel.")
    return project


def numbers(found: list[dict[str, Any]]) -> list[int]:
    return [int(each["content"].split()[2].rstrip(":")) for each in found]


@pytest.mark.slow
async def test_the_newest_that_match_are_the_newest_of_all(stack: Stack, checks: str) -> None:
    asked: dict[str, Any] = {"query": "osprey", "project": checks, "sort": "newest", "limit": 50}
    found = await call(stack, "advanced_search", **asked, facets=True)
    assert numbers(found["results"]) == [*range(COUNT - 1, COUNT - 51, -1)]
    assert (found["total_found"], found["total_is_exact"]) == (COUNT, True)
    assert found["facets"]["tags"] == {colour.capitalize(): 120 for colour in COLOURS}
    assert found["facets"]["content_type"] == {"reflection": COUNT}
    assert sum(found["facets"]["month"].values()) == COUNT
    following = await call(stack, "advanced_search", **asked, cursor=found["next_cursor"])
    assert numbers(following["results"]) == [*range(COUNT - 51, COUNT - 101, -1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({"tags": ["Coral"]}, lambda number: number % 10 == 1),
        ({"file_path": "src/hall_3.py"}, lambda number: number % 4 == 3),
        ({"since": "2026-01-11T00:00:00Z", "until": "2026-01-31"}, lambda number: 240 <= number < 744),
    ],
)
@pytest.mark.parametrize("query", ["osprey", ""])
async def test_what_a_filter_passes_is_counted_to_the_last(
    stack: Stack, checks: str, filters: dict[str, Any], matches: Any, query: str
) -> None:
    expected = [number for number in range(COUNT - 1, -1, -1) if matches(number)]
    found = await call(stack, "advanced_search", query=query, project=checks, sort="newest", limit=5, **filters)
    assert numbers(found["results"]) == expected[:5]
    assert (found["total_found"], found["total_is_exact"]) == (len(expected), True)
    listed = await call(stack, "list_memories", project=checks, limit=5, order="oldest", **filters)
    assert numbers(listed["memories"]) == expected[:-6:-1]
    assert listed["total"] == len(expected)


async def test_a_search_by_relevance_counts_all_that_match_or_says_at_least(stack: Stack, checks: str) -> None:
    asked: dict[str, Any] = {"query": "osprey", "project": checks, "tags": ["olive", "OLIVE"], "limit": 3}
    counted = await call(stack, "advanced_search", **asked, facets=True)
    assert (counted["total_found"], counted["total_is_exact"]) == (120, True)
    assert counted["facets"]["tags"] == {"Olive": 120}
    for tool in ("reflect_on_past", "search_by_concept"):
        query = {"query" if tool == "reflect_on_past" else "concept": "osprey", "project": checks}
        found = await call(stack, tool, **query)
        assert found["total_found"] < COUNT
        assert found["total_is_exact"] is False


async def test_the_newest_that_match_answer_all_of_the_question(stack: Stack, project: str) -> None:
    (right,) = await remember(
        stack, project, "The Terraform state is locked by DynamoDB.", timestamp="2026-01-01T00:00:00Z"
    )
    await remember(stack, project, "The state of the cart is good.", "The question of lunch is settled.")
    found = await call(stack, "advanced_search", query="Terraform state", project=project, sort="newest")
    assert ids(found) == [right]


@pytest.mark.parametrize("query", [{}, {"query": ""}, {"query": " "}, {"query": "*"}, {"query": None}])
async def test_without_a_query_a_search_is_a_list(stack: Stack, checks: str, query: dict[str, str]) -> None:
    found = await call(stack, "advanced_search", project=checks, tags=["beige"], limit=2, facets=True, **query)
    assert numbers(found["results"]) == [1199, 1189]
    assert (found["total_found"], found["total_is_exact"], found["search_strategy"]) == (120, True, "list")
    assert {each["matched"] for each in found["results"]} == {"filter"}
    assert found["facets"]["tags"] == {"Beige": 120}
    rest = await call(stack, "get_more_results", cursor=found["next_cursor"], limit=2)
    assert numbers(rest["results"]) == [1179, 1169]


@pytest.mark.slow
async def test_a_list_goes_on_where_it_was_while_others_write(stack: Stack, project: str) -> None:
    moments = [BEGAN + timedelta(days=number // 3) for number in range(12)]  # three of each moment
    lines = [
        {"content": f"lamp number {n}", "project": project, "timestamp": at.isoformat()} for n, at in enumerate(moments)
    ]
    await import_all(stack, lines)
    for order in ("newest", "oldest"):
        whole = await call(stack, "list_memories", project=project, order=order, limit=50)
        walked, cursor = [], None
        while True:
            page = await call(stack, "list_memories", project=project, order=order, limit=2, cursor=cursor)
            walked += [each["id"] for each in page["memories"]]
            if cursor is None:
                await remember(stack, project, f"a lamp of today, {order}")
                early = {"content": f"an early lamp, {order}", "project": project, "timestamp": "2025-01-01T00:00:00Z"}
                await import_all(stack, [early])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        known = [each["id"] for each in whole["memories"]]
        assert [each for each in walked if each in known] == known
        assert len(walked) == len(known) + 1  # what came on the side that was still to be walked
    oldest = await call(stack, "list_memories", project=project, order="oldest", limit=50)
    newest = await call(stack, "list_memories", project=project, limit=50)
    assert newest["memories"] == oldest["memories"][::-1]
    assert newest["total"] == len(newest["memories"]) == 16


async def test_a_list_is_of_what_was_asked_for(stack: Stack, project: str) -> None:
    (said,) = await remember(stack, project, "said in the morning", session_id=f"morning of {project}", role="user")
    noted = await call(stack, "store_reflection", content="noted", tags=["a", "B"], project=project)

    async def listed(**filters: Any) -> list[str]:
        answer = await call(stack, "list_memories", project=project, **filters)
        return [each["id"] for each in answer["memories"]]

    assert await listed() == [noted["reflection_id"], said]
    assert await listed(order="oldest") == [said, noted["reflection_id"]]
    assert await listed(kind="conversation") == [said]
    assert await listed(tags=["b", "A"]) == [noted["reflection_id"]]
    assert await listed(session_id=f"morning of {project}") == [said]
    assert await listed(author="mine") == [noted["reflection_id"], said]
    assert await listed(author="shared") == []
    assert await listed(until="yesterday") == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"cursor": "forged"}, "INVALID_INPUT"),
        ({"cursor": "é" * 30}, "INVALID_INPUT"),
        ({"limit": 0}, "INVALID_INPUT"),
        ({"kind": "poem"}, "INVALID_INPUT"),
        ({"author": "bob"}, "INVALID_INPUT"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "INVALID_INPUT"),
    ],
)
async def test_a_bad_list_is_refused_with_its_reason(stack: Stack, arguments: dict[str, Any], code: str) -> None:
    async with client(stack) as mcp:
        result = await mcp.call_tool("list_memories", arguments, raise_on_error=False)
    assert result.structured_content is not None
    assert result.structured_content["error_code"] == code


async def test_a_cursor_of_the_other_order_is_refused(stack: Stack, project: str) -> None:
    await remember(stack, project, "one", "two")
    page = await call(stack, "list_memories", project=project, limit=1)
    async with client(stack) as mcp:
        arguments = {"project": project, "order": "oldest", "cursor": page["next_cursor"]}
        result = await mcp.call_tool("list_memories", arguments, raise_on_error=False)
    assert result.structured_content is not None
    assert result.structured_content["error_code"] == "INVALID_INPUT"
