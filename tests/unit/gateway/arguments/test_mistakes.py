"""A call that is wrong is answered with what is wrong by name, and with what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pytest
from fastmcp import Client, FastMCP
from pydantic import BaseModel, Field

from services.gateway.arguments.mistakes import likely_name
from services.gateway.errors import ErrorResults
from services.kit.errors import InvalidInput, LimitExceeded

MARK = "heron-4711"


def server() -> FastMCP:
    mcp = FastMCP("arguments", middleware=[ErrorResults()])

    @mcp.tool
    async def find(
        query: Annotated[str, Field(description="What to look for")],
        limit: Annotated[int, Field(ge=1, le=50, description="How many at most")] = 10,
        sort: Annotated[Literal["relevance", "newest"], Field(description="The order")] = "relevance",
        tags: Annotated[list[str] | None, Field(description="Only with these")] = None,
        working_directory: str | None = None,
    ) -> str:
        if not query:
            raise InvalidInput("query is empty.")
        if query == "bug":
            Shape.model_validate({"content": MARK})
        if query == "long":
            raise LimitExceeded("query is too long.", "Send it in parts.")
        return "found"

    @mcp.tool
    async def health() -> str:
        return "fine"

    return mcp


class Shape(BaseModel):
    count: int


async def text(tool: str, **arguments: Any) -> str:
    async with Client(server()) as mcp:
        result = await mcp.call_tool(tool, arguments, raise_on_error=False)
    assert result.is_error
    assert result.structured_content
    assert result.structured_content["success"] is False
    said: str = result.content[0].text
    assert len(said.splitlines()) <= 5
    return said


TAKES = "find takes query (required), limit, sort=relevance|newest, tags, working_directory."


async def test_a_misspelt_argument_is_named_with_the_likely_one_and_the_missing_one() -> None:
    assert await text("find", q="x") == (
        f"INVALID_INPUT: q is not an argument of find: did you mean query? query is required.\n{TAKES}"
    )


async def test_an_argument_like_no_other_is_named_with_those_that_there_are() -> None:
    assert await text("find", query="x", colour="blue") == (
        f"INVALID_INPUT: colour is not an argument of find.\n{TAKES}"
    )


WRONG = {
    "range": (
        {"query": "x", "limit": 51},
        "INVALID_INPUT: limit: input should be less than or equal to 50.",
        "Send limit as a number from 1 to 50: How many at most.",
    ),
    "choice": (
        {"query": "x", "sort": "oldest"},
        "INVALID_INPUT: sort: input should be 'relevance' or 'newest'.",
        "Send sort as one of relevance, newest: The order.",
    ),
    "list": (
        {"query": "x", "tags": 5},
        "INVALID_INPUT: tags: input should be a valid list.",
        'Send tags as a list, such as ["a", "b"]: Only with these.',
    ),
    "text": (
        {"query": ["x"]},
        "INVALID_INPUT: query: input should be a valid string.",
        "Send query as text: What to look for.",
    ),
    "a service's error": ({"query": ""}, "INVALID_INPUT: query is empty.", "Send query as text: What to look for."),
    "a service's own way out": ({"query": "long"}, "LIMIT_EXCEEDED: query is too long.", "Send it in parts."),
}


@pytest.mark.parametrize(("arguments", "wrong", "right"), WRONG.values(), ids=WRONG)
async def test_a_wrong_value_is_answered_with_what_the_argument_takes(
    arguments: dict[str, Any], wrong: str, right: str
) -> None:
    assert await text("find", **arguments) == f"{wrong}\n{right}"


async def test_a_tool_without_arguments_says_so() -> None:
    assert await text("health", verbose=True) == (
        "INVALID_INPUT: verbose is not an argument of health.\nhealth takes no arguments."
    )


@pytest.mark.parametrize("arguments", [{"query": [MARK]}, {"query": "x", "limit": MARK}, {"query": "x", "sort": MARK}])
async def test_what_was_sent_is_not_repeated(arguments: dict[str, Any]) -> None:
    assert MARK not in await text("find", **arguments)


async def test_many_wrong_arguments_are_counted_and_a_name_is_bounded() -> None:
    said = await text("find", **{f"{number}" * 3000: 1 for number in range(9)})
    assert len(said) < 1000
    assert "6 more are wrong." in said


async def test_only_as_many_names_are_compared_as_are_said() -> None:
    said = await text("find", query="x", **{f"a{number}": 1 for number in range(5_000)})
    assert "4996 more are wrong." in said
    assert len(said) < 1000


async def test_a_name_of_control_characters_is_shown_escaped() -> None:
    said = await text("find", query="x", **{"a\nb\x1b[31m": 1})
    assert said.isprintable() or "\x1b" not in said
    assert said.splitlines()[0].startswith("INVALID_INPUT: a\\")


async def test_a_shape_that_a_tool_gets_wrong_is_its_own_fault() -> None:
    said = await text("find", query="bug")
    assert said.startswith("INTERNAL: ")
    assert MARK not in said


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("fnd", "Did you mean find?"),
        ("mcp__segue__find", "Did you mean find?"),
        ("find_memory", "Did you mean find?"),
        ("quux", "The tools are find, health."),
        ("", "The tools are find, health."),
        ("x" * 100_000, "The tools are find, health."),
    ],
    ids=["misspelt", "with the server's name", "longer", "unlike any", "empty", "long"],
)
async def test_an_unknown_tool_has_a_code_and_the_nearest_ones(name: str, line: str) -> None:
    said = await text(name)
    assert said.splitlines()[0].startswith("NOT_FOUND: There is no tool ")
    assert said.splitlines()[1] == line
    assert len(said) < 200


FREE = ["query", "limit", "min_score", "project", "working_directory", "file_path", "since", "tags"]


@pytest.mark.parametrize(
    ("name", "missing", "likely"),
    [
        ("q", ["query"], "query"),
        ("querry", [], "query"),
        ("Query", [], "query"),
        ("workingDirectory", [], "working_directory"),
        ("working-directory", [], "working_directory"),
        ("cwd", [], "working_directory"),
        ("top_k", [], "limit"),
        ("path", ["file_path"], "file_path"),
        ("minScore", [], "min_score"),
        ("threshold", [], "min_score"),
        ("from", [], "since"),
        ("project_name", [], "project"),
        ("colour", [], ""),
        ("", [], ""),
        ("é", [], ""),
        ("日本", ["query"], ""),
    ],
)
def test_the_likely_name_of_an_argument(name: str, missing: Sequence[str], likely: str) -> None:
    assert likely_name(name, FREE, missing) == likely
