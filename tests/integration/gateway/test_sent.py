"""What models and clients send, at each door: MCP over HTTP, `segue connect` and `/v1`."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import unicodedata
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from services.gateway.tools.listing import ALWAYS_LOAD_META
from services.gateway.tools.tool_sets import CORE
from tests.integration.calls import call
from tests.integration.stack import ROOT, Stack, client
from tests.patience import PATIENCE_S

HALF = "\ud83d"
HANDSHAKE = """{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}"""
ARGUMENTS: dict[str, Any] = {
    "query": "x",
    "content": "a text",
    "id": "no-such",
    "cursor": "AAAAAAAAAAAA.5",
    "file_path": "a.py",
    "concept": "x",
    "source_project": "a",
    "target_project": "b",
    "operation": "no_such",
    "decision": "deny",
    "answer": "done",
    "project": "no such project",
    "name": "another name",
}


def bridge(stack: Stack) -> Client[Any]:
    environment = {**stack.environment, "PYTHONPATH": str(ROOT)}
    return Client(StdioTransport(sys.executable, ["-m", "services.cli", "connect"], env=environment))


def post(stack: Stack, path: str, body: str) -> tuple[int, dict[str, Any]]:
    address = stack.url.removesuffix("/mcp") + path
    request = urllib.request.Request(address, body.encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


async def test_every_parameter_that_may_be_left_out_may_be_null(stack: Stack) -> None:
    """Whatever a call comes to, it is the same as without the parameter."""
    async with client(stack) as mcp:
        for tool in await mcp.list_tools():
            schema = tool.input_schema
            required = {name: ARGUMENTS[name] for name in schema.get("required", [])}
            optional = dict.fromkeys(set(schema["properties"]) - set(required) - {"run_tools"})
            result = await mcp.call_tool(tool.name, required | optional, raise_on_error=False)
            assert "Input should be" not in str(result.content), tool.name


async def test_the_schemas_say_types_in_brief_and_no_bound_that_clients_refuse(stack: Stack) -> None:
    async with client(stack) as mcp:
        tools = {tool.name: tool for tool in await mcp.list_tools()}
    assert not [name for name, tool in tools.items() if "exclusiveM" in json.dumps(tool.input_schema)]
    tags = tools["store_reflection"].input_schema["properties"]["tags"]
    assert tags == {"type": "array", "items": {"type": "string"}, "description": "Words to find it by"}


async def test_every_tool_is_marked_as_loaded_from_the_start_or_not(stack: Stack) -> None:
    async with bridge(stack) as mcp:
        marks = {tool.name: (tool.meta or {})[ALWAYS_LOAD_META] for tool in await mcp.list_tools()}
    assert {name for name, mark in marks.items() if mark is True} == CORE
    assert set(marks.values()) == {True, False}


@pytest.mark.parametrize("tags", ["a, b", '["a","b"]', ["a", "b"]])
async def test_lists_and_objects_may_be_text_at_every_door(stack: Stack, project: str, tags: Any) -> None:
    stored = await call(stack, "store_reflection", content="one", project=project, tags=tags)
    assert stored["tags_applied"] == ["a", "b"]
    status, answer = post(
        stack,
        "/v1/memories",
        json.dumps({"content": "two", "project": project, "tags": tags, "metadata": '{"k": "v"}', "role": None}),
    )
    assert (status, answer["stored"]) == (200, 1)
    found = await call(stack, "advanced_search", query="one two", project=project, tags=tags)
    assert {each["content"]: each["tags"] for each in found["results"]} == {"one": ["a", "b"], "two": ["a", "b"]}
    assert {"k": "v"} in [each.get("metadata") for each in found["results"]]


async def test_what_a_client_adds_is_passed_over_and_what_is_misspelt_is_not(stack: Stack, project: str) -> None:
    added = {"toolCallId": "call_1", "sessionId": "n8n", "_meta": {"a": 1}}
    assert (await call(stack, "reflect_on_past", query="x", project=project, **added))["success"]
    async with client(stack) as mcp:
        result = await mcp.call_tool("reflect_on_past", {"query": "x", "projct": project}, raise_on_error=False)
    assert result.is_error
    assert result.structured_content is not None
    assert result.structured_content["error_code"] == "INVALID_INPUT"
    assert "projct" in result.structured_content["error"]


async def test_half_an_emoji_is_replaced_at_every_door(stack: Stack, project: str) -> None:
    """Sent as other clients send it: ours would not escape it."""
    lines: list[dict[str, Any]] = [
        {"method": "initialize", "id": 1, "params": {"protocolVersion": "2025-06-18", "capabilities": {}}},
        {"method": "notifications/initialized"},
        {"method": "tools/call", "id": 2, "params": {"name": "store_reflection", "arguments": reflection(project)}},
    ]
    lines[0]["params"]["clientInfo"] = {"name": "test", "version": "1"}
    sent = "".join(json.dumps({"jsonrpc": "2.0", **line}) + "\n" for line in lines)
    environment = {**stack.environment, "PYTHONPATH": str(ROOT), "PATH": ""}
    command = [sys.executable, "-m", "services.cli", "connect"]
    answers = subprocess.run(
        command, input=sent, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    stored = json.loads(answers.stdout.splitlines()[-1])["result"]["structuredContent"]
    assert stored["tags_applied"] == ["\ufffd"]
    memory = (await call(stack, "get_memory", id=stored["reflection_id"]))["memory"]
    assert memory["content"] == "a text cut \ufffd"
    line = json.dumps({"content": f"another {HALF}", "project": project, "tags": [HALF], "metadata": {HALF: HALF}})
    assert post(stack, "/v1/memories", line)[1]["stored"] == 1
    status, rule = post(stack, "/v1/retention", json.dumps({"project": f"{project}{HALF}", "days": 3, "reset": None}))
    assert (status, rule["project"]) == (200, f"{project}\ufffd")


def reflection(project: str) -> dict[str, Any]:
    return {"content": f"a text cut {HALF}", "project": project, "tags": [HALF]}


async def test_names_with_space_around_them_are_the_same_names(stack: Stack, project: str) -> None:
    other = f"{project}-é"
    decomposed = unicodedata.normalize("NFD", other)
    await call(stack, "store_conversation", content="a lamp", project=f" {project}\n", session_id=" s1 ", role=" user ")
    await call(stack, "store_reflection", content="a lantern", project=f"\t{decomposed} ", tags=[" a "])
    assert post(stack, "/v1/memories", json.dumps({"content": "a torch", "project": f" {other}"}))[1]["stored"] == 1
    searches: list[dict[str, Any]] = [
        {"project": f"  {project}", "session_id": "s1 ", "role": "user"},
        {"project": f"{decomposed} ", "tags": ["a "]},
    ]
    found = [await call(stack, "advanced_search", query="lamp lantern", **each) for each in searches]
    assert [[each["content"] for each in answer["results"]] for answer in found] == [["a lamp"], ["a lantern"]]
    assert (await call(stack, "reflection_stats", project=f" {decomposed}"))["total_reflections"] == 1
    await call(stack, "link_projects", source_project=f" {project}", target_project=f"{decomposed} ")
    links = (await call(stack, "list_project_links", project=f"{project} "))["links"]
    assert [(each["source_project"], each["target_project"]) for each in links] == [(project, other)]
    assert (await call(stack, "unlink_projects", source_project=f" {project}", target_project=other))["unlinked"]


async def test_a_project_of_nothing_but_space_is_the_default_one_and_never_all(stack: Stack, project: str) -> None:
    await call(stack, "store_reflection", content="a lighthouse", project=project)
    counted = await call(stack, "delete_conversations", project=" ")
    named = await call(stack, "delete_conversations", project="default")
    assert counted["would_delete"] == named["would_delete"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
async def test_a_file_is_found_in_either_form_of_its_name(stack: Stack, project: str, form: Any, asked: Any) -> None:
    path = "doku/Übersicht.md"
    text = f"Terms are in {unicodedata.normalize(form, path)} now."
    stored = await call(stack, "store_reflection", content=text, project=project)
    found = await call(stack, "search_by_file", file_path=unicodedata.normalize(asked, path), project=project)
    assert [each["id"] for each in found["results"]] == [stored["reflection_id"]]
    assert found["results"][0]["content"] == text


@pytest.mark.parametrize("until", ["9999-12-31", "in 9999", "December 9999", "9999-12"])
async def test_no_end_is_no_bug(stack: Stack, project: str, until: str) -> None:
    await call(stack, "store_reflection", content="a lighthouse", project=project)
    search: dict[str, Any] = {"query": "lighthouse", "project": project, "max_tokens": 2**70, "since": "0001-01-01"}
    assert (await call(stack, "advanced_search", until=until, **search))["total_found"] == 1


async def test_words_that_are_no_time_are_refused_by_their_arguments_name(stack: Stack) -> None:
    async with client(stack) as mcp:
        for name in ("since", "until"):
            arguments = {"query": "x", name: "when the cows come home"}
            result = await mcp.call_tool("advanced_search", arguments, raise_on_error=False)
            assert (result.structured_content or {})["error"].startswith(f"{name} is ")


@pytest.mark.parametrize(
    "line", ['{"content": "x", "timestamp": 5}', '{"content": "x", "metadata": ' + '{"a":' * 5000 + "1" + "}" * 5001]
)
def test_a_line_of_an_odd_form_is_rejected_alone(stack: Stack, project: str, line: str) -> None:
    good = json.dumps({"content": "a good one", "project": project})
    status, answer = post(stack, "/v1/memories", f"{line}\n{good}")
    assert (status, answer["stored"], [each["line"] for each in answer["rejected"]]) == (200, 1, [0])


async def test_a_rule_for_a_project_may_be_recorded_before_init(stack: Stack, tmp_path: Path) -> None:
    rule = {"operation": "deploy", "target": tmp_path.name, "scope": "project"}
    async with client(stack) as mcp:
        asked = {"operation": "deploy", "target": tmp_path.name, "working_directory": str(tmp_path)}
        made = await mcp.call_tool("record_permission", {**rule, **asked, "decision": "deny"})
        checked = await mcp.call_tool("check_permission", asked)
        elsewhere = await mcp.call_tool("check_permission", {**asked, "working_directory": str(tmp_path.parent)})
    assert (made.structured_content or {})["rule"]["scope"] == "project"
    assert (checked.structured_content or {})["decision"] == "deny"
    assert (elsewhere.structured_content or {})["decision"] == "ask"


@pytest.mark.parametrize(
    ("accepted", "form"),
    [
        ("application/json", "application/json"),
        ("application/json;q=0.9", "application/json"),
        ("application/*", "application/json"),
        (None, "application/json"),
        ("text/event-stream", "text/event-stream"),
        ("*/*", "text/event-stream"),
        ("application/json, text/event-stream", "text/event-stream"),
    ],
)
def test_an_answer_has_the_form_that_the_client_accepts(stack: Stack, accepted: str | None, form: str) -> None:
    answer = posted(stack, HANDSHAKE, accepted)
    assert answer.headers["content-type"].split(";")[0] == form
    text = answer.read().decode()
    message = json.loads(text if form == "application/json" else text.partition("data: ")[2])
    assert message["result"]["serverInfo"]["name"] == "segue"


def test_a_client_that_accepts_json_alone_goes_on_after_its_handshake(stack: Stack) -> None:
    assert posted(stack, HANDSHAKE, "application/json").status == 200
    ready = '{"jsonrpc": "2.0", "method": "notifications/initialized"}'
    assert posted(stack, ready, "application/json").status == 202
    asked = {"name": "reflection_stats", "arguments": {"project": None}}
    request = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": asked})
    answer = json.load(posted(stack, request, "application/json"))
    assert answer["result"]["structuredContent"]["success"] is True


def test_a_form_that_is_not_to_be_had_is_refused(stack: Stack) -> None:
    assert posted(stack, HANDSHAKE, "text/html").status == 406


def posted(stack: Stack, body: str, accepted: str | None) -> http.client.HTTPResponse:
    """The answer to a message of a client that accepts this form."""
    connection = http.client.HTTPConnection(stack.url.split("/")[2], timeout=30)
    headers = {"content-type": "application/json", **({"accept": accepted} if accepted else {})}
    connection.request("POST", "/mcp", body.encode(), headers)
    return connection.getresponse()


async def test_a_session_is_listed_by_its_projects_name_in_any_form(stack: Stack, tmp_path: Path) -> None:
    directory = tmp_path / unicodedata.normalize("NFD", "café")
    directory.mkdir()
    begun = await call(stack, "init", working_directory=str(directory))
    assert begun["project_context"]["root"] == str(directory)
    for name in (" café", unicodedata.normalize("NFD", "café\n")):
        sessions = (await call(stack, "list_sessions", project=name))["sessions"]
        assert begun["session_id"] in [each["session_id"] for each in sessions]
    await call(stack, "end", session_id=f" {begun['session_id']} ")
