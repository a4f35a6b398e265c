"""Segue itself through `segue connect`, in both eras of the protocol: each answer is held against its era's own schema.

The official conformance suite knows no version after 2025-11-25; the schemas are those of the official SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp_types.methods import validate_server_result

from services.cli.bridge.stored_lists import StoredLists
from tests.bridged import Connect, Connection, Message
from tests.conformance.test_clients import WRONG
from tests.hooked import Hooked
from tests.integration.stack import ProcessStack, Stack

HANDSHAKE, STANDALONE = "2025-11-25", "2026-07-28"
LISTS = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
NO_METHOD, NO_PARAMS = -32601, -32602


class Era:
    """A connection that speaks one version, and holds each result against it."""

    def __init__(self, connection: Connection, version: str, capabilities: Mapping[str, Any]) -> None:
        self.connection, self.version, self._number = connection, version, 0
        self._capabilities = capabilities
        own = {"protocolVersion": version, "clientInfo": {"name": "test", "version": "0"}}
        if version == STANDALONE:
            self._meta = {
                f"io.modelcontextprotocol/{name}": value
                for name, value in {**own, "clientCapabilities": capabilities}.items()
            }
            self.result("server/discover")
        else:
            self._meta = {}
            self.result("initialize", **own, capabilities=capabilities)
            connection.send({"method": "notifications/initialized"})

    def answer(self, method: str, **params: Any) -> Message:
        self._number += 1
        meta = {"_meta": self._meta} if self._meta else {}
        return self.connection.request(self._number, method, **params, **meta)

    def result(self, method: str, **params: Any) -> Any:
        answer = self.answer(method, **params)
        assert "result" in answer, (method, answer)
        validate_server_result(method, self.version, answer["result"])
        return answer["result"]


@pytest.fixture(params=[HANDSHAKE, STANDALONE])
def era(request: pytest.FixtureRequest, stack: Stack, connect: Connect, tmp_path: Path) -> Era:
    return Era(connect(**stack.environment, CLAUDE_PROJECT_DIR=str(tmp_path)), request.param, {})


def test_lists_prompts_and_resources_are_what_the_era_says(era: Era) -> None:
    listed = {method: era.result(method) for method in LISTS}

    assert {each["name"] for each in listed["tools/list"]["tools"]} == WRONG.keys()
    for prompt in listed["prompts/list"]["prompts"]:
        given = {each["name"]: "x" for each in prompt.get("arguments", []) if each.get("required")}
        assert era.result("prompts/get", name=prompt["name"], arguments=given)["messages"]
    assert listed["resources/templates/list"]["resourceTemplates"]


def test_every_tool_answers_a_wrong_call_as_the_era_says(era: Era, request: pytest.FixtureRequest) -> None:
    if "compose" in request.node.name:
        pytest.skip("containers take a directory that they cannot see for a project's name, which is not wrong")
    for tool, arguments in WRONG.items():
        result = era.result("tools/call", name=tool, arguments=dict(arguments))
        assert result["isError"] is True, tool
        assert result["structuredContent"]["error_code"] in result["content"][0]["text"], tool


def test_what_is_right_is_answered_and_read_again(era: Era, project: str) -> None:
    content = f"The {project} crane lifts nine tonnes."
    stored = era.result("tools/call", name="store_reflection", arguments={"content": content, "project": project})
    identifier = stored["structuredContent"]["reflection_id"]
    found = era.result("tools/call", name="reflect_on_past", arguments={"query": "crane", "project": project})
    read = era.result("resources/read", uri=f"segue://memory/{identifier}")

    assert [each["content"] for each in found["structuredContent"]["results"]] == [content]
    assert content in read["contents"][0]["text"]


def test_what_is_not_there_is_refused_by_its_code(era: Era) -> None:
    assert era.answer("no/such_method")["error"]["code"] == NO_METHOD
    assert era.answer("prompts/get", name="no-such-prompt")["error"]["code"] < 0
    assert era.answer("resources/read", uri="segue://no/such")["error"]["code"] < 0
    assert era.answer("tools/call", arguments={})["error"]["code"] < 0
    assert era.result("tools/list")["tools"]  # and goes on


@pytest.mark.parametrize("version", [HANDSHAKE, STANDALONE])
def test_what_the_bridge_answers_while_no_server_runs_is_what_the_era_says(tmp_path: Path, version: str) -> None:
    stored = StoredLists(tmp_path)
    meta = {"io.modelcontextprotocol/protocolVersion": version} if version == STANDALONE else {}
    first = "server/discover" if version == STANDALONE else "initialize"
    for method in (first, *LISTS):
        params = {"protocolVersion": version} if method == "initialize" else {"_meta": meta}
        answer = stored.answer({"id": 1, "method": method, "params": params})
        assert answer
        validate_server_result(method, version, answer["result"])


@pytest.mark.slow
@pytest.mark.parametrize("version", [HANDSHAKE, STANDALONE])
def test_of_two_conversations_at_once_each_client_ends_its_own(connect: Connect, tmp_path: Path, version: str) -> None:
    """Both are in one directory; the client says by CLAUDE_CODE_SESSION_ID which one its server belongs to."""
    with ProcessStack(tmp_path / "data") as stack:
        talks = [Hooked(tmp_path, "orchard", **stack.environment) for _ in range(2)]
        for talk, said in zip(talks, ("We prune the pears in March.", "We paint the fence green."), strict=True):
            talk.begin()
            talk.say(f"From now on: {said}", f"Noted: {said}")
            talk.hook("Stop", stop_hook_active=False)
            talk.settle()
        pears, fence = (
            Era(
                connect(
                    **stack.environment,
                    CLAUDE_PROJECT_DIR=str(talk.project),
                    CLAUDE_CODE_SESSION_ID=talk.transcript.session_id,
                ),
                version,
                {},
            )
            for talk in talks
        )
        ended = pears.result("tools/call", name="end", arguments={})["structuredContent"]
        assert "prune the pears" in ended["handoff"]
        assert "fence" not in ended["handoff"]
        assert fence.result("tools/call", name="status", arguments={})["structuredContent"]["session_active"]
        ended = fence.result("tools/call", name="end", arguments={})["structuredContent"]
        assert "paint the fence" in ended["handoff"]
        assert "pears" not in ended["handoff"]
