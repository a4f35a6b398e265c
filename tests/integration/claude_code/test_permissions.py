"""README's table of what a rule does in the real client: headless, in a terminal, and where dialogs are turned off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.claude_code.terminal import ENTER, Terminal
from tests.integration.claude_code.test_capture import version  # noqa: F401  # a fixture
from tests.integration.claude_code.test_conversation import pytestmark as client_marks
from tests.integration.claude_code.test_hooks import PLUGIN, PluggedIn
from tests.integration.hooks.test_hooks import rules
from tests.integration.stack import Stack

pytestmark = [*client_marks, pytest.mark.parametrize("stack", ["process"], indirect=True)]

DENIED, ALLOWED, OTHER = "touch denied", "touch allowed", "touch other"
CRITICAL = "rm -rf build; touch critical"
PERSONS = "touch persons; segue permit Bash 'touch other'"
ROWS = (DENIED, ALLOWED, CRITICAL, PERSONS, OTHER)
BYPASS = "--dangerously-skip-permissions"
DIALOG = "Do you want to proceed"
ALLOWS_LEARNED = 3
"""So many make a rule, as SEGUE_SESSION_LEARN_AFTER says unless set."""


@pytest.fixture
def claude(stack: Stack, tmp_path: Path) -> PluggedIn:
    client = PluggedIn(stack, tmp_path)
    client.hooked.begin()
    allow = {"operation": "Bash", "scope": "project", "decision": "allow", "target": ALLOWED}
    rules(client.hooked, allow, {**allow, "decision": "deny", "target": f"{DENIED} *"})
    return client


def bash(command: str) -> dict[str, Any]:
    return {"tool": "Bash", "input": {"command": command, "description": "x"}}


def files(claude: PluggedIn) -> set[str]:
    """What ran: each command makes a file of its own."""
    return {path.name for path in claude.hooked.project.iterdir() if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "ran"),
    [((), {"allowed"}), ((BYPASS,), {"allowed", "critical", "other"})],
    ids=["asks", "asks nothing"],
)
def test_headless_the_client_does_as_the_table_says(
    claude: PluggedIn, arguments: tuple[str, ...], ran: set[str]
) -> None:
    requests = claude.run([*map(bash, ROWS), {"text": "Done."}], "go", *arguments)
    assert files(claude) == ran
    assert "denies it" in str(requests[-1]["messages"])


@pytest.mark.slow
def test_in_a_terminal_the_person_is_asked_as_the_table_says_and_three_answers_are_learned(
    claude: PluggedIn,
    version: str,  # noqa: F811
) -> None:
    answered = [f"Pears {number} are there." for number in range(ALLOWS_LEARNED)]
    steps = [bash(DENIED), bash(ALLOWED), {"text": "Two are done."}, bash(OTHER), {"text": "It shall not be."}]
    for text in (*answered, "Pears are there again."):
        steps += [bash(OTHER), {"text": text}]
    steps += [bash(CRITICAL), {"text": "Nothing is gone."}, bash(PERSONS), {"text": "No rule was made."}]
    with Terminal(claude.hooked, version, steps, "--plugin-dir", PLUGIN, "--permission-mode", "default") as terminal:
        terminal.say("Begin", "Two are done.")
        assert files(claude) == {"allowed"}
        refuse(terminal, "Another", "It shall not be.")
        for number, text in enumerate(answered):
            terminal.say(f"Pears, time {number}", DIALOG)
            terminal.press(ENTER)
            terminal.wait_for(text)
            claude.hooked.settle()
            (claude.hooked.project / "other").unlink()
        terminal.say("And the last pears", "Pears are there again.")
        assert "".join(DIALOG.split()) not in terminal.squeezed
        assert files(claude) == {"allowed", "other"}
        refuse(terminal, "Destroy", "Nothing is gone.")
        refuse(terminal, "Permit", "No rule was made.")
    assert files(claude) == {"allowed", "other"}


@pytest.mark.slow
def test_in_a_terminal_without_dialogs_only_what_changes_rules_is_asked(
    claude: PluggedIn,
    version: str,  # noqa: F811
) -> None:
    steps = [*map(bash, (DENIED, ALLOWED, CRITICAL, OTHER)), {"text": "All are done."}]
    steps += [bash(PERSONS), {"text": "No rule was made."}]
    with Terminal(claude.hooked, version, steps, "--plugin-dir", PLUGIN, BYPASS) as terminal:
        terminal.say("Begin", "All are done.")
        assert files(claude) == {"allowed", "critical", "other"}
        refuse(terminal, "Permit", "No rule was made.")
    assert "persons" not in files(claude)


def refuse(terminal: Terminal, prompt: str, answer: str) -> None:
    """The client shows a dialog, and the person says no."""
    terminal.say(prompt, DIALOG)
    terminal.refuse("Not this.")
    terminal.wait_for(answer)
