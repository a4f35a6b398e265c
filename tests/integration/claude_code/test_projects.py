"""Projects in the real Claude Code client: worktrees, namesakes, and what the model stores without naming one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.claude_code.terminal import CURRENT, Terminal
from tests.integration.claude_code.test_conversation import pytestmark  # noqa: F401  # the same marks
from tests.integration.claude_code.test_hooks import PLUGIN, PluggedIn
from tests.integration.sessions.test_project_identity import call, git, repository
from tests.integration.stack import Stack

STORE = "mcp__plugin_segue_segue__store_reflection"


@pytest.fixture
def claude(stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> PluggedIn:
    if "compose" in request.node.name:
        pytest.skip("the gateway does not see the directories")
    return PluggedIn(stack, tmp_path / "user")


@pytest.fixture(autouse=True)
def user(tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()


def view(claude: PluggedIn, project: Path, text: str = "Hello.", prompt: str = "What next?") -> str:
    """What the model was first sent in a conversation there."""
    claude.hooked.project = project
    return json.dumps(claude.run([{"text": text}], prompt)[0]["messages"])


@pytest.mark.slow
def test_what_is_decided_in_a_worktree_is_told_in_the_repository_and_not_in_its_namesake(
    claude: PluggedIn, tmp_path: Path, project: str
) -> None:
    main, other = repository(tmp_path / "client-a" / project), repository(tmp_path / "client-b" / project)
    git(main, "worktree", "add", "-q", str(tmp_path / f"{project}-hotfix"))
    claude.hooked.project = tmp_path / f"{project}-hotfix"
    steps = [{"text": "Noted, indigo."}]
    with Terminal(claude.hooked, CURRENT, steps, "--plugin-dir", PLUGIN) as terminal:  # a script decides nothing
        terminal.say("We decided: the invoice colour is indigo, from now on.", "Noted, indigo.")
        terminal.leave()
    assert "> We decided: the invoice colour is indigo, from now on." in view(claude, main)
    assert "indigo" not in view(claude, other)


@pytest.mark.slow
@pytest.mark.slow
def test_a_renamed_directory_goes_on_and_the_model_is_told_so_once(
    claude: PluggedIn, tmp_path: Path, project: str
) -> None:
    notes, renamed = tmp_path / project, tmp_path / f"{project}-2026"
    notes.mkdir()
    view(claude, notes, "The heron nests at the third post.", "Where does the heron nest?")
    notes.rename(renamed)
    first, second = view(claude, renamed), view(claude, renamed)
    assert "The heron nests at the third post." in first
    assert f"segue project split {project} {renamed.name}" in first
    assert "segue project split" not in second


@pytest.mark.slow
async def test_what_the_model_stores_without_a_project_is_told_there(
    claude: PluggedIn, stack: Stack, tmp_path: Path, project: str
) -> None:
    main = claude.hooked.project = repository(tmp_path / project)
    claude.allow("mcp__plugin_segue_segue")
    learned = {"content": f"The staging cluster of {project} is called heron-7.", "tags": ["decision"]}
    claude.run([{"tool": STORE, "input": learned}, {"text": "Remembered."}], "Save what we learned.")
    assert "heron-7" in view(claude, main)
    found = await call(stack, "advanced_search", query=f"staging cluster {project} heron-7", limit=1)
    assert found["results"][0]["project"] == project
