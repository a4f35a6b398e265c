"""The searches beyond reflect_on_past: filters, pages, files, links, time in words; on one process and on compose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.calls import call
from tests.integration.stack import Stack, client
from tests.unit.memory.text.test_wording import OTHER

BAD_INPUT: list[tuple[str, dict[str, Any], str]] = [
    ("reflect_on_past", {"query": "x" * 10_001}, "LIMIT_EXCEEDED"),
    ("advanced_search", {"query": "x", "since": "2026-03-02", "until": "2026-03-01"}, "INVALID_INPUT"),
    ("advanced_search", {"query": "x", "since": "when the cows come home"}, "INVALID_INPUT"),
    ("advanced_search", {"query": "x", "tags": [str(number) for number in range(200)]}, "LIMIT_EXCEEDED"),
    ("advanced_search", {"query": "x", "content_type": "poem"}, "INVALID_INPUT"),
    ("advanced_search", {"query": "x", "cursor": "forged"}, "INVALID_INPUT"),
    ("advanced_search", {"query": "x", "cursor": "AAAAAAAAAAAA.5"}, "NOT_FOUND"),
    ("get_more_results", {"cursor": "'; DROP TABLE memories; --"}, "INVALID_INPUT"),
    ("get_more_results", {"cursor": "AAAAAAAAAAAA.5"}, "NOT_FOUND"),
    ("link_projects", {"source_project": "a", "target_project": "a"}, "INVALID_INPUT"),
    ("link_projects", {"source_project": "no-such", "target_project": "none-such"}, "PROJECT_NOT_FOUND"),
]


async def remember(stack: Stack, project: str, *contents: str, **fields: Any) -> list[str]:
    stored = [
        await call(stack, "store_conversation", content=content, project=project, **fields) for content in contents
    ]
    return [each["conversation_id"] for each in stored]


def ids(answer: dict[str, Any]) -> list[str]:
    return [each["id"] for each in answer["results"]]


@pytest.mark.parametrize(("tool", "arguments", "code"), BAD_INPUT)
async def test_a_bad_search_is_refused_with_its_reason(
    stack: Stack, tool: str, arguments: dict[str, Any], code: str
) -> None:
    async with client(stack) as mcp:
        result = await mcp.call_tool(tool, arguments, raise_on_error=False)
    assert result.structured_content is not None
    assert result.structured_content["error_code"] == code


@pytest.mark.parametrize("query", ["*", "'", '""', "?", "...", "->", "\\", "!!! ---", "\u0301"], ids=ascii)
async def test_signs_alone_find_nothing(stack: Stack, project: str, query: str) -> None:
    await remember(stack, project, "The lighthouse keeper counts ships.", "Is it -> or ...?")
    assert (await call(stack, "reflect_on_past", query=query, project=project))["results"] == []


async def test_a_letter_or_a_digit_among_signs_is_looked_for(stack: Stack, project: str) -> None:
    await remember(stack, project, "We write C++ for the kernel.", "Ticket #1 is about the login.")
    for query, found in (("C++", "We write C++ for the kernel."), ("#1", "Ticket #1 is about the login.")):
        answer = await call(stack, "reflect_on_past", query=query, project=project)
        assert answer["results"][0]["content"] == found


@pytest.mark.slow
@pytest.mark.parametrize(
    "query", ["the of and a", "🦑", "데이터베이스 연결 오류", 'foo OR "bar', "a:b AND (c", "[x] {y} \\", "*"]
)
async def test_no_query_has_a_meaning_to_the_index_but_its_words(stack: Stack, project: str, query: str) -> None:
    await remember(stack, project, "The lighthouse keeper counts ships.", query + " and more")
    found = await call(stack, "reflect_on_past", query=query, project=project, min_score=0)
    assert f"{query} and more" in [each["content"] for each in found["results"]]


@pytest.mark.slow
async def test_filters_apply_before_ranking_so_that_the_limit_is_reached(stack: Stack, project: str) -> None:
    wanted = [
        (
            await call(
                stack, "store_reflection", content=f"note {n} about gardening", tags=["Rare", "x"], project=project
            )
        )["reflection_id"]
        for n in range(3)
    ]
    await remember(stack, project, *(f"the harbour crane moves crate {n}" for n in range(20)))
    found = await call(
        stack, "advanced_search", query="harbour crane crate", tags=["rare", "X"], project=project, limit=3
    )
    assert sorted(ids(found)) == sorted(wanted)
    assert found["next_cursor"] is None


@pytest.mark.slow
async def test_each_filter_passes_what_it_says(stack: Stack, project: str) -> None:
    (said,) = await remember(
        stack, project, "amber: what the user said", session_id="morning", role="user", timestamp="2026-03-03T10:00:00Z"
    )
    (code,) = await remember(
        stack,
        project,
        "amber: see src/auth/login.py\n```\nx = 1\n```",
        role="assistant",
        timestamp="2026-05-05T10:00:00Z",
    )
    thought = (await call(stack, "store_reflection", content="amber lesson", project=project))["reflection_id"]

    async def found(**filters: Any) -> set[str]:
        return set(ids(await call(stack, "advanced_search", query="amber", project=project, **filters)))

    assert await found() == {said, code, thought}
    assert await found(content_type="code") == {code}
    assert await found(content_type="reflection") == {thought}
    assert await found(content_type="conversation") == {said, code}
    assert await found(session_id="morning") == {said}
    assert await found(role="assistant") == {code}
    assert await found(since="2026-03-03T10:00:00Z", until="2026-03-03T10:00:00Z") == {said}
    assert await found(since="March 2026", until="in March 2026") == {said}
    assert await found(since="2026-03-04", until="2026-05-04") == set()
    assert await found(since="yesterday") == {thought}
    assert await found(file_path="auth/login.py") == {code}
    assert await found(file_path="src/auth") == {code}
    assert await found(file_path="other/login.py") == set()


@pytest.mark.slow
async def test_pages_follow_each_other_while_others_write(stack: Stack, project: str) -> None:
    await remember(stack, project, *(f"the copper kettle number {n} sings" for n in range(8)))
    asked: dict[str, Any] = {"query": "copper kettle", "project": project, "limit": 3}
    whole = await call(stack, "advanced_search", **asked | {"limit": 8})
    first = await call(stack, "advanced_search", **asked)
    await remember(stack, project, "copper kettle copper kettle copper kettle", "the kettle is not here")
    await call(stack, "reflect_on_past", query="copper kettle", project=project)
    second = await call(stack, "advanced_search", **asked, cursor=first["next_cursor"])
    third = await call(stack, "get_more_results", cursor=second["next_cursor"])
    assert ids(first) + ids(second) + ids(third) == ids(whole)
    assert third["has_more"] is False
    assert third["next_cursor"] is None


async def test_a_cursor_of_another_query_is_refused(stack: Stack, project: str) -> None:
    await remember(stack, project, "one brown owl", "two brown owls")
    first = await call(stack, "advanced_search", query="brown owl", project=project, limit=1)
    async with client(stack) as mcp:
        arguments = {"query": "white owl", "project": project, "cursor": first["next_cursor"]}
        result = await mcp.call_tool("advanced_search", arguments, raise_on_error=False)
    assert result.structured_content is not None
    assert result.structured_content["error_code"] == "INVALID_INPUT"


async def test_what_was_deleted_is_missing_from_the_next_page(stack: Stack, project: str) -> None:
    await remember(stack, project, *(f"silver spoon number {n} shines" for n in range(4)))
    first = await call(stack, "quick_search", query="silver spoon", project=project)
    rest = await call(stack, "get_more_results", cursor=first["cursor"])
    gone = ids(rest)[0]
    asked = await call(stack, "delete_conversations", ids=[gone])
    await call(stack, "delete_conversations", ids=[gone], confirm=True, confirmation_token=asked["confirmation_token"])
    again = await call(stack, "get_more_results", cursor=first["cursor"])
    assert ids(again) == ids(rest)[1:]


async def test_quick_search_counts_and_shows_the_best(stack: Stack, project: str) -> None:
    await remember(stack, project, "The violin lesson is on Tuesday.", "Buy bread.", "Call the plumber.")
    found = await call(stack, "quick_search", query="violin lesson", project=project)
    assert found["top_result"]["content"] == "The violin lesson is on Tuesday."
    assert found["total_count"] < 3
    everything = await call(stack, "quick_search", query="violin lesson", project=project, min_score=0)
    assert (everything["has_more"], everything["total_count"]) == (True, 3)
    nothing = await call(stack, "quick_search", query="violin", project=f"{project}-empty")
    assert (nothing["top_result"], nothing["total_count"], nothing["cursor"]) == (None, 0, None)


async def test_facets_count_all_that_was_found(stack: Stack, project: str) -> None:
    await remember(stack, project, "teal one", "teal two", timestamp="2026-03-03T10:00:00Z")
    await call(stack, "store_reflection", content="teal three", tags=["paint"], project=project)
    found = await call(stack, "advanced_search", query="teal", project=project, limit=1, facets=True)
    assert found["facets"]["project"] == {project: 3}
    assert found["facets"]["content_type"] == {"conversation": 2, "reflection": 1}
    assert found["facets"]["tags"] == {"paint": 1}
    assert found["facets"]["month"]["2026-03"] == 2


async def test_newest_first_orders_what_matched_by_time(stack: Stack, project: str) -> None:
    said = []
    for month in (3, 5, 4):
        said += await remember(stack, project, f"ivory tower {month}", timestamp=f"2026-0{month}-01T00:00:00Z")
    await remember(stack, project, "Lunch was soup.")
    found = await call(stack, "advanced_search", query="ivory tower", project=project, sort="newest")
    assert ids(found) == [said[1], said[2], said[0]]


async def test_a_file_is_found_by_any_end_of_its_path(stack: Stack, project: str) -> None:
    (one,) = await remember(stack, project, "Fixed the race in services/queue/worker_pool.py:88 with a lock.")
    (other,) = await remember(stack, project, "Renamed it.", metadata={"file_path": "C:\\work\\Queue\\Worker_Pool.py"})
    await remember(stack, project, "The pool of workers is on holiday.")
    found = await call(stack, "search_by_file", file_path="worker_pool.py", project=project)
    assert set(ids(found)) == {one, other}
    found = await call(stack, "search_by_file", file_path="/home/me/app/services/queue/worker_pool.py", project=project)
    assert ids(found) == [one]


async def test_a_concept_is_found_by_tag_and_by_meaning(stack: Stack, project: str) -> None:
    tagged = (
        await call(stack, "store_reflection", content="Use a jittered wait.", tags=["resilience"], project=project)
    )["reflection_id"]
    await remember(stack, project, "The lunch menu has soup.", "The parking lot is full.")
    found = await call(stack, "search_by_concept", concept="resilience", project=project)
    assert ids(found)[0] == tagged


@pytest.mark.slow
async def test_a_search_finds_what_linked_projects_know(stack: Stack, project: str) -> None:
    names = [f"{project}-{letter}" for letter in "abcd"]
    stored = [(await remember(stack, name, f"the nebula protocol, part {name}"))[0] for name in names]
    for source, target in zip(names, [*names[1:3], names[0]], strict=False):  # a, b and c in a circle
        await call(stack, "link_projects", source_project=source, target_project=target, dependency_type="reference")
    await call(stack, "link_projects", source_project=names[2], target_project=names[3], description="the next")
    found = await call(stack, "reflect_on_past", query="nebula protocol", project=names[0])
    assert ids(found)[0] == stored[0]
    assert set(ids(found)) == set(stored)
    alone = await call(
        stack, "reflect_on_past", query="nebula protocol", project=names[0], include_related_projects=False
    )
    assert ids(alone) == [stored[0]]
    links = (await call(stack, "list_project_links", project=names[3]))["links"]
    assert [(link["source_project"], link["description"]) for link in links] == [(names[2], "the next")]
    assert (await call(stack, "unlink_projects", source_project=names[2], target_project=names[3]))["unlinked"] is True
    found = await call(stack, "reflect_on_past", query="nebula protocol", project=names[0])
    assert stored[3] not in ids(found)


async def test_a_misspelt_project_is_named(stack: Stack, project: str) -> None:
    await remember(stack, project, "anything")
    found = await call(stack, "reflect_on_past", query="anything", project=project[:-1])
    assert any(project in tip for tip in found["suggestions"])


async def test_near_duplicates_are_shown_once(stack: Stack, project: str) -> None:
    await remember(
        stack,
        project,
        "Always run the linter before you push to the main branch of this repository.",
        "always run the linter, before you push to the Main branch of this repository!",
        "The linter takes two minutes on the port 8080 machine.",
        "The linter takes two minutes on the port 8081 machine.",
    )
    found = await call(stack, "reflect_on_past", query="linter", project=project)
    assert len(found["results"]) == 3
    assert found["total_found"] == 4
    (alike,) = [each for each in found["results"] if each.get("folded")]
    assert alike["content"].startswith("always run")  # the later one
    (folded,) = alike["folded_ids"]
    assert (await call(stack, "get_memory", id=folded))["memory"]["content"].startswith("Always run")
    newest = await call(stack, "advanced_search", query="linter", project=project, since="yesterday")
    assert len(newest["results"]) == newest["total_found"] == 4


@pytest.mark.slow
async def test_what_differs_in_a_word_its_place_a_number_or_a_sign_is_shown(stack: Stack, project: str) -> None:
    for number, (one, other) in enumerate(OTHER):
        place = f"{project}-{number}"
        await remember(stack, place, one, other)
        found = await call(stack, "reflect_on_past", query=one, project=place)
        assert {each["content"] for each in found["results"]} == {one, other}
        assert not any(each.get("folded") for each in found["results"])


async def test_a_write_shows_in_the_very_next_search(stack: Stack, project: str) -> None:
    await remember(stack, project, "The password of the club is swordfish.")
    for number in range(5):
        before = await call(stack, "reflect_on_past", query="club password", project=project)
        assert len(before["results"]) == number + 1
        await remember(stack, project, f"Club password, change number {number}: it is trout {number}.")


async def test_words_for_time_mean_the_users_days(stack: Stack, project: str) -> None:
    now = datetime.now(UTC)
    for days in (0, 3, 40):
        await remember(stack, project, f"opal {days}", timestamp=(now - timedelta(days=days)).isoformat())

    async def found(**times: str) -> set[str]:
        answer = await call(stack, "advanced_search", query="opal", project=project, **times)
        return {each["content"] for each in answer["results"]}

    assert await found(since="2 days ago") == {"opal 0"}
    assert await found(since="last 5 days") == {"opal 0", "opal 3"}
    assert await found(until="2 weeks ago") == {"opal 40"}


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["reflect_on_past", "quick_search", "advanced_search", "search_by_concept"])
async def test_a_query_may_say_when_in_words(stack: Stack, project: str, tool: str) -> None:
    now = datetime.now(UTC)
    for days in (60, 1, 0):
        said = f"The heron gate was closed for a repair, as of {days} days before."
        timestamp = (now - timedelta(days=days)).isoformat()
        await remember(stack, project, said, timestamp=timestamp, session_id=f"{project}-{days}")
    subject = {"concept" if tool == "search_by_concept" else "query": "why was the heron gate closed yesterday"}
    found = await call(stack, tool, project=project, **subject)
    first = found["top_result"] if tool == "quick_search" else found["results"][0]
    assert "1 days before" in first["content"]
    assert found["period"]["words"] == "yesterday"
    assert datetime.fromisoformat(found["period"]["since"]) <= now - timedelta(days=1)
    plain = await call(stack, tool, project=project, **dict.fromkeys(subject, "why was the heron gate closed"))
    assert plain.get("period") is None


async def test_what_was_said_at_a_time_is_asked_for_without_a_subject(stack: Stack, project: str) -> None:
    now = datetime.now(UTC)
    for days, bird in ((30, "crane"), (1, "heron"), (1, "egret")):
        timestamp = (now - timedelta(days=days)).isoformat()
        await remember(stack, project, f"A {bird} stood at the weir.", timestamp=timestamp)
    answer = await call(stack, "reflect_on_past", query="what happened yesterday?", project=project)
    assert {each["content"] for each in answer["results"]} == {
        "A heron stood at the weir.",
        "A egret stood at the weir.",
    }
    assert (answer["total_found"], answer["total_is_exact"], answer["search_strategy"]) == (2, True, "list")
    nothing = await call(stack, "reflect_on_past", query="what happened three weeks ago?", project=project)
    assert nothing.get("period") is None
