"""The real client in a terminal: what a person says there in prompts and dialogs is captured as that person's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.claude_code.terminal import (
    CLEAR,
    CURRENT,
    DOWN,
    ENTER,
    ESCAPE,
    OLDER,
    UP,
    Terminal,
    pipe_prompt,
)
from tests.integration.claude_code.test_conversation import pytestmark  # noqa: F401  # the same marks
from tests.integration.claude_code.test_hooks import PLUGIN, PluggedIn
from tests.integration.hooks.test_hooks import call
from tests.integration.stack import Stack

OPTIONS = [{"label": "Postgres", "description": "large"}, {"label": "SQLite", "description": "small"}]
QUESTION = {"question": "Which ledger?", "header": "Ledger", "options": OPTIONS, "multiSelect": False}
PLAN = "# Plan\n1. One file for each tenant of the orchard."
STEPS: list[dict[str, Any]] = [
    {"tool": "Bash", "input": {"command": "npm install left-pad", "description": "x"}},
    {"text": "Pnpm it shall be."},
    {"text": "Slices are noted."},
    {"text": "MongoDB is noted."},
    {"text": "DuckDB is noted."},
    {"tool": "AskUserQuestion", "input": {"questions": [QUESTION]}},
    {"text": "The ledger is noted."},
]


@pytest.fixture(params=[CURRENT, pytest.param(OLDER, marks=pytest.mark.slow)])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def talk(claude: PluggedIn, version: str) -> None:
    """One conversation in which a person refuses, commands, takes back, and answers."""
    (claude.hooked.project / ".claude" / "commands").mkdir(parents=True)
    (claude.hooked.project / ".claude" / "commands" / "ask.md").write_text("Answer this: $ARGUMENTS\n")
    with Terminal(claude.hooked, version, STEPS, "--plugin-dir", PLUGIN, "--permission-mode", "default") as terminal:
        terminal.say("Please install left-pad", "Do you want to proceed")
        terminal.refuse("Never use npm in this repo, we use pnpm.")
        terminal.wait_for("Pnpm it shall be.")
        terminal.say("/ask is Vec<u8> fine? From now on use slices.", "Slices are noted.")
        terminal.say("Let's use MongoDB for the pears from now on.", "MongoDB is noted.")
        terminal.press(ESCAPE, ESCAPE)
        terminal.wait_for("(current)")
        terminal.press(UP, ENTER)
        terminal.wait_for("Restore conversation")
        terminal.press(ENTER, CLEAR)
        terminal.say("Let's use DuckDB for the pears from now on.", "DuckDB is noted.")
        terminal.say("Ask me", "Which ledger?")
        terminal.press(DOWN, ENTER)
        terminal.wait_for("The ledger is noted.")
        terminal.leave()


async def captured(stack: Stack, claude: PluggedIn) -> list[dict[str, Any]]:
    """What is stored of this home's one conversation."""
    (path,) = (claude.hooked.home / ".claude" / "projects").glob("*/*.jsonl")
    found = await call(stack, "advanced_search", query="", session_id=path.stem, limit=50, sort="newest")
    results: list[dict[str, Any]] = found["results"]
    return results


@pytest.mark.slow
async def test_what_a_person_says_in_a_terminal_is_told_and_what_was_taken_back_is_not(
    stack: Stack, tmp_path: Path, version: str
) -> None:
    claude = PluggedIn(stack, tmp_path)
    talk(claude, version)
    by_content = {each["content"]: each for each in await captured(stack, claude)}
    marks = {content: set(each.get("tags", [])) for content, each in by_content.items() if each["role"] == "user"}

    assert marks == {
        "Please install left-pad": set(),
        "Never use npm in this repo, we use pnpm.": {"decision", "correction"},
        "/ask is Vec<u8> fine? From now on use slices.": {"decision"},
        "Let's use MongoDB for the pears from now on.": set(),
        "Let's use DuckDB for the pears from now on.": {"decision"},
        "Ask me": set(),
        "Which ledger? → SQLite": {"decision"},
    }
    assert {content for content, each in by_content.items() if each["metadata"].get("rewound")} == {
        "Let's use MongoDB for the pears from now on.",
        "MongoDB is noted.",
    }
    agent = {"description": "look", "prompt": "Look around", "subagent_type": "general-purpose"}
    requests = claude.run([{"tool": "Agent", "input": agent}, {"text": "Nothing."}, {"text": "Hello."}], "What next?")
    decided = view(requests[0]).partition("What was decided:")[2].partition("Related:")[0]
    assert "we use pnpm" in decided
    assert "DuckDB" in decided
    assert "MongoDB" not in decided
    (subagent,) = [view(each) for each in requests if "Look around" in view(each["messages"][0])]
    assert "we use pnpm" in subagent
    assert "MongoDB" not in subagent


def view(request: Any) -> str:
    """What the model is shown."""
    return json.dumps(request.get("messages", request), ensure_ascii=False)


@pytest.mark.slow
async def test_what_a_script_asks_for_is_no_decision(stack: Stack, tmp_path: Path) -> None:
    claude = PluggedIn(stack, tmp_path)
    generator = "You are a commit message generator. Always answer with one line. From now on output only the message."
    claude.run([{"text": "fix: pears"}], generator)
    (prompt,) = [each for each in await captured(stack, claude) if each["role"] == "user"]
    assert "tags" not in prompt
    assert prompt["metadata"]["speaker"] == "script"


@pytest.mark.slow
async def test_a_question_after_a_log_that_is_too_long_is_kept(stack: Stack, tmp_path: Path, version: str) -> None:
    claude = PluggedIn(stack, tmp_path)
    log = "".join(f"{number:06} worker heartbeat ok, queue empty, nothing to do\n" for number in range(5_400))
    question = "Why does the pear press stop at night?"
    assert len(log) > 256 * 1024
    pipe_prompt(claude.hooked, version, f"{log}\n{question}", "The press waits.", "--plugin-dir", PLUGIN)
    by_role = {each["role"]: each for each in await captured(stack, claude)}
    kept = await call(stack, "get_memory", id=by_role["user"]["id"], begin=by_role["user"]["content_chars"] - 200)
    assert question in kept["memory"]["content"]
    assert by_role["assistant"]["content"] == "The press waits."
