"""What clients that hold results against output schemas show of a failure: the official TypeScript SDK, in both its
generations, and the Inspector's command line."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from fastmcp import Client

from tests.conformance.test_conformance import INSTALLED, NODE
from tests.integration.stack import ROOT, ProcessStack

pytestmark = pytest.mark.conformance

PACKAGES = INSTALLED / "@modelcontextprotocol"
SDKS = {
    "sdk": [PACKAGES / "sdk" / "dist" / "esm" / "client" / f"{name}.js" for name in ("index", "streamableHttp")],
    "client": [PACKAGES / "client" / "dist" / "index.mjs"],
}
"""The package of the first generation, and of the second."""
INSPECTOR = PACKAGES / "inspector" / "clients" / "launcher" / "build" / "index.js"
TOOL_FAILED = 5
"""The Inspector's exit code for a result that is an error."""

Call = tuple[str, Mapping[str, Any]]

WRONG: Mapping[str, Mapping[str, Any]] = {
    "init": {"working_directory": "relative"},
    "checkpoint": {"session_id": "nobody-has-this"},
    "end": {"session_id": "nobody-has-this"},
    "status": {"session_id": "nobody-has-this"},
    "list_sessions": {"state": "asleep"},
    "store_conversation": {"content": " "},
    "store_reflection": {"content": "x", "tags": ["t"] * 51},
    "reflect_on_past": {"query": ""},
    "advanced_search": {"query": "x", "since": "a while ago"},
    "list_memories": {"cursor": "none"},
    "quick_search": {"query": "x", "min_score": 7},
    "get_more_results": {"cursor": "none"},
    "search_by_file": {"file_path": "a.py", "limit": 0},
    "search_by_concept": {"concept": " "},
    "link_projects": {"source_project": "no-a", "target_project": "no-b"},
    "unlink_projects": {"source_project": "no-a"},
    "list_project_links": {"project": ["x"]},
    "list_projects": {"limit": 0},
    "name_project": {"project": "nobody-has-this", "name": "x"},
    "get_memory": {"id": "nobody-has-this"},
    "share_memory": {"id": "nobody-has-this"},
    "delete_conversations": {"before": "yesterday"},
    "update_memory": {"id": "nobody-has-this", "content": "x"},
    "withdraw": {"id": "nobody-has-this"},
    "undelete": {"last": "perhaps"},
    "reflection_stats": {"project": {"name": "x"}},
    "check_permission": {"operation": " "},
    "record_permission": {"operation": "bash", "decision": "perhaps"},
    "permission_status": {"project": 5.5},
    "revoke_permission": {},
    "quality_check": {"working_directory": "relative"},
    "quality_history": {"limit": 0},
    "answer_recommendation": {"id": "improve:nothing", "answer": "done", "project": "x"},
    "health_check": {"verbose": True},
    "system_metrics": {"window": "1h"},
}
"""For each tool a call that its service or its schema refuses."""
UNKNOWN = ("reflect_on_pst", {"query": "x"})


@pytest.fixture(scope="module")
def segue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with ProcessStack(tmp_path_factory.mktemp("clients") / "data") as stack:
        yield stack


@pytest.fixture(scope="module", params=SDKS)
def answers(request: pytest.FixtureRequest, segue: ProcessStack) -> Mapping[str, Any]:
    """By tool, what the SDK gives its user for each wrong call."""
    calls: Sequence[Call] = [*WRONG.items(), UNKNOWN]
    command = [NODE, ROOT / "tests" / "conformance" / "sdk_client.mjs", segue.url, *SDKS[request.param]]
    said = run(command, json.dumps(calls))
    assert said.returncode == 0, said.stderr
    return dict(zip([name for name, _ in calls], json.loads(said.stdout), strict=True))


def run(command: Sequence[object], sent: str = "") -> subprocess.CompletedProcess[str]:
    words = list(map(str, command))
    return subprocess.run(words, input=sent, capture_output=True, text=True, timeout=120, check=False)


def assert_readable(result: Mapping[str, Any], tool: str) -> None:
    """It is an error, and its text has a code, what was wrong, and in further lines the way out."""
    assert "thrown" not in result, (tool, result)
    assert result["isError"] is True
    text = result["content"][0]["text"]
    content = result["structuredContent"]
    first, *tips = text.splitlines()
    assert first == f"{content['error_code']}: {content['error']}"
    assert content["error_code"] in {"INVALID_INPUT", "NOT_FOUND", "PROJECT_NOT_FOUND", "LIMIT_EXCEEDED"}, tool
    assert 1 <= len(tips) <= 4, tool
    assert content["success"] is False


def test_every_tool_has_a_wrong_call(segue: ProcessStack) -> None:
    async def names() -> set[str]:
        async with Client(segue.url) as mcp:
            return {tool.name for tool in await mcp.list_tools()}

    assert asyncio.run(names()) == WRONG.keys()


@pytest.mark.parametrize("tool", [*WRONG, UNKNOWN[0]])
def test_the_sdk_shows_what_was_wrong_and_the_way_out(answers: Mapping[str, Any], tool: str) -> None:
    assert_readable(answers[tool], tool)


@pytest.mark.parametrize("tool", WRONG)
def test_the_inspector_shows_what_was_wrong_and_the_way_out(segue: ProcessStack, tool: str) -> None:
    """It takes values as `key=value`, JSON where they are that, and tells text by its quotes; none may be empty."""
    given = WRONG[tool] if tool != "reflect_on_past" else {"q": "x"}
    words = [word for name, value in given.items() for word in ("--tool-arg", f"{name}={json.dumps(value)}")]
    said = run([*inspector(segue), "--method", "tools/call", "--tool-name", tool, *words])
    assert said.returncode == TOOL_FAILED, (said.stdout, said.stderr)
    assert_readable(json.loads(said.stdout), tool)


def test_the_inspector_finds_an_unknown_tool_by_itself(segue: ProcessStack) -> None:
    said = run([*inspector(segue), "--method", "tools/call", "--tool-name", UNKNOWN[0], "--tool-arg", "query=x"])
    assert "not found" in said.stdout + said.stderr


def test_the_inspector_takes_what_is_right(segue: ProcessStack) -> None:
    said = run([*inspector(segue), "--method", "tools/call", "--tool-name", "reflect_on_past", "--tool-arg", "query=x"])
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["structuredContent"]["success"] is True


def inspector(segue: ProcessStack) -> list[object]:
    return [NODE, INSPECTOR, "--cli", segue.url, "--transport", "http"]
