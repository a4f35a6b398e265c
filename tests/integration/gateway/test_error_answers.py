"""What a client is told of what went wrong: by every tool in its text, by every HTTP endpoint in its JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stack import ProcessStack, Stack, client, segue
from tests.integration.team import Answer, TeamStack, request

HALF = "\\ud800"
"""Half of a surrogate pair, as JSON may escape it."""
DEEP = '{"a":' * 3000 + "1" + "}" * 3000


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    """One whose memories are this file's alone."""
    with ProcessStack(tmp_path_factory.mktemp("errors") / "data") as stack:
        yield stack


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[TeamStack]:
    with TeamStack(tmp_path_factory.mktemp("team") / "data", model_directory) as stack:
        yield stack


def ask(stack: Stack, method: str, path: str, body: str | None = None) -> Answer:
    headers: list[tuple[str, str | bytes]] = [("Content-Type", "application/json")]
    return request(stack.url, method, path, headers, None if body is None else body.encode())


async def failed(stack: Stack, tool: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    async with client(stack) as mcp:
        result = await mcp.call_tool(tool, arguments, raise_on_error=False)
    assert result.is_error
    return result.content[0].text, result.structured_content or {}


# --- tools ------------------------------------------------------------------------------------------


async def test_every_tool_names_an_argument_that_it_has_not_and_those_that_it_has(stack: Stack) -> None:
    async with client(stack) as mcp:
        tools = await mcp.list_tools()
    assert len(tools) > 25
    for tool in tools:
        text, content = await failed(stack, tool.name, quux="?")
        first, *others = text.splitlines()
        assert first.startswith(f"INVALID_INPUT: quux is not an argument of {tool.name}")
        assert all(name in others[-1] for name in tool.input_schema["properties"])
        assert all(f"{name} is required." in first for name in tool.input_schema.get("required", [])[:3])
        assert content["error_code"] == "INVALID_INPUT"


async def test_every_tools_output_schema_admits_a_failure(stack: Stack) -> None:
    """Clients hold `structuredContent` against it, also where `isError` is set."""
    async with client(stack) as mcp:
        tools = await mcp.list_tools()
    for tool in tools:
        schema = tool.output_schema
        assert schema is not None
        assert (schema["type"], schema["required"]) == ("object", ["success"])
        assert schema.get("additionalProperties") is not False
        assert not {"anyOf", "oneOf", "allOf", "not", "if", "$ref"} & schema.keys()
        known = {name: schema["properties"].get(name) for name in ("success", "suggestions", "error", "error_code")}
        assert known["success"]["type"] == "boolean"
        assert known["suggestions"] is None or known["suggestions"]["items"] == {"type": "string"}
        assert (known["error"], known["error_code"]) == (None, None)


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("words", ["a while ago", "x" * 500, "2026-13-45", ""])
async def test_a_time_that_is_none_is_named_with_the_forms_that_work(stack: Stack, name: str, words: str) -> None:
    if not words:
        async with client(stack) as mcp:  # as left out
            assert not (await mcp.call_tool("advanced_search", {"query": "x", name: words})).is_error
        return
    text, _ = await failed(stack, "advanced_search", query="x", **{name: words})
    first, second = text.splitlines()
    assert first.startswith(f"INVALID_INPUT: {name} is ")
    assert "last week" in second


async def test_a_date_of_deletion_is_named(stack: Stack) -> None:
    text, _ = await failed(stack, "delete_conversations", before="yesterday")
    assert text.splitlines() == [
        "INVALID_INPUT: before is not ISO 8601.",
        "Send one such as 2026-03-01T09:30:00+01:00.",
    ]


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "named"),
    [
        ("reflect_on_past", {"query": ""}, "INVALID_INPUT", "query"),
        ("get_memory", {"id": "nope"}, "NOT_FOUND", "reflect_on_past"),
        ("store_reflection", {"content": " "}, "INVALID_INPUT", "content"),
        ("store_reflection", {"content": "x", "tags": ["t"] * 51}, "LIMIT_EXCEEDED", "tags"),
        ("link_projects", {"source_project": "no-a", "target_project": "no-b"}, "PROJECT_NOT_FOUND", "no-a"),
        ("init", {}, "INVALID_INPUT", "working_directory"),
        ("get_more_results", {"cursor": "AAAAAAAAAAAA.0"}, "NOT_FOUND", ""),
        ("end", {"session_id": "nope"}, "NOT_FOUND", ""),
        ("record_permission", {"operation": "", "decision": "deny"}, "INVALID_INPUT", "operation"),
        ("quality_check", {"working_directory": "relative"}, "INVALID_INPUT", "absolute path"),
        ("revoke_permission", {}, "INVALID_INPUT", "all=true"),
    ],
)
async def test_what_a_service_refuses_comes_with_the_way_out(
    stack: Stack, tool: str, arguments: dict[str, Any], code: str, named: str
) -> None:
    text, content = await failed(stack, tool, **arguments)
    assert 2 <= len(text.splitlines()) <= 5
    assert text.startswith(f"{code}: {content['error']}")
    assert (content["success"], content["error_code"]) == (False, code)
    assert named in text


@pytest.mark.slow
async def test_an_unknown_tool_has_a_code_whatever_the_token_may(stack: Stack, team: TeamStack) -> None:
    text, content = await failed(stack, "reflect_on_pst", query="x")
    assert text == "NOT_FOUND: There is no tool reflect_on_pst.\nDid you mean reflect_on_past?"
    assert content["suggestions"] == ["Did you mean reflect_on_past?"]
    async with team.client("ada", "read") as mcp:
        result = await mcp.call_tool("reflect_on_pst", {}, raise_on_error=False)
        denied = await mcp.call_tool("store_reflection", {"content": "x"}, raise_on_error=False)
    assert result.content[0].text == text
    assert denied.content[0].text.startswith("PERMISSION_DENIED: ")


# --- POST /v1/memories ------------------------------------------------------------------------------

BAD_LINES = {
    "not JSON": "{no",
    "not an object": "[1]",
    "no content": '{"project": "p"}',
    "content is no text": '{"content": 5}',
    "NaN": '{"content": "x", "metadata": {"a": NaN}}',
    "infinity": '{"content": "x", "metadata": {"a": 1e999}}',
    "deep": f'{{"content": "x", "metadata": {DEEP}}}',
    "rather deep": '{"content": "x", "metadata": ' + '{"a":' * 40 + "1" + "}" * 40 + "}",
    "a long list": "[" * 100_000,
    "a number as timestamp": '{"content": "x", "timestamp": 5}',
    "a timestamp without offset": '{"content": "x", "timestamp": "2026-01-01T00:00:00"}',
    "a future": '{"content": "x", "timestamp": "2099-01-01T00:00:00+00:00"}',
    "a time before all": '{"content": "x", "timestamp": "0001-01-01T00:00:00+14:00"}',
    "blank": '{"content": " \\t"}',
    "51 tags": json.dumps({"content": "x", "tags": [str(number) for number in range(51)]}),
    "a long project": json.dumps({"content": "x", "project": "p" * 201}),
    "all private": '{"content": "<private>x</private>"}',
    "a kind that is none": '{"content": "x", "kind": "dream"}',
    "shared maybe": '{"content": "x", "shared": "maybe"}',
    "a link to itself": '{"link": {"source": "a", "target": "a", "type": "related"}}',
    "a link of no type": '{"link": {"source": "a", "target": "b", "type": "cousin"}}',
    "a link of numbers": '{"link": {"source": 1, "target": 2, "type": "related"}}',
    "large metadata": json.dumps({"content": "x", "metadata": {"a": "ü" * 40_000}}),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_line_that_cannot_be_stored_is_named_and_the_others_are_stored(own: ProcessStack, name: str) -> None:
    good = [json.dumps({"content": f"{name}, good line {number}", "project": "lines"}) for number in range(3)]
    answer = ask(own, "POST", "/v1/memories", "\n".join([good[0], BAD_LINES[name], *good[1:]]))
    assert answer.status == 200
    assert (answer.content["stored"], answer.content["duplicates"]) == (3, 0)
    [rejected] = answer.content["rejected"]
    assert rejected["line"] == 1
    assert rejected["error_code"] in {"INVALID_INPUT", "LIMIT_EXCEEDED"}
    assert 5 < len(rejected["error"]) < 200


@pytest.mark.parametrize("field", ['"project": "x{}"', '"tags": ["x{}"]', '"metadata": {{"k{}": "v"}}'])
def test_half_a_surrogate_in_a_line_is_replaced(own: ProcessStack, field: str) -> None:
    answer = ask(own, "POST", "/v1/memories", f'{{"content": "with half of {len(field)}", {field.format(HALF)}}}')
    assert (answer.status, answer.content["stored"], answer.content["rejected"]) == (200, 1, [])


def test_all_bad_lines_at_once_are_named_each_in_their_order(own: ProcessStack) -> None:
    lines = [
        line for number, bad in enumerate(BAD_LINES.values()) for line in (bad, f'{{"content": "among {number}"}}')
    ]
    answer = ask(own, "POST", "/v1/memories", "\n".join(lines)).content
    assert [each["line"] for each in answer["rejected"]] == list(range(0, len(lines), 2))
    assert answer["stored"] == len(BAD_LINES)
    again = ask(own, "POST", "/v1/memories", "\n".join(lines)).content
    assert (again["stored"], again["duplicates"]) == (0, len(BAD_LINES))


def test_a_taken_id_is_named_by_its_line(own: ProcessStack) -> None:
    first = {"content": "first", "id": "8a1f9b1e-0000-4000-8000-000000000001"}
    ask(own, "POST", "/v1/memories", json.dumps(first))
    lines = [{"content": "before"}, first | {"content": "another"}, {"content": "after"}, first]
    answer = ask(own, "POST", "/v1/memories", "\n".join(map(json.dumps, lines))).content
    assert (answer["stored"], answer["duplicates"]) == (2, 1)
    assert [(each["line"], each["error_code"]) for each in answer["rejected"]] == [(1, "CONFLICT")]


def test_an_import_stores_the_rest_and_says_which_lines_not(own: ProcessStack, tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    kept = '{{"content": "heron {}", "project": "imported"}}'
    private = '{"content": "<private>heron</private>", "project": "imported"}'
    tagged = json.dumps({"content": "heron", "tags": ["t"] * 51})
    path.write_text("\n".join([kept.format(1), private, kept.format(2), tagged, private, kept.format(3)]) + "\n")
    done = segue(own, "import", path)
    assert done.returncode == 0, done.stderr
    assert "Imported 3 memories (0 already there, 3 skipped) from 1 file" in done.stdout
    assert (
        f"skipped 2 lines: INVALID_INPUT: All of it is private: there is nothing to store. (at {path}:2, 5)"
        in done.stderr
    )
    assert f"skipped 1 line: tags has 51 tags; at most 50 are kept (at {path}:4)" in done.stderr
    assert "heron" not in done.stdout + done.stderr


def test_what_was_stored_can_all_be_exported(own: ProcessStack) -> None:
    answer = ask(own, "GET", "/v1/memories")
    assert answer.status == 200
    assert all(json.loads(line) for line in answer.body.decode().splitlines())


# --- the other endpoints ----------------------------------------------------------------------------

BAD_REQUESTS = [
    ("POST", "/v1/retention", '{"project": "x", "days": 0}'),
    ("POST", "/v1/retention", '{"project": "x", "size_mb": 1e400}'),
    ("POST", "/v1/retention", '{"project": "x", "size_mb": NaN}'),
    ("POST", "/v1/retention", '{"project": "x", "days": 9999999999999}'),
    ("POST", "/v1/retention", '{"project": 5}'),
    ("POST", "/v1/retention", DEEP),
    ("POST", "/v1/retention", "[]"),
    ("POST", "/v1/retention", "{no"),
    ("POST", "/v1/tokens", f'{{"user": "x{HALF}"}}'),
    ("POST", "/v1/tokens", '{"user": "ada", "expires_in_s": 1e400}'),
    ("POST", "/v1/tokens", '{"user": "ada", "expires_in_s": true}'),
    ("POST", "/v1/tokens", '{"user": 5}'),
    ("POST", "/v1/tokens", "[" * 10_000),
    ("POST", "/v1/tokens/revoke", "{}"),
    ("POST", "/v1/backup", '{"directory": "/var/\\u0000"}'),
    ("POST", "/v1/backup", '{"directory": 5}'),
    ("POST", "/v1/backup", "[]"),
    ("POST", "/v1/backup", DEEP),
    ("POST", "/v1/hooks/Stop", DEEP),
    ("POST", "/v1/hooks/Stop", '{"input": 5}'),
    ("POST", "/v1/hooks/Stop", '{"input": {"session_id": "\\u0000"}, "directory": "/a\\u0000b"}'),
    ("GET", "/v1/overview?since=0001-01-01T00:00:00%2B14:00", None),
    ("GET", "/v1/overview?since=9999-12-31T23:59:59-14:00", None),
    ("GET", "/v1/overview?since=yesterday", None),
    ("GET", "/v1/memories?after=9223372036854775808", None),
    ("GET", "/v1/memories?limit=9999999999", None),
    ("GET", "/v1/memories?limit=-1", None),
    ("GET", "/v1/removals?limit=x", None),
    ("GET", "/v1/removals?limit=99999", None),
]


@pytest.mark.parametrize(("method", "path", "body"), BAD_REQUESTS, ids=range(len(BAD_REQUESTS)))
def test_a_request_that_cannot_be_read_is_the_callers_to_fix(
    own: ProcessStack, method: str, path: str, body: str | None
) -> None:
    answer = ask(own, method, path, body)
    assert (answer.status, answer.content["error_code"]) == (400, "INVALID_INPUT")
    assert answer.content["success"] is False
    assert answer.content["suggestions"]
    assert answer.headers["content-type"] == "application/json"


def test_a_body_that_is_no_object_has_a_limit(own: ProcessStack) -> None:
    answer = ask(own, "POST", "/v1/tokens", json.dumps({"user": "x" * 100_000}))
    assert (answer.status, answer.content["error_code"]) == (413, "LIMIT_EXCEEDED")


def test_a_backup_where_none_can_be_written_is_refused_and_not_a_bug(own: ProcessStack) -> None:
    answer = ask(own, "POST", "/v1/backup", json.dumps({"directory": f"/proc/{os.getpid()}/x"}))
    assert answer.content["error_code"] != "INTERNAL"
