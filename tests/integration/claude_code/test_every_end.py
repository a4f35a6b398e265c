"""The real client in terminals: however a conversation ends, it leaves one handoff, and the next one is told of it.

One scenario, for a client takes seconds to start: `/clear`, a fork of what was deleted, two terminals of which one is
killed, a compaction, a resumed conversation; and a start with more to tell than a client shows.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path

import pytest

from tests.integration.calls import call
from tests.integration.claude_code.terminal import CURRENT, OLDER, Terminal
from tests.integration.claude_code.test_conversation import pytestmark  # noqa: F401  # the same marks
from tests.integration.claude_code.test_hooks import PLUGIN, PluggedIn
from tests.integration.memory.test_exact_lists import send_lines
from tests.integration.sessions.test_project_identity import repository
from tests.integration.stack import Stack, segue

RECAP = "<analysis>Fruit.</analysis>\n<summary>The plums of the client's own summary are weighed.</summary>"


@pytest.fixture(params=[CURRENT, OLDER])
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CLAUDE_CODE_VERSION", request.param)
    return str(request.param)


class Desk:
    """Terminals of one user in one project, and what conversations leave there."""

    def __init__(self, claude: PluggedIn, version: str) -> None:
        self.claude, self.version = claude, version

    def open(self, answers: list[str], *arguments: str) -> Terminal:
        steps = [{"text": each} for each in answers]
        return Terminal(self.claude.hooked, self.version, steps, "--plugin-dir", PLUGIN, *arguments)

    def conversation(self, words: str) -> str:
        """The id of the conversation in which a person said so first."""
        folder = self.claude.hooked.home / ".claude" / "projects"
        found = {each.stem for each in folder.glob("*/*.jsonl") if words in each.read_text()}
        assert found, words
        return min(found, key=lambda each: next(folder.glob(f"*/{each}.jsonl")).stat().st_ctime)

    @property
    def handoffs(self) -> list[str]:
        return [each.read_text() for each in (self.claude.hooked.project / ".claude" / "handoffs").glob("*.md")]

    def handoff(self, words: str) -> str:
        """The one handoff that has these words as what was asked or answered last."""
        (found,) = (each for each in self.handoffs if words in each.split("## Summary")[1].split("\n## ")[0])
        return found


def found(stack: Stack, text: str, project: str) -> list[str]:
    """The ids of memories with exactly this text."""
    listed = asyncio.run(call(stack, "list_memories", project=project, limit=50))
    return [each["id"] for each in listed["memories"] if each["content"] == text]


def delete_all(stack: Stack, text: str, project: str) -> None:
    ids = found(stack, text, project)
    assert ids
    done = segue(stack, "delete", *ids, "--yes")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_each_conversation_in_terminals_leaves_one_handoff_and_the_next_is_told_of_it(
    stack: Stack, tmp_path: Path, project: str, version: str, request: pytest.FixtureRequest
) -> None:
    if "compose" in request.node.name:
        pytest.skip("the gateway does not see the directories")
    desk = Desk(PluggedIn(stack, tmp_path), version)
    desk.claude.hooked.project = repository(tmp_path / project)

    answers = ["The pears were off by one.", "The plums are in the cellar.", "The plums were off by two.", RECAP]
    with desk.open(answers) as first:
        first.say("Please look into the pears.", "The pears were off by one.")
        first.clear()
        first.say("Please look into the plums.", "The plums are in the cellar.")
        first.say("Please count all the plums.", "The plums were off by two.")
        desk.claude.hooked.settle()
        assert "Unfinished" not in desk.handoff("The pears were off by one.")
        delete_all(stack, "The pears were off by one.", project)
        pears, plums = desk.conversation("look into the pears"), desk.conversation("look into the plums")
        second = desk.open(["The figs are only half done."], "--resume", pears, "--fork-session")
        with second:
            second.say("Please look into the figs.", "The figs are only half done.")
            first.say("/compact", "ompacted")
            first.leave()  # the first of two terminals to close
            assert "client's own summary" in desk.handoff("The plums were off by two.")
            second.kill()
    with desk.open(["The limes were off by four."], "--resume", plums) as third:
        third.say("Please look into the limes.", "The limes were off by four.")
        third.leave()
    words = [" ".join(secrets.token_hex(4) for _ in range(60)) for _ in range(40)]
    decision = {"kind": "conversation", "role": "user", "tags": ["decision"], "project": project}
    send_lines(stack, [{"content": f"From now on, the rule is: {each}.", **decision} for each in words])
    desk.claude.hooked.environment["SEGUE_HOOK_TOKENS"] = "5000"
    desk.claude.allow()
    view = json.dumps(desk.claude.run([{"text": "Hello."}], "What next?")[0]["messages"])
    assert "Unfinished" in desk.handoff("The figs are only half done.")
    assert f"Conversation `{plums}`" in desk.handoff("The limes were off by four.")
    assert len([each for each in desk.handoffs if "What next?" not in each]) == 3
    order = ("figs are only half done", "limes were off by four", "From now on, the rule is")
    assert sorted(order, key=view.index) == list(order)
    assert "persisted-output" not in view
    assert "pears were off" not in view + "".join(desk.handoffs)  # though the fork has them in its transcript
    assert found(stack, "The pears were off by one.", project) == []
