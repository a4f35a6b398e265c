"""Which tools are listed for whom, and what their list costs a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp.tools.base import Tool
from pydantic import ValidationError

from services.gateway.access.identity import Scope
from services.gateway.access.scopes import TOOLS
from services.gateway.app import register_tools
from services.gateway.backends import open_backends
from services.gateway.config import GatewaySettings
from services.gateway.directory.project_labels import ProjectLabels
from services.gateway.directory.working_directory import Workplace
from services.gateway.tools.listing import HINT_META, HINTS, WHOLE_OUTPUT, Listing
from services.gateway.tools.tool_sets import CORE, SETS

CORE_CHARS, ALL_CHARS = 4_000, 15_500
"""Characters of the tools' names, descriptions and input schemas in JSON, which are 4.3 to a token and more."""


@pytest.fixture(scope="module")
def all_tools() -> Sequence[Tool]:
    async def registered() -> Sequence[Tool]:
        mcp = FastMCP("segue")
        async with open_backends(GatewaySettings()) as backends:
            register_tools(mcp, GatewaySettings(), backends, Workplace((), ProjectLabels(backends, ())))
            return await mcp.list_tools()

    return asyncio.run(registered())


@pytest.fixture
def tools(all_tools: Sequence[Tool]) -> Sequence[Tool]:
    return Listing().shown(all_tools, Scope.ADMIN)


def names(tools: Sequence[Tool], scope: Scope = Scope.ADMIN, sets: str = "all") -> set[str]:
    """The names that a caller of this scope is shown where these sets are chosen."""
    return {each.name for each in Listing(GatewaySettings(tools=sets).tool_sets).shown(tools, scope)}


def shown_to_a_model(tools: Sequence[Tool]) -> str:
    parts = [{"name": each.name, "description": each.description, "input_schema": each.parameters} for each in tools]
    return "".join(json.dumps(each, separators=(",", ":"), ensure_ascii=False) for each in parts)


def test_the_list_costs_a_model_little(tools: Sequence[Tool]) -> None:
    assert len(shown_to_a_model([each for each in tools if each.name in CORE])) <= CORE_CHARS
    assert len(shown_to_a_model(tools)) <= ALL_CHARS


def test_each_tool_is_in_one_set_and_all_outside_the_core_have_a_hint(tools: Sequence[Tool]) -> None:
    known = {each.name: each for each in tools}
    assert sorted(name for chosen in SETS.values() for name in chosen) == sorted(known)
    assert 5 <= len(CORE) <= 6
    assert set(HINTS) == set(known) - CORE
    assert all((known[name].meta or {})[HINT_META] == hint for name, hint in HINTS.items())


def test_a_caller_is_shown_what_their_scope_may_call(all_tools: Sequence[Tool]) -> None:
    assert names(all_tools, Scope.READ) == {name for name, scope in TOOLS.items() if scope is Scope.READ}
    assert names(all_tools, Scope.WRITE) == set(TOOLS)


def test_a_setting_chooses_sets(all_tools: Sequence[Tool]) -> None:
    assert names(all_tools, sets="core") == CORE
    quality = {"quality_check", "quality_history", "answer_recommendation"}
    assert names(all_tools, sets="core, quality") == CORE | quality


@pytest.mark.parametrize("sets", ["", "cor", "core;search"])
def test_a_set_that_there_is_not_is_refused(sets: str) -> None:
    with pytest.raises(ValidationError, match="the sets of tools are all"):
        GatewaySettings(tools=sets)


def test_output_schemas_name_each_field_and_describe_items_where_programs_need_them(tools: Sequence[Tool]) -> None:
    for tool in tools:
        schema: dict[str, Any] = tool.output_schema or {}
        assert schema["required"] == ["success"]
        fields = schema["properties"].values()
        described = "$defs" in schema or any("properties" in (each.get("items") or each) for each in fields)
        assert described == (tool.name in WHOLE_OUTPUT), tool.name
        assert "#/$defs/" not in json.dumps(schema) or "$defs" in schema
